"""Shared by the tests of the gate's parts: an engine without files, fake secrets, scopes."""

from __future__ import annotations

import json
import random
import string
from functools import cache
from typing import Any

from secretgate.bodies.json_walk import read_json
from secretgate.inbound.written import Recorder
from secretgate.ledger import Ledger
from secretgate.outbound.inspection import Redaction
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import Namer, Template
from secretgate.providers import DIALECTS, Dialect
from secretgate.vault import MemoryVault, Scope
from secretgate_rules import Detector, Literals
from secretgate_rules.model import Rule

KEY = bytes(range(32))
SCOPE = Scope("client", "anthropic", b"account")
ANTHROPIC = DIALECTS["anthropic"]

RULES = [
    Rule("test-token", "a token", r"\btok_[A-Za-z0-9]{24}\b"),
    Rule("test-assigned", "an assigned value", r"\bpassword=([A-Za-z0-9_+/=-]{12,80})", secret=1),
    Rule("test-url", "a password in a URL", r"\bdb://app:([^@\s]{12,80})@", secret=1),
    Rule(
        "test-pem",
        "a private key",
        r"-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{40,4000}-----END PRIVATE KEY-----",
        multiline=True,
    ),
]


def random_text(
    seed: object, length: int, alphabet: str = string.ascii_letters + string.digits
) -> str:
    return "".join(random.Random(str(seed)).choices(alphabet, k=length))


def token(seed: object) -> str:
    """Return a value for the rule `test-token`."""
    return "tok_" + random_text(seed, 24)


def prompt(text: str) -> bytes:
    """Return a request's body with one message."""
    return json.dumps({"messages": [{"role": "user", "content": text}]}).encode()


def pem(seed: object, lines: int = 3) -> str:
    """Return a value for the rule `test-pem`, whose last line is short as in real keys."""
    body = [random_text((seed, line), 64) for line in range(lines)]
    return "\n".join(
        [
            "-----BEGIN PRIVATE KEY-----",
            *body,
            random_text((seed, "last"), 10) + "==",
            "-----END PRIVATE KEY-----",
        ]
    )


@cache
def detector() -> Detector:
    return Detector(RULES, Template().spelled)


class Bench:
    """A redactor with all state in memory."""

    def __init__(self, ledger: Ledger | None = None, named: dict[bytes, str] | None = None) -> None:
        self.template = Template()
        self.namer = Namer(self.template, KEY)
        self.ledger = ledger or Ledger(None, self.namer.digest)
        self.vault = MemoryVault()
        self.always = Literals(named or {})
        self.redactor = Redactor(
            detector(),
            self.vault,
            self.ledger,
            self.namer,
            lambda: self.always,
        )

    def redact(
        self,
        raw: bytes,
        dialect: Dialect = ANTHROPIC,
        scope: Scope = SCOPE,
        exempt: tuple[bytes, ...] = (),
    ) -> Redaction:
        seen = self.redactor.seen(scope, "", dialect.name)
        body = read_json(raw, dialect.request_paths.root, seen)
        return self.redactor.inspect(body, scope, exempt)

    def recorder(self, dialect: Dialect = ANTHROPIC, scope: Scope = SCOPE) -> Recorder:
        return Recorder(dialect, self.redactor, self.ledger, scope)

    def name(self, value: str, rule: str = "test-token") -> str:
        return self.namer.name(rule, value.encode()).decode()


def message(text: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def body(*texts: Any, **more: Any) -> bytes:
    return json.dumps(
        {"model": "m", "messages": [message(text) for text in texts], **more}
    ).encode()


def contents(raw: bytes) -> list[Any]:
    return [entry["content"] for entry in json.loads(raw)["messages"]]
