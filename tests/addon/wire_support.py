"""Shared by the wire-format tests: a gate with a few rules, and values that these rules find."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from secretgate.bodies.base import Body
from secretgate.bodies.readers import read
from secretgate.hosts import Route, Treatment
from secretgate.inbound.answers import DocumentAnswer, EventAnswer
from secretgate.inbound.events import Events
from secretgate.ledger import Ledger
from secretgate.outbound.deciding import Requests
from secretgate.outbound.inspection import Redaction
from secretgate.outbound.redaction import Redactor
from secretgate.outbound.requests import Request
from secretgate.placeholders import Issued, Namer, Template
from secretgate.providers import DIALECTS, Dialect
from secretgate.settings import Settings
from secretgate.streams.base import Framer
from secretgate.vault import MemoryVault, Scope
from secretgate_rules import Detector, Rule

TEMPLATE = Template()
PLACEHOLDER = re.compile(rb"REDACTED<[a-z0-9-]+:[0-9a-f]{12}>")
SCOPE = Scope("client", "provider", b"account")
KEY = b"k" * 32


def secret(number: int = 0) -> str:
    """Return a key-shaped value that no public scanner recognises."""
    return f"zzkey_{number:04d}" + "Qm7Tr2Wx9Lb4Vn6Hc8Jd"


def detector() -> Detector:
    rule = Rule(id="zz-key", description="A key of these tests", pattern=r"zzkey_[A-Za-z0-9]{24}")
    return Detector([rule], barrier=TEMPLATE.spelled)


class Gate:
    """The sans-IO core with a small detector."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.namer = Namer(TEMPLATE, KEY)
        self.vault = MemoryVault(3600)
        self.ledger = Ledger(None, self.namer.digest)
        self.redactor = Redactor(detector(), self.vault, self.ledger, self.namer)
        self.nothing_issued = Issued(TEMPLATE, {})
        self.requests = Requests(self.settings, self.redactor, self.vault, self.nothing_issued)

    def redact(self, raw: bytes, content_type: str, dialect: Dialect) -> Redaction:
        return self.redactor.inspect(read(raw, content_type, dialect), SCOPE)

    def inspect(self, body: Body) -> Redaction:
        return self.redactor.inspect(body, SCOPE)

    def request(
        self, dialect: str, treatment: Treatment = Treatment.CONTENT, **parts: Any
    ) -> Request:
        route = Route("provider", DIALECTS[dialect], treatment)
        given = {"method": "POST", "path": "/v1/x", "headers": {}, "content": b"", "exempt": ()}
        return Request(route=route, scope=SCOPE, **{**given, **parts})

    def issued(self, *values: str) -> Issued:
        names = {self.namer.name("zz-key", value.encode()): value.encode() for value in values}
        return Issued(TEMPLATE, names)

    def name(self, value: str) -> str:
        return self.namer.name("zz-key", value.encode()).decode()


def through(framer: Framer, dialect: Dialect, issued: Issued, *pieces: bytes) -> bytes:
    """Return a streamed answer after restoration."""
    answer = EventAnswer(framer, Events(dialect, issued))
    return b"".join([*map(answer.feed, pieces), answer.finish()])


def whole(dialect: Dialect, issued: Issued, *pieces: bytes) -> bytes:
    answer = DocumentAnswer(dialect, issued)
    return b"".join([*map(answer.feed, pieces), answer.finish()])


def dump(value: Any) -> bytes:
    return msgspec.json.encode(value)


__all__ = ["SCOPE", "Gate", "Path", "Request", "dump", "secret", "through", "whole"]
