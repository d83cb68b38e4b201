"""The environment of a command whose traffic must go through the proxy. No I/O: mappings in and out.

The user's own exceptions (`NO_PROXY`) are kept, except those that would let connections to a
covered host bypass the proxy; these are reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from secretgate.launch import daemons

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY", "GRPC_PROXY")
NO_PROXY_VARIABLES = ("NO_PROXY", "no_proxy", "NO_GRPC_PROXY", "no_grpc_proxy")
LOCAL = ("localhost", "127.0.0.1", "::1")
DEFAULTS = {"NODE_USE_ENV_PROXY": "1", "CLAUDE_CODE_ATTRIBUTION_HEADER": "0"}
"""Set unless the user has set them.

Node reads proxy variables only if told to. Claude Code signs its requests over the body, so a
changed body would carry a wrong attestation; this is its own switch to turn that off.
"""


class Covered(Protocol):
    """The parts of the host table needed here."""

    @property
    def names(self) -> list[str]: ...
    def covers(self, host: str) -> bool: ...


@dataclass(frozen=True)
class Exceptions:
    """Hosts that bypass the proxy, and entries removed because they must not."""

    kept: tuple[str, ...]
    dropped: tuple[str, ...]


def exceptions(inherited: Mapping[str, str], covered: Covered) -> Exceptions:
    """Return the user's exceptions without those that would let a covered host bypass the proxy."""
    entries = dict.fromkeys(
        entry for name in NO_PROXY_VARIABLES[:2] for entry in listed(inherited.get(name, ""))
    )
    dropped = tuple(entry for entry in entries if leads_past(entry, covered))
    kept = dict.fromkeys([*LOCAL, *(entry for entry in entries if entry not in dropped)])
    return Exceptions(tuple(kept), dropped)


def listed(no_proxy: str) -> list[str]:
    """Return the entries of a `NO_PROXY`, which commas and white space separate."""
    return [entry for entry in re.split(r"[,\s]+", no_proxy) if entry]


_HOST = re.compile(r"(?:[a-z+]+://)?(?:[^/@]*@)?(?P<host>[^/]*)")


def leads_past(entry: str, covered: Covered) -> bool:
    """Return whether some tool takes a `NO_PROXY` entry for a host of ours.

    For Bun and Python's requests an entry is the end of a name, wherever that begins; httpx also
    reads URLs, others globs.
    """
    found = _HOST.match(entry.strip().lower())
    name = found["host"].rstrip(".") if found else ""
    if name in LOCAL:
        return False
    if name.count(":") == 1:
        name = re.sub(r":[0-9]*$", "", name)
    name = name.lstrip("*.")
    if not name:
        return entry.strip() != ""
    if covered.covers(name):
        return True
    if "*" in name or "?" in name:
        return any(fnmatchcase(host, f"*{name}") for host in covered.names)
    return any(_ends_with(host, name) for host in covered.names)


def _ends_with(host: str, end: str) -> bool:
    """Return whether names that a covered host or glob stands for end so."""
    given = end.split(".")
    labels = host.split(".")[-len(given) :]
    if len(labels) < len(given):
        return False
    whole = [_is_region(*pair) or pair[0] == pair[1] for pair in zip(labels, given, strict=True)]
    return all(whole[1:]) and (whole[0] or labels[0].endswith(given[0]))


def _is_region(label: str, given: str) -> bool:
    """Return whether a label stands for any region, and this looks like one (`us-east-1`)."""
    return label == "*" and "-" in given


def child_environment(
    inherited: Mapping[str, str],
    proxy: str,
    trust: Mapping[str, str],
    kept: Iterable[str],
    *,
    windows: bool = False,
) -> dict[str, str]:
    """Return the complete environment of the child.

    `trust` holds the CA variables, `kept` the hosts that bypass the proxy. Proxy variables are set
    in both spellings, since tools read one or the other; on Windows names are case-insensitive.
    """
    exempt = ",".join(kept)
    spelled = dict.fromkeys(PROXY_VARIABLES, proxy) | {"NO_PROXY": exempt}
    if "NO_GRPC_PROXY" in inherited or "no_grpc_proxy" in inherited:
        spelled["NO_GRPC_PROXY"] = exempt
    if not windows:
        spelled |= {name.lower(): value for name, value in spelled.items()}
    defaults = {name: value for name, value in DEFAULTS.items() if name not in inherited}
    return {**inherited, **defaults, **daemons.VARIABLES, **trust, **spelled}
