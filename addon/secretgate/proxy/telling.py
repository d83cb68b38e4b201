"""Whoever has to know what became of a request and of its answer is told here: the log, the counters, the audit trail."""

from __future__ import annotations

from collections import Counter

from secretgate.audit.trail import Trail
from secretgate.counters import Counters
from secretgate.coverage import coverage
from secretgate.hosts import Route, Treatment
from secretgate.outbound import refusals
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.policy.model import Decision as Ruled
from secretgate.proxy.exchange import Exchange

UNRECORDED = "secretgate cannot write its audit log, and audit_on_error is block, so this was not sent: {reason}"


class Teller:
    def __init__(self) -> None:
        self.counters = Counters()
        self.trail = Trail()

    def decided(self, exchange: Exchange, decision: Decision) -> None:
        """A request, or one message of a flow that has many."""
        request = exchange.request
        seen = coverage(decision)
        exchange.notes.decided(decision)
        self.counters.request(request.route.provider, decision)
        self.trail.request(exchange.id, request, decision, seen, exchange.engine.settings.mode)
        logger = exchange.log
        found = Counter((spot.rule, spot.path) for spot in decision.spots)
        for (rule, path), count in found.items():
            logger.info("secret_detected", rule=rule, field=path, count=count)
        for ruled in decision.rulings:
            self._say(exchange, "request", ruled)
        if decision.verdict is Verdict.UNREADABLE:
            logger.warning(
                "unreadable",
                reason=decision.message,
                sent=not decision.refused,
                client=refusals.client(request.headers.get("user-agent", "")),
            )
        elif request.content:
            logger.info(
                "request",
                verdict=decision.verdict.value,
                secrets=len(decision.spots),
                scanned=seen.scanned,
                opaque=seen.opaque + seen.binary,
            )

    def ruled(self, exchange: Exchange, operation: str, decision: Ruled) -> None:
        """What the policy said of a part of an answer."""
        exchange.rulings.append(decision)
        self._say(exchange, operation, decision)

    def _say(self, exchange: Exchange, operation: str, decision: Ruled) -> None:
        exchange.log.info(
            "policy",
            operation=operation,
            decision=decision.action.value,
            rule=decision.rule or ", ".join(decision.logged),
            enforced=decision.enforced,
            findings=sorted({rule for each in decision.mutations for rule in each.findings}),
        )

    def failed(self, identity: str, route: Route, request: Request | None, mode: str) -> None:
        """The gate itself failed on a request, which was refused."""
        self.counters.failure(route.provider)
        self.trail.failure(identity, route, request, mode)

    def ended(self, exchange: Exchange, status: int) -> None:
        """An answer, or one of a WebSocket's."""
        request, issued = exchange.request, exchange.issued
        if request.route.treatment is Treatment.PASS or exchange.decision.refused:
            return
        fate = exchange.leftovers.taken(issued)
        exchange.notes.ended(fate)
        mode = exchange.engine.settings.mode
        self.counters.answer(fate, exchange.unread)
        rulings, exchange.rulings = tuple(exchange.rulings), []
        self.trail.answer(exchange.id, request, fate, mode, status, exchange.unread, rulings)
        if issued or fate.not_restored:
            exchange.log.info(
                "answer",
                issued=len(issued),
                restored=len(fate.restored),
                not_restored=len(fate.not_restored),
            )
