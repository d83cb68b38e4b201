"""Writes audit records for the gate: one when a request has been decided, one when an answer has ended.

Nothing here blocks or raises. Records use only what the gate already knows.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from secretgate.audit import chain
from secretgate.audit.journal import Journal
from secretgate.audit.record import MOST_PLACEHOLDERS, Record, stamp, type_name
from secretgate.audit.syslog import AddressError, Syslog
from secretgate.audit.writer import Target, Writer
from secretgate.coverage import Coverage
from secretgate.hosts import Route
from secretgate.inbound.leftovers import Fate
from secretgate.outbound import refusals
from secretgate.outbound.requests import Decision, Request
from secretgate.placeholders import ID_LENGTH
from secretgate.policy.model import Action
from secretgate.policy.model import Decision as Ruled
from secretgate.settings import FIELDS, Settings, without_password
from secretgate.state import Places, StateError

_ID = re.compile(rb"[0-9a-f]{%d}" % ID_LENGTH)
_OPERATIONS = {"request": "llm.request", "response": "llm.response"}
_MCP_OPERATIONS = {"request": "mcp.tool_call", "response": "mcp.tool_result"}

_AUTHORITY = re.compile(r"[^:/?#]*://(?:[^/?#]*@)?([^/?#]*)")
_LONGEST = 255
_OURS = ("audit_", "metrics")
_ENFORCEMENTS = ("enforce", "enforce_but_ignore_on_error", "audit")
_ANSWERS = {Action.DENY: "blocked", Action.REDACT: "redacted"}
"""Decisions on answers by the action of an enforced rule, the strongest first."""
Say = Callable[..., None]


_MISSING = (
    '{setting} needs a package that is not installed: pip install "secretgate-mitmproxy[{extra}]"'
)


_COLLECTOR = re.compile(r"https?://[^\s/]+(/\S*)?\Z")


class AuditError(Exception):
    """The log cannot be written, and the settings require it for every request."""


def folder(settings: Settings, places: Places) -> Path:
    """Return the folder of the audit log."""
    chosen = settings.audit_folder
    return Path(chosen).expanduser() if chosen else places.state / "audit"


class Trail:
    """The audit log and its exports, as the gate uses them."""

    def __init__(
        self, writers: tuple[Writer, ...] = (), strict: bool = False, wanted: tuple[Any, ...] = ()
    ) -> None:
        """`strict`: refuse covered requests while the log, which is the first writer, fails.

        `wanted` holds the settings that the trail was opened with.
        """
        self._wanted = wanted
        self._writers = writers
        self.strict = strict
        self._process = os.getpid()

    @property
    def lost(self) -> int:
        return sum(writer.lost for writer in self._writers)

    @property
    def failing(self) -> dict[str, str]:
        """Output that cannot be written at the moment, with the reason."""
        return {writer.name: writer.failing for writer in self._writers if writer.failing}

    @property
    def objection(self) -> str:
        """Why covered requests must be refused now; empty if they need not be."""
        if not self.strict or not self._writers:
            return ""
        log = self._writers[0]
        if log.failing:
            return log.failing
        return "it is written too slowly" if log.full else ""

    def request(
        self,
        exchange: str,
        request: Request,
        decision: Decision,
        coverage: Coverage,
        mode: str,
        direction: str = "request",
    ) -> None:
        """Record what was decided on something that goes to a provider or a model."""
        if not self._writers:
            return
        rules = Counter(spot.rule for spot in decision.spots)
        head = self._head(exchange, request.route, request, mode, direction, decision.rulings)
        issued = decision.issued.names
        self._put(
            Record(
                event="request",
                decision=decision.verdict.value,
                refused=decision.refused,
                rules=dict(rules),
                policy=_named(decision.rulings),
                types=_types(rules),
                issued=len(issued),
                placeholders=_ids(issued),
                model=decision.model,
                bytes_total=coverage.total,
                bytes_scanned=coverage.scanned,
                bytes_opaque=coverage.opaque,
                bytes_binary=coverage.binary,
                bytes_skipped=coverage.skipped,
                bytes_unreadable=coverage.unreadable,
                **head,
            )
        )

    def failure(self, exchange: str, route: Route, request: Request | None, mode: str) -> None:
        """Record that secretgate failed on a request and refused it."""
        if self._writers:
            head = self._head(exchange, route, request, mode, "request")
            self._put(Record(event="request", decision="failed", refused=True, **head))

    def answer(
        self,
        exchange: str,
        request: Request,
        fate: Fate,
        mode: str,
        status: int,
        unread: bool,
        rulings: Sequence[Ruled] = (),
        direction: str = "response",
    ) -> None:
        """Record what was done to something that goes to a tool or the client."""
        if not self._writers:
            return
        enforced = {ruling.action for ruling in rulings if ruling.enforced}
        found = Counter(
            rule for ruling in rulings for each in ruling.mutations for rule in each.findings
        )
        self._put(
            Record(
                event="answer",
                decision=next(
                    (said for action, said in _ANSWERS.items() if action in enforced), ""
                ),
                policy=_named(rulings),
                rules=dict(found),
                types=_types(found),
                restored=len(fate.restored),
                not_restored=len(fate.not_restored),
                placeholders=_ids(fate.restored),
                unread=unread,
                status=status,
                **self._head(exchange, request.route, request, mode, direction, rulings),
            )
        )

    def reopened(
        self, settings: Settings, places: Places, digest: Callable[[bytes], bytes], say: Say
    ) -> Trail:
        """Return the trail for new settings, which is this one if nothing relevant changed.

        Raises AuditError if the log is required and cannot be written, or if a setting is invalid.
        """
        place = folder(settings, places)
        wanted = (place, *(getattr(settings, name) for name in FIELDS if name.startswith(_OURS)))
        if wanted == self._wanted:
            return self
        writers = _opened(settings, place, digest, say)
        self.close()
        return Trail(writers, settings.audit_on_error == "block", wanted)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    def _put(self, record: Record) -> None:
        for writer in self._writers:
            writer.put(record)

    def _head(
        self,
        exchange: str,
        route: Route,
        request: Request | None,
        mode: str,
        direction: str,
        rulings: Sequence[Ruled] = (),
    ) -> dict[str, Any]:
        operations = _MCP_OPERATIONS if route.dialect.name == "mcp" else _OPERATIONS
        head = {
            "time": stamp(time.time()),
            "exchange": exchange,
            "process": self._process,
            "provider": route.provider,
            "dialect": route.dialect.name,
            "operation": operations[direction],
            "direction": direction,
            "mode": mode,
            "enforcement": "audit" if mode == "audit" else _enforcement(rulings),
        }
        if request is not None:
            head["host"] = _host(request.url)
            head["client"] = refusals.client(request.headers.get("user-agent", ""))
            head["user"] = _printable(request.scope.client)
        return head


def _enforcement(rulings: Sequence[Ruled]) -> str:
    """Return the strictest enforcement among the rulings; `enforce` if there are none."""
    said = {ruling.enforcement for ruling in rulings}
    return next((each for each in _ENFORCEMENTS if each in said), _ENFORCEMENTS[0])


def _named(rulings: Sequence[Ruled]) -> tuple[str, ...]:
    """Return the names of the policy rules involved, sorted."""
    if not rulings:
        return ()
    names = {name for ruling in rulings for name in (ruling.rule, *ruling.logged) if name}
    return tuple(sorted(names))


def _types(rules: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({type_name(rule) for rule in rules}))


def _host(url: str) -> str:
    found = _AUTHORITY.match(url)
    return _host_of(found[1]) if found else ""


@lru_cache(maxsize=256)
def _host_of(authority: str) -> str:
    """Return the host of an authority without user info; cached, because the same few recur."""
    return _printable(urlsplit(f"//{authority}").hostname or "")


def _printable(text: str) -> str:
    """Truncate outside text and replace characters that could affect a terminal."""
    text = text[:_LONGEST]
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "?" for char in text)


def _ids(names: Iterable[bytes]) -> tuple[str, ...]:
    """Return the ids of placeholders, or of the first ones of many.

    The last match in each counts, as rule names may look like ids.
    """
    some = islice(names, MOST_PLACEHOLDERS)
    return tuple(sorted({found[-1].decode() for name in some if (found := _ID.findall(name))}))


def _opened(
    settings: Settings, place: Path, digest: Callable[[bytes], bytes], say: Say
) -> tuple[Writer, ...]:
    """Open the writers; the log comes first, if enabled. Raise AuditError."""

    def said(what: str, why: str) -> None:
        say(what, reason=why)

    writers = []
    strict = settings.audit_on_error == "block"
    if strict and not settings.audit_log:
        raise AuditError("audit_on_error: block needs audit_log: true")
    exports = _exports(settings)
    if settings.audit_log:
        journal = Journal(place, chain.derived(digest), settings.audit_rotate, settings.audit_keep)
        try:
            journal.check()
            if strict:
                journal.prepare()
        except StateError as error:
            raise AuditError(str(error)) from None
        except OSError as error:
            # Otherwise the writer reports the failure and retries.
            if strict:
                raise AuditError(f"the audit log in {place} cannot be written: {error}") from None
        writers.append(Writer(f"the audit log in {place}", journal, said))
    writers += [Writer(f"the audit log at {at}", target, said) for at, target in exports.items()]
    return tuple(writers)


def _exports(settings: Settings) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    if settings.metrics and find_spec("prometheus_client") is None:
        raise AuditError(_MISSING.format(setting="metrics", extra="metrics"))
    if settings.audit_syslog:
        try:
            targets[settings.audit_syslog] = Syslog(settings.audit_syslog)
        except AddressError as error:
            raise AuditError(f"audit_syslog: {error}") from None
    if settings.audit_otlp:
        if not _COLLECTOR.match(settings.audit_otlp):
            raise AuditError(
                "audit_otlp: not a collector's URL: it must look like http://HOST:4318"
            )
        try:
            from secretgate.audit.otlp import Collector
        except ImportError:
            raise AuditError(_MISSING.format(setting="audit_otlp", extra="otel")) from None
        targets[without_password(settings.audit_otlp)] = Collector(settings.audit_otlp)
    return targets
