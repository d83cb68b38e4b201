"""Builds refusals: one method for each reason, with the message for the client.

Status and framing of a refusal on the wire are in `refusals.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secretgate.hosts import Treatment
from secretgate.outbound import refusals
from secretgate.outbound.inspection import Leak, Redaction
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.outbound.signatures import Unsignable
from secretgate.outbound.spots import Spot
from secretgate.placeholders import Issued
from secretgate.policy.facts import told
from secretgate.policy.handling import BLOCK
from secretgate.policy.requests import Denied, RequestPolicy
from secretgate.settings import Settings
from secretgate.stores import Unreachable


class Refusing:
    """Builds refusals under one set of settings."""

    def __init__(self, settings: Settings, empty: Issued) -> None:
        self._settings = settings
        self._empty = empty

    def blocks(self, request: Request) -> bool:
        """Whether a request that cannot be read is blocked."""
        content = request.route.treatment is Treatment.CONTENT
        return (
            content and self._settings.on_unreadable == "block" and self._settings.mode != "audit"
        )

    def unreadable(self, request: Request, reason: str, size: int = 0) -> Decision:
        """Return the decision for content that cannot be read; `size` is in bytes."""
        if not self.blocks(request):
            return Decision(Verdict.UNREADABLE, self._empty, message=reason, size=size)
        what, how = "request", "--set secretgate_on_unreadable=pass"
        if request.route.dialect.name == "mcp":  # `secretgate mcp` has no --set
            what, how = "message", "the setting `on_unreadable: pass`"
        refused = self._refused(
            request,
            Verdict.UNREADABLE,
            f"secretgate cannot read this {what}, so it was not sent: {reason}. "
            f"To let such {what}s pass unread: {how}",
        )
        return replace(refused, size=size)

    def unreachable(self, request: Request, error: Unreachable) -> Decision:
        """Return the refusal if what other workers found cannot be queried."""
        message = (
            f"secretgate cannot reach the vault that its workers share: {error}. Without it, secrets "
            "that other workers found could leave, so this request was not sent. Try again later."
        )
        refused = self._refused(request, Verdict.UNREADABLE, message)
        return replace(refused, status=self._settings.block_status or 503)

    def found(self, request: Request, found: Redaction, policy: RequestPolicy | None) -> Decision:
        """Return the refusal for findings that must not leave."""
        blocked = next((spot for spot in found.spots if spot.action == BLOCK), None)
        message = policy.message(blocked) if policy and blocked else ""
        return replace(
            self._refused(request, Verdict.BLOCKED, message or _found(request, found.spots)),
            spots=tuple(found.spots),
            counts=found.counts,
            rulings=found.ruling.decisions if found.ruling else (),
        )

    def denied(self, request: Request, denied: Denied) -> Decision:
        """Return the refusal if a policy rule denies a call."""
        refused = self._refused(request, Verdict.BLOCKED, told(denied.decision))
        return replace(refused, rulings=(denied.decision,), counts=denied.counts)

    def leak(self, request: Request, leak: Leak) -> Decision:
        """Return the refusal if the check of the outgoing bytes found a secret."""
        remedy = "Remove the secret, or report this as a defect of secretgate."
        if leak.places:
            remedy = "Begin a new conversation, or remove the secret there."
        refused = self._refused(
            request,
            Verdict.BLOCKED,
            f"secretgate blocked this request: {leak}. Nothing was sent. {remedy}",
        )
        return replace(refused, counts=leak.counts)

    def unsignable(self, request: Request, decision: Decision, error: Unsignable) -> Decision:
        """Return the refusal if a body has to change but its signature cannot be renewed."""
        message = (
            f"secretgate blocked this request: a secret was detected in it ({_places(decision.spots)}), and "
            f"{error}. Nothing was sent."
        )
        return replace(
            self._refused(request, Verdict.BLOCKED, message),
            spots=decision.spots,
            counts=decision.counts,
            size=decision.size,
            model=decision.model,
        )

    def head(self, request: Request, spots: tuple[Spot, ...], reason: str) -> Decision:
        """Return the refusal for findings in the URL or headers."""
        message = f"request blocked: {reason}. secretgate sent nothing."
        return replace(self._refused(request, Verdict.BLOCKED, message), spots=spots)

    def _refused(self, request: Request, verdict: Verdict, message: str) -> Decision:
        client = request.headers.get("user-agent", "")
        status = refusals.status(client, self._settings.block_status)
        return Decision(verdict, self._empty, message=message, status=status)


def _found(request: Request, spots: Sequence[Spot]) -> str:
    if request.route.dialect.name == "mcp":  # no prompt, and often no request
        return (
            f"message blocked: secret detected in it ({_places(spots)}). secretgate passed "
            "nothing on. Remove it, or run secretgate in redact mode."
        )
    return (
        f"request blocked: secret detected in prompt ({_places(spots)}). secretgate sent "
        "nothing. Remove it, or run secretgate in redact mode."
    )


def _places(spots: Sequence[Spot]) -> str:
    places: dict[str, list[str]] = {}
    for spot in spots:
        places.setdefault(spot.path or "the body", []).append(spot.rule)
    shown = [f"{path}: {', '.join(sorted(set(rules)))}" for path, rules in places.items()]
    more = f" and {len(shown) - 5} more places" if len(shown) > 5 else ""
    return "; ".join(shown[:5]) + more
