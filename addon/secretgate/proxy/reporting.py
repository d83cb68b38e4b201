"""Reports requests and answers to the log, the counters and the audit trail."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from secretgate import log
from secretgate.audit.trail import Trail
from secretgate.counters import Counters
from secretgate.coverage import coverage
from secretgate.hosts import Route, Treatment
from secretgate.inbound.leftovers import Fate
from secretgate.outbound import refusals
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.policy.model import Decision as Ruled
from secretgate.proxy.exchange import Exchange

_GATHER = 0.05
"""Seconds for which reports are collected: several at a time are cheaper than one by one."""
_MOST = 64
"""Maximum number of reports waiting."""
_MOST_LINES = 50
"""Maximum number of log lines for the findings of one request; the event loop writes them."""
UNRECORDED = "secretgate cannot write its audit log, and audit_on_error is block, so this was not sent: {reason}"


class Reporter:
    """Reports what became of requests and answers.

    Usually a moment after they were sent; refused and unreadable requests are reported at once. If
    nothing may be sent without being recorded, everything is reported at once.
    """

    def __init__(self) -> None:
        self._counters = Counters()
        self._waiting: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop on which the reports are scheduled."""
        self.trail = Trail()

    @property
    def counters(self) -> Counters:
        self.settle()
        return self._counters

    def decided(self, exchange: Exchange, decision: Decision) -> None:
        """Report a request, or one message of a flow that has many."""
        exchange.remarks.decided(decision)
        tell = functools.partial(self._decided, exchange, exchange.request, decision)
        if decision.refused or decision.verdict is Verdict.UNREADABLE:
            self.settle()
            tell()
        else:
            self._soon(tell)

    def _decided(self, exchange: Exchange, request: Request, decision: Decision) -> None:
        seen = coverage(decision)
        self._counters.request(request.route.provider, decision)
        self.trail.request(exchange.id, request, decision, seen, exchange.engine.settings.mode)
        logger = exchange.log
        for fields in _found(decision):
            logger.info("secret_detected", **fields)
        for ruled, count in _distinct(decision.rulings):
            more = {"count": count} if count > 1 else {}
            self._say(exchange, "request", ruled, **more)
        if decision.verdict is Verdict.UNREADABLE:
            logger.warning(
                "unreadable",
                reason=decision.message,
                sent=not decision.refused,
                client=refusals.client(request.headers.get("user-agent", "")),
            )
        elif request.content:
            if decision.model:
                logger = logger.bind(model=decision.model)
            if decision.messages:
                logger = logger.bind(messages=decision.messages)
            logger.info(
                "request",
                verdict=decision.verdict.value,
                secrets=len(decision.spots),
                scanned=seen.scanned,
                opaque=seen.opaque + seen.binary,
            )

    def ruled(self, exchange: Exchange, operation: str, decision: Ruled) -> None:
        """Report what the policy decided about a part of an answer."""
        exchange.rulings.append(decision)
        self._say(exchange, operation, decision)

    def _say(self, exchange: Exchange, operation: str, decision: Ruled, **more: Any) -> None:
        exchange.log.info(
            "policy",
            operation=operation,
            decision=decision.action.value,
            rule=decision.rule or ", ".join(decision.logged),
            enforced=decision.enforced,
            findings=sorted({rule for each in decision.mutations for rule in each.findings}),
            **more,
        )

    def failed(self, identity: str, route: Route, request: Request | None, mode: str) -> None:
        """Report a request that was refused because the gate itself failed."""
        self.settle()
        self._counters.failure(route.provider)
        self.trail.failure(identity, route, request, mode)

    def over(self, exchange: Exchange, status: int) -> None:
        """Report the end of an answer, and release what was kept for it."""
        try:
            if exchange.recorder is not None:
                exchange.recorder.flush()
            self.ended(exchange, status)
            exchange.release()
        except Exception as error:
            exchange.unrecorded(error)

    def ended(self, exchange: Exchange, status: int) -> None:
        """Report an answer, or one of a WebSocket."""
        request, issued = exchange.request, exchange.issued
        if request.route.treatment is Treatment.PASS or exchange.decision.refused:
            return
        fate = exchange.leftovers.taken(issued)
        exchange.remarks.ended(fate)
        rulings, exchange.rulings = tuple(exchange.rulings), []
        self._soon(
            functools.partial(
                self._ended, exchange, request, len(issued), fate, status, exchange.unread, rulings
            )
        )

    def _ended(
        self,
        exchange: Exchange,
        request: Request,
        issued: int,
        fate: Fate,
        status: int,
        unread: bool,
        rulings: Sequence[Ruled],
    ) -> None:
        self._counters.answer(fate, unread)
        mode = exchange.engine.settings.mode
        self.trail.answer(exchange.id, request, fate, mode, status, unread, rulings)
        if issued or fate.not_restored:
            exchange.log.info(
                "answer",
                issued=issued,
                restored=len(fate.restored),
                not_restored=len(fate.not_restored),
            )

    def _soon(self, tell: Callable[[], None]) -> None:
        """Report once the event loop has sent this and had time for what comes back."""
        self._waiting.append(tell)
        if self.trail.strict:
            self._tell_all()
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.settle()
            return
        if len(self._waiting) >= _MOST:
            self.settle()
        elif self._loop is not loop:
            self._loop = loop
            loop.call_later(_GATHER, self._later)

    def _later(self) -> None:
        self._loop = None
        self.settle()

    def settle(self) -> None:
        """Make the waiting reports. Errors are only logged: the requests are already sent."""
        while self._waiting:
            try:
                self._tell_all()
            except Exception as error:
                log.logger().error("a request could not be reported", error=log.where(error))

    def _tell_all(self) -> None:
        """Make the reports in order; one that fails is not repeated."""
        while self._waiting:
            self._waiting.pop(0)()


def _found(decision: Decision) -> Iterator[dict[str, Any]]:
    """Yield the fields of the log lines for findings; beyond the first ones, one line a rule."""
    found = Counter((spot.rule, spot.path) for spot in decision.spots).items()
    for (rule, path), count in islice(found, _MOST_LINES):
        yield {"rule": rule, "field": path, "count": count}
    counts, fields = Counter[str](), Counter[str]()
    for (rule, _), count in islice(found, _MOST_LINES, None):
        counts[rule] += count
        fields[rule] += 1
    for rule, count in counts.items():
        yield {"rule": rule, "more_fields": fields[rule], "count": count}


def _distinct(rulings: Sequence[Ruled]) -> Iterable[tuple[Ruled, int]]:
    """Yield rulings, each with its number: of many, those whose log lines are alike only once."""
    if len(rulings) <= _MOST_LINES:
        return [(ruled, 1) for ruled in rulings]
    alike: dict[object, list[Ruled]] = {}
    for ruled in rulings:
        findings = frozenset(rule for each in ruled.mutations for rule in each.findings)
        key = (ruled.action, ruled.rule, *ruled.logged, ruled.enforced, findings)
        alike.setdefault(key, []).append(ruled)
    return [(own[0], len(own)) for own in alike.values()]
