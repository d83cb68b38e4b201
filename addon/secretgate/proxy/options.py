"""mitmproxy options: secretgate's own, and those of mitmproxy that break its guarantees."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from secretgate.settings import FIELDS, PREFIX, Settings, SettingsError
from secretgate.settings.sources import load, meant, misspelt
from secretgate.state import Places

_HARMFUL = {
    "stream_large_bodies": "lets large requests pass unread: unset it (answers are streamed anyway)",
    "proxy_debug": "writes all that clients send to the log, as they sent it: unset it",
    **dict.fromkeys(
        ("emudhra", "emudhra_old"),
        "signs with a CA whose key is public, so that others can read what is sent: unset it",
    ),
}

INHERITED_KEYS, OWN_KEYS = "SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"
"""Variables naming a file for the TLS keys of all connections; the first is meant for browsers."""


def declare(loader: Loader) -> None:
    loader.add_option(
        "secretgate_config",
        str,
        "",
        "The configuration file (default: secretgate.yaml in the configuration folder).",
    )
    for name, description in FIELDS.items():
        loader.add_option(PREFIX + name, str, "", description)


def refuse_harmful() -> None:
    """Raise `OptionsError` if an option is set that would break secretgate's guarantees."""
    for name, harm in _HARMFUL.items():
        if getattr(ctx.options, name, None):
            raise exceptions.OptionsError(f"{name} {harm}")
    if os.environ.get(INHERITED_KEYS) and not os.environ.get(OWN_KEYS):
        raise exceptions.OptionsError(
            f"{INHERITED_KEYS} is set: mitmproxy would write the TLS keys of every connection to that file, and whoever has "
            f"it and the traffic could read both. Unset it for the proxy, or set {OWN_KEYS} if this is what you want"
        )


def warnings(
    covered: Iterable[str], environment: Mapping[str, str] = os.environ
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what the user should know of options and environment: a message and its fields."""
    if passed := [host for host in covered if _is_passed_over(host)]:
        yield (
            "ignore_hosts or allow_hosts lets connections to covered hosts pass unread",
            {"hosts": ", ".join(passed[:5]), "number": str(len(passed))},
        )
    if file := environment.get(OWN_KEYS):
        yield (
            "TLS keys are written to a file: whoever has it and the traffic can read both",
            {"file": file, "remedy": f"unset {OWN_KEYS}"},
        )
    for variable, near in misspelt(environment):
        yield "an environment variable is no setting", {"name": variable, "did_you_mean": near}


def _is_passed_over(host: str) -> bool:
    """Whether mitmproxy tunnels connections to a host, or to all those of a glob, on request."""
    address = f"{host.replace('*', 'any')}:443"

    def named_in(patterns: Sequence[str]) -> bool:
        return any(re.search(each, address, re.IGNORECASE) for each in patterns)

    allowed = ctx.options.allow_hosts
    return bool(allowed and not named_in(allowed)) or named_in(ctx.options.ignore_hosts)


def _value(name: str) -> str:
    """Return what an option is, or will be: mitmproxy sets those of scripts after their `load`."""
    deferred = ctx.options.deferred.get(name)
    if deferred is None:
        return str(getattr(ctx.options, name))
    values = getattr(deferred, "val", deferred)
    return values if isinstance(values, str) else "".join(values[-1:])


def _refuse_unknown() -> None:
    """Raise `OptionsError` for an option of ours that does not exist.

    mitmproxy keeps such options for a script that may be loaded later, and says nothing.
    """
    known = ["secretgate_config", *(PREFIX + name for name in FIELDS)]
    for name in ctx.options.deferred:
        if name.startswith(PREFIX) and name not in known:
            raise exceptions.OptionsError(
                f"secretgate: --set {name}: there is no such option; {meant(name, known)}"
            )


def settings(places: Places) -> Settings:
    """Return the settings: options first, then the configuration file. Raises `OptionsError`."""
    _refuse_unknown()
    given = _value("secretgate_config")
    file = Path(given).expanduser() if given else places.settings
    options = {name: _value(PREFIX + name) for name in FIELDS}
    try:
        return load(options, file, explicit_file=bool(given))
    except SettingsError as error:
        raise exceptions.OptionsError(f"secretgate: {error}") from None
