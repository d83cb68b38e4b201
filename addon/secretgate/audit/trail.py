"""What the gate calls: one record for a request that has been decided on, one for an answer that has ended.

Nothing here waits or fails. Records are put together from what the gate knows anyway, once an exchange.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from secretgate import refusals
from secretgate.audit import chain
from secretgate.audit.journal import Journal
from secretgate.audit.record import MOST_PLACEHOLDERS, Record, stamp, type_name
from secretgate.audit.writer import Writer
from secretgate.coverage import Coverage
from secretgate.placeholders import ID_LENGTH
from secretgate.requests import Decision, Request
from secretgate.settings import Settings
from secretgate.state import Places, StateError

_ID = re.compile(rb"[0-9a-f]{%d}" % ID_LENGTH)
_OPERATIONS = {"request": "llm.request", "response": "llm.response"}
_MCP_OPERATIONS = {"request": "mcp.tool_call", "response": "mcp.tool_result"}

Say = Callable[..., None]


class AuditError(Exception):
    """The log cannot be written, and the user wants no request without it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the placeholders of an answer."""

    restored: frozenset[bytes] = frozenset()
    """The placeholders whose secrets were put back."""
    not_restored: frozenset[bytes] = frozenset()
    unread: bool = False
    status: int = 0


def folder(settings: Settings, places: Places) -> Path:
    chosen = settings.audit_folder
    return Path(chosen).expanduser() if chosen else places.state / "audit"


class Trail:
    def __init__(self, writers: tuple[Writer, ...], strict: bool) -> None:
        """`strict`: no covered request goes on while the log (the first of the writers) fails."""
        self._writers = writers
        self._strict = strict
        self._process = os.getpid()

    @property
    def lost(self) -> int:
        return sum(writer.lost for writer in self._writers)

    @property
    def failing(self) -> dict[str, str]:
        """What cannot be written at the moment, and why."""
        return {writer.name: writer.failing for writer in self._writers if writer.failing}

    @property
    def objection(self) -> str:
        """Why no covered request may go on now, or nothing."""
        if not self._strict or not self._writers:
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
    ) -> None:
        if not self._writers:
            return
        rules = Counter(spot.rule for spot in decision.spots)
        issued = decision.issued.values
        self._put(
            Record(
                event="request",
                decision=decision.verdict.value,
                refused=decision.refused,
                rules=dict(rules),
                types=tuple(sorted({type_name(rule) for rule in rules})),
                issued=len(issued),
                placeholders=_ids(issued),
                model=decision.model,
                bytes_total=coverage.total,
                bytes_scanned=coverage.scanned,
                bytes_opaque=coverage.opaque,
                bytes_binary=coverage.binary,
                bytes_skipped=coverage.skipped,
                bytes_unreadable=coverage.unreadable,
                **self._head(exchange, request, mode, "request"),
            )
        )

    def failure(self, exchange: str, request: Request, mode: str) -> None:
        """secretgate failed on a request, and refused it."""
        if self._writers:
            head = self._head(exchange, request, mode, "request")
            self._put(Record(event="request", decision="failed", refused=True, **head))

    def answer(self, exchange: str, request: Request, outcome: Outcome, mode: str) -> None:
        if not self._writers:
            return
        self._put(
            Record(
                event="answer",
                restored=len(outcome.restored),
                not_restored=len(outcome.not_restored),
                placeholders=_ids(outcome.restored),
                unread=outcome.unread,
                status=outcome.status,
                **self._head(exchange, request, mode, "response"),
            )
        )

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    def _put(self, record: Record) -> None:
        for writer in self._writers:
            writer.put(record)

    def _head(self, exchange: str, request: Request, mode: str, direction: str) -> Mapping[str, str]:
        dialect = request.route.dialect.name
        operations = _MCP_OPERATIONS if dialect == "mcp" else _OPERATIONS
        return {
            "time": stamp(time.time()),
            "exchange": exchange,
            "process": self._process,
            "host": urlsplit(request.url).hostname or "",
            "provider": request.route.provider,
            "client": refusals.client(request.headers.get("user-agent", "")),
            "user": request.scope.client,
            "dialect": dialect,
            "operation": operations[direction],
            "direction": direction,
            "mode": mode,
            "enforcement": "audit" if mode == "audit" else "enforce",
        }


def _ids(names: Mapping[bytes, bytes] | frozenset[bytes]) -> tuple[str, ...]:
    ids = sorted({match[0].decode() for name in names if (match := _last_id(name))})
    return tuple(ids[:MOST_PLACEHOLDERS])


def _last_id(name: bytes) -> re.Match[bytes] | None:
    """A rule may be spelled like an id; the id stands where the template has it, mostly last."""
    last = None
    for last in _ID.finditer(name):
        pass
    return last


def opened(settings: Settings, places: Places, key: bytes, say: Say) -> Trail:
    """The trail that the settings ask for; raises AuditError where it must work and does not."""
    writers: list[Writer] = []
    strict = settings.audit_on_error == "block"

    def said(what: str, why: str) -> None:
        say(what, reason=why)

    if settings.audit_log:
        place = folder(settings, places)
        journal = Journal(
            place, chain.derive(key), settings.audit_rotate, settings.audit_keep
        )
        try:
            journal.prepare()
        except (OSError, StateError) as error:
            if strict:
                raise AuditError(f"the audit log in {place} cannot be written: {error}") from None
        writers.append(Writer(f"the audit log in {place}", journal, said))
    elif strict:
        raise AuditError("audit_on_error: block needs audit_log: true")
    return Trail(tuple(writers), strict)
