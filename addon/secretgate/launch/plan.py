"""The configuration of a run's proxy: settings, CA and mitmproxy's arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from secretgate import hosts
from secretgate.hosts import Hosts
from secretgate.hosts.signing import signable
from secretgate.launch.upstream import Upstream
from secretgate.settings import PREFIX, Settings, sources
from secretgate.state import Places
from secretgate_ca import Authority, ensure_ca, rotate
from secretgate_ca.bundle import combine, parse, system_roots
from secretgate_ca.environment import inherited_files
from secretgate_ca.runner import SystemRunner

UPSTREAM_ROOTS = "upstream.pem"


@dataclass(frozen=True)
class Wishes:
    """What the user asked for on the command line."""

    mode: str = ""
    config: str = ""
    hosts: tuple[str, ...] = ()
    verbose: bool = False
    isolate: bool = False
    base_urls: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.mode or self.config or self.hosts)


@dataclass(frozen=True)
class Plan:
    """The settings and hosts of a run."""

    settings: Settings
    hosts: Hosts
    options: Mapping[str, str]
    """secretgate options, by setting name, that differ from file and environment."""

    def names(self, say: Callable[[str], None]) -> list[str]:
        """Return the covered hosts that a CA can sign for; `say` the reason for each of the others."""
        return signable(
            (row.host for row in self.settings.hosts),
            lambda reason: say(f"secretgate: only plain HTTP to this host is covered: {reason}"),
        )


_SPELLED = {"mode": "--mode", "hosts": "--host", "base_urls": "--provider"}
"""The options of our own commands that give settings."""


def plan(wishes: Wishes, places: Places, environment: Mapping[str, str]) -> Plan:
    """Return the plan; raise SettingsError for an invalid setting."""
    file = Path(wishes.config).expanduser() if wishes.config else places.settings
    options = {"mode": wishes.mode}
    if wishes.hosts or wishes.base_urls:
        inherited = sources.load({}, file, bool(wishes.config), environment)
        spelled = [f"{row.host}={row.dialect}:{row.provider}" for row in inherited.hosts]
        options["hosts"] = ",".join([*spelled, *wishes.hosts])
        options["base_urls"] = ",".join([*inherited.base_urls, *wishes.base_urls])
    chosen = {name: value for name, value in options.items() if value}
    read = sources.load(chosen, file, bool(wishes.config), environment, _SPELLED)
    rows = [hosts.added(row.host, row.provider, row.dialect) for row in read.hosts]
    return Plan(read, Hosts([*rows, *hosts.builtin()]), chosen)


def authority(places: Places, names: Sequence[str]) -> Authority:
    """Return the installation's CA, or a separate one for runs if that may not sign for all `names`.

    The separate CA leaves trust stores unchanged.
    """
    usual = ensure_ca(places.ca, hosts.ca_domains())
    if not usual.missing(names) and usual.valid():
        return usual
    folder = places.ca.with_name(f"{places.ca.name}-run")
    own = ensure_ca(folder, names)
    return rotate(folder, names) if own.missing(names) or not own.valid() else own


def upstream_roots(places: Places, folder: Path, environment: Mapping[str, str]) -> Path | None:
    """Write the roots against which providers' certificates are verified; return the file.

    These are the system's roots and those that the user's variables name, without our own. None
    means mitmproxy's default.
    """
    ours = {places.ca, places.ca.with_name(f"{places.ca.name}-run")}
    found = list(system_roots(SystemRunner()))
    for file in inherited_files(environment):
        if file.parent not in ours and file.is_file():
            found += parse(file.read_bytes())
    if not found:
        return None
    target = folder / UPSTREAM_ROOTS
    text = combine(found)
    if not target.is_file() or target.read_bytes() != text:
        draft = target.with_suffix(".new")
        draft.write_bytes(text)
        draft.replace(target)
    return target


def arguments(
    plan: Plan,
    wishes: Wishes,
    addon: Path,
    confdir: Path | None,
    roots: Path | None,
    via: Upstream | None,
    *,
    listen: str = "127.0.0.1",
    port: int = 0,
) -> list[str]:
    """Return mitmproxy's arguments; port 0 picks a free one."""
    options = {PREFIX + name: value for name, value in plan.options.items()}
    if wishes.config:
        options[PREFIX + "config"] = str(Path(wishes.config).expanduser().absolute())
    if confdir:
        options["confdir"] = str(confdir)
    if roots:
        options["ssl_verify_upstream_trusted_ca"] = str(roots)
    if via and via.credentials:
        options["upstream_auth"] = via.credentials
    # URLs may contain keys, so mitmproxy must not log them.
    options["flow_detail"] = "0"
    options["termlog_verbosity"] = "info" if wishes.verbose else "warn"
    given = ["-s", str(addon), "--listen-host", listen, "--listen-port", str(port)]
    given += ["--mode", via.mode if via else "regular"]
    for name, value in options.items():
        given += ["--set", f"{name}={value}"]
    return given
