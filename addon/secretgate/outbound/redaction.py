"""Redaction: detect, name, splice, and check the bytes that leave.

Detection considers each slot on its own, so its verdict on a slot of the history is the same on
every turn. Findings become known, for the request and for its scope; known values are then replaced
wherever they occur, in every encoding. Where both overlap, the known value takes precedence: that
is why a restored answer, sent back as history, reads exactly as the provider wrote it.

What was seen before is not read again (`history/`). Its verdict holds unless a value that has
become known since may occur in it; in that case it is read again. The outcome is always the same as
without a history.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from secretgate.bodies.base import Body
from secretgate.history.recall import Names
from secretgate.history.verdicts import History, Seen
from secretgate.ledger import Ledger
from secretgate.outbound.egress import Egress
from secretgate.outbound.inspection import Inspection, Leak, Redaction
from secretgate.outbound.naming import Naming
from secretgate.outbound.spelled import as_spelled
from secretgate.placeholders import Namer
from secretgate.policy.requests import Denied, RequestPolicy
from secretgate.vault import Scope, Vault
from secretgate_rules import Detector, Finding, Literals


class Redactor:
    """Redacts requests. It retains no request data except what `history/` describes."""

    def __init__(
        self,
        detector: Detector,
        vault: Vault,
        ledger: Ledger,
        namer: Namer,
        named: Callable[[], Literals] | None = None,
        history: History | None = None,
    ) -> None:
        """`named` returns the values that are currently secret from the start."""
        self.detector = detector
        self.vault = vault
        self.ledger = ledger
        self.namer = namer
        self.history = history or History()
        self.egress = Egress()
        self.names = Names(namer)
        nothing = Literals({})
        self._named = named or (lambda: nothing)
        self._always = nothing, nothing

    def prepare(self, learn: bool) -> None:
        """Compute the names of the initial secrets, so that no request has to wait for them."""
        self.names.prepare(self._from_the_start(learn))

    def seen(self, scope: Scope, policy: str = "", *context: str) -> Seen:
        """Return what was seen in a scope, for the reader of a body.

        `policy` is the digest of the policy in force, `context` whatever else a verdict depends on
        besides the rules, such as the dialect.
        """
        client, provider, account = scope
        parts = (self.detector.digest, self.namer.template.text, client, provider, *context)
        return self.history.seen(policy, account, *(part.encode() for part in parts))

    def inspect(
        self,
        body: Body,
        scope: Scope,
        exempt: Collection[bytes] = (),
        learn: bool = True,
        strict: bool = True,
        whole: bool = False,
        leaves: bool = True,
        policy: RequestPolicy | None = None,
    ) -> Redaction:
        """Return what `body` becomes.

        - `exempt`: the request's own credentials; sending them to their issuer is not a leak
        - `learn`: whether findings are remembered and named beyond this call
        - `strict`: whether a secret in a file that cannot be rewritten raises `Unreadable`
        - `whole`: whether a file of which only the beginning can be read does
        - `leaves`: False if only the spots are wanted and nothing is sent
        - `policy`: without one, everything found is redacted

        Raises `Leak` if the body `leaves` and could not be made safe, `Denied` if the policy
        denies it, and `TooMany` to give up an attempt.
        """
        naming = Naming(self.vault, self.ledger, scope, exempt, learn, self._from_the_start(learn))
        inspection = Inspection(self, body, naming, scope, policy)
        try:
            return inspection.result(strict, whole, leaves)
        except (Denied, Leak) as refusal:
            refusal.counts = inspection.tally()
            raise
        finally:
            inspection.let_go()

    def written(
        self, texts: Sequence[bytes], scope: Scope, keys: Sequence[bytes] | None = None
    ) -> set[bytes]:
        """Return the values written by a provider itself.

        These are values in its texts that detection takes for secrets and the scope does not know.
        """
        found = self.detector.find_many(texts, keys)
        if not found:
            return set()
        spelled, said = as_spelled(texts, found)
        values = {part.value for fs in spelled.values() for f in fs for part in f.parts}
        known = self.known(scope)
        return {value for value in (*values, *said) if value not in known}

    def detected(self, text: bytes) -> Sequence[Finding]:
        """Return what detection finds in a text on its own."""
        return self.detector.find(text)

    def known(self, scope: Scope) -> Literals:
        """Return the values that are secret in a scope."""
        return self.vault.known(scope).beside(self._named())

    def _from_the_start(self, learn: bool) -> Literals:
        """Return the values that are secret from the start, under the names first given to them."""
        values = self._named()
        if not learn:
            return values
        if values is not self._always[0]:
            names = self.ledger.names(dict(values.items()))
            self._always = values, values.called(names)
        return self._always[1]
