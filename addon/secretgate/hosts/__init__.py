"""The host table: maps host and path to provider, dialect and treatment.

The table is data (`table.yaml`), to which users can add hosts. Connections to a host without a row
are tunnelled unchanged.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import unquote

import yaml

from secretgate.providers import DIALECTS, Dialect
from secretgate_rules.memo import remembered

# The C version of the loader, if PyYAML was built with it, is ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Treatment(Enum):
    """What a path carries, and so how its bodies are treated."""

    CONTENT = "content"
    """Carries user content, so it must be readable."""
    OTHER = "other"
    """May carry user content; scanned if readable."""
    PASS = "pass"  # noqa: S105 - not a password
    """Never read."""


class Route(NamedTuple):
    """The provider, dialect and treatment of a request."""

    provider: str
    dialect: Dialect
    treatment: Treatment


class Row(NamedTuple):
    """The hosts of one provider, and what their paths carry."""

    provider: str
    hosts: tuple[str, ...]
    paths: tuple[tuple[str, Route], ...]
    """Path globs, as spelled in the table, with their routes."""
    title: str = ""
    clients: tuple[str, ...] = ()


class TableError(ValueError):
    """A row that cannot be used."""


PathRow = Sequence[str]


@cache
def _table() -> Mapping[str, Any]:
    text = files(__package__).joinpath("table.yaml").read_text("utf-8")
    table: Mapping[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    return table


@cache
def builtin() -> tuple[Row, ...]:
    """Return the built-in rows."""
    return tuple(
        _row(
            provider,
            row["dialect"],
            row["hosts"],
            _spelled_out(row["paths"]),
            row["title"],
            row.get("clients", ("SDKs",)),
        )
        for provider, row in _table()["providers"].items()
    )


class Limit(NamedTuple):
    """Something that is not covered, or not in the usual way."""

    what: str
    where: str
    transport: str
    state: str
    why: str


def limits() -> list[Limit]:
    """Return what is not covered, or not in the usual way."""
    return [
        Limit(**{name: text.strip() for name, text in row.items()}) for row in _table()["limits"]
    ]


class Section(NamedTuple):
    """A part of the table as written: path rows, and set names that stand for rows."""

    title: str
    hosts: tuple[str, ...]
    clients: tuple[str, ...]
    dialect: str
    paths: tuple[str | PathRow, ...]


def sections() -> tuple[list[Section], list[Section]]:
    """Return the sets and the providers of the table."""
    table = _table()
    sets = [Section(name, (), (), name, tuple(rows)) for name, rows in table["sets"].items()]
    providers = [
        Section(
            row["title"],
            tuple(row["hosts"]),
            tuple(row.get("clients", ("SDKs",))),
            row["dialect"],
            tuple(row["paths"]),
        )
        for row in table["providers"].values()
    ]
    return sets, providers


def check(host: str, dialect: str) -> None:
    """Raise TableError if a host added by the user is invalid or its dialect unknown."""
    if dialect not in DIALECTS:
        raise TableError(f"no dialect {dialect!r}; there are: {', '.join(DIALECTS)}")
    if re.fullmatch(r"\[[0-9A-Fa-f:.]+\](?::[0-9]+)?|[^:]+:[0-9]+", host):
        plain = host.partition("]")[0].lstrip("[") if "]" in host else host.partition(":")[0]
        raise TableError(f"{host!r}: write {plain!r}; a host is covered on all its ports")
    if not re.fullmatch(r"[A-Za-z0-9*._:-]+", host):
        raise TableError(f"{host!r} is not a host name or a glob")


def added(host: str, provider: str, dialect: str) -> Row:
    """Return a row for a host added by the user, whose paths carry content, except for logins.

    Paths known from other providers of the dialect are treated as theirs. Raises TableError.
    """
    check(host, dialect)
    known = _spelled_out([dialect]) if dialect in _table()["sets"] else []
    return _row(provider or host, dialect, [host], [*known, *_table()["logins"], ["*", "content"]])


def _spelled_out(paths: Sequence[str | PathRow]) -> list[PathRow]:
    """Return path rows with the names of sets replaced by their rows."""
    rows: list[PathRow] = []
    for path in paths:
        if isinstance(path, str):
            rows += _spelled_out(_table()["sets"][path])
        else:
            rows.append(path)
    return rows


def _row(
    provider: str,
    dialect: str,
    hosts: Sequence[str],
    paths: Sequence[PathRow],
    title: str = "",
    clients: Sequence[str] = (),
) -> Row:
    routes = tuple(
        (
            glob,
            Route(provider, DIALECTS[own[0] if own else dialect], Treatment(treatment)),
        )
        for glob, treatment, *own in paths
    )
    names = tuple(host.lower() for host in hosts)
    return Row(provider, names, routes, title or provider, tuple(clients))


def ca_domains() -> list[str]:
    """Return the names that the local CA may sign for: everything covered by default."""
    return _names(builtin())


def rotation(missing: Iterable[str] = ()) -> str:
    """Return the command that makes a new CA, which may sign for the `missing` hosts too."""
    own = sorted({*missing}.difference(ca_domains()))
    return shlex.join(["secretgate-ca", "rotate", *(f"--domain={host}" for host in own)])


def _names(rows: Iterable[Row]) -> list[str]:
    return sorted({host for row in rows for host in row.hosts})


def plain_host(host: str) -> str:
    """Return a host name as the table spells it: lower case, without a trailing dot."""
    return host.lower().rstrip(".")


_ODD = re.compile(r"[\x00-\x20\x7f]")
_STRICTEST = (Treatment.CONTENT, Treatment.OTHER, Treatment.PASS)
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
_ROUNDABOUT = re.compile(r"[%\\;]|//|/\.|\A[^/]")


def readings(path: str) -> tuple[str, ...]:
    """Return a path as it is, and as servers might normalise it.

    They may remove an origin, percent-decode, drop parameters, collapse double slashes and resolve
    `..`.
    """
    path = path.partition("?")[0]
    ways = [path]
    while _ROUNDABOUT.search(ways[-1]) and len(ways) < 6:
        steps: list[str] = []
        way = unquote(_ORIGIN.sub("", ways[-1], count=1)).replace("\\", "/")
        for step in way.partition("?")[0].split("/"):
            step = step.partition(";")[0]
            if step == "..":
                del steps[-1:]
            elif step not in ("", "."):
                steps.append(step)
        way = "/" + "/".join(steps)
        if way == ways[-1]:
            break
        ways.append(way)
    return tuple(ways)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    """Compile a glob when first needed: most providers are never contacted."""
    return re.compile(translate(glob), re.DOTALL)


def _on(row: Row, path: str) -> Route:
    for glob, route in row.paths:
        if _pattern(glob).match(path):
            return route
    return Route(row.provider, DIALECTS["generic"], Treatment.OTHER)


class Hosts:
    """The rows in force; the user's rows come first."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        self._patterns = [
            (re.compile("|".join(translate(host) for host in row.hosts)), row) for row in rows
        ]
        self._row = remembered(4096)(self._find)
        self._strictest = remembered(1024)(self._decide)

    @property
    def names(self) -> list[str]:
        """Every covered host and glob."""
        return _names(self.rows)

    def covers(self, host: str) -> bool:
        return self._row(plain_host(host)) is not None

    def route(self, hosts: Iterable[str], path: str) -> Route | None:
        """Return the route of a request that goes by the names in `hosts`, or None if none is covered.

        If the names, or the readings of the path, disagree, the strictest treatment wins.
        """
        route = self._strictest(tuple(hosts), path.partition("?")[0])
        if route is not None and route.treatment is Treatment.PASS and _ODD.search(path):
            # The next server could parse this as two requests.
            return Route(route.provider, DIALECTS["generic"], Treatment.CONTENT)
        return route

    def _decide(self, hosts: tuple[str, ...], path: str) -> Route | None:
        rows = [row for row in map(self._row, map(plain_host, hosts)) if row is not None]
        if not rows:
            return None
        ways = readings(path)
        routes = [_on(row, way) for row in {id(row): row for row in rows}.values() for way in ways]
        strictest = min(routes, key=lambda route: _STRICTEST.index(route.treatment))
        if strictest.treatment is Treatment.OTHER:
            lower = _on(rows[0], ways[-1].lower())
            return lower if lower.treatment is Treatment.CONTENT else strictest
        return strictest

    def _find(self, host: str) -> Row | None:
        for pattern, row in self._patterns:
            if pattern.match(host):
                return row
        return None
