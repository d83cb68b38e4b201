"""Conversations for the history tests: requests turn by turn, a gate with and without history."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from addon.kit import ANTHROPIC, KEY, RULES, SCOPE, pem, random_text, token
from secretgate.bodies.base import Unreadable
from secretgate.bodies.json_body import JsonBody
from secretgate.bodies.json_walk import read_json
from secretgate.history.verdicts import History
from secretgate.ledger import Ledger
from secretgate.outbound.inspection import Leak
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import Namer, Template
from secretgate.vault import MemoryVault, Scope
from secretgate_rules import Detector, Literals

ROOT = ANTHROPIC.request_paths.root
TEMPLATE = Template()
DETECTOR = Detector(RULES, TEMPLATE.spelled)
OTHER = Scope("client", "anthropic", b"another account")


class Gate:
    """A redactor with everything it depends on, warm (with a history) or cold (without)."""

    def __init__(self, warm: bool, limit: int = 1 << 20) -> None:
        self.time = 0.0
        self.named = Literals({})
        self.namer = Namer(TEMPLATE, KEY)
        self.ledger = Ledger(None, self.namer.digest)
        self.vault = MemoryVault(1000, clock=lambda: self.time)
        self.warm = warm
        self.limit = limit
        self.passed = 0
        self.restart()

    def restart(self) -> None:
        history = History(self.limit, clock=lambda: self.time)
        self.redactor = Redactor(
            DETECTOR, self.vault, self.ledger, self.namer, lambda: self.named, history
        )

    def send(
        self,
        raw: bytes,
        scope: Scope = SCOPE,
        exempt: tuple[bytes, ...] = (),
        policy: str = "",
        learn: bool = True,
    ) -> Any:
        seen = self.redactor.seen(scope, policy) if self.warm else None
        body = read_json(raw, ROOT, seen)
        if isinstance(body, JsonBody):
            self.passed += sum(each.verdict.items for each in body.passed)
        try:
            found = self.redactor.inspect(body, scope, exempt, learn)
        except Leak as leak:
            return "leak", leak.rules
        except Unreadable as error:
            return "unreadable", error.reason
        issued = found.issued
        messages = body.messages if isinstance(body, JsonBody) else 0
        return found.raw, found.spots, found.counts, issued.values, issued.aliases, messages


SECRETS = [token(1), token(2), token(3)]
LONG = random_text("long", 20)
TEXTS = [
    "nothing to see",
    f"the token is {SECRETS[0]}",
    f"and {SECRETS[1]}, {SECRETS[0]}",
    f"password={LONG} and more",
    f"only {LONG} by itself",
    f"password={SECRETS[2]}",
    f"password={SECRETS[2][:16]}",
    base64.b64encode(f"export A={SECRETS[0]}; echo".encode()).decode(),
    base64.b64encode(f"x{SECRETS[1]}".encode()).decode(),
    json.dumps({"a": [SECRETS[1]]}),
    pem("key", 2),
    pem("key", 2).splitlines()[2],
    SECRETS[0].encode().hex(),
    "",
    "a longer text without anything in it. " * 9,
]
WRITTEN = [LONG, SECRETS[2], SECRETS[1]]


def block(kind: int, text: str) -> Any:
    if kind == 0:
        return text
    if kind == 1:
        return [{"type": "text", "text": text}]
    if kind == 2:
        return [{"type": "thinking", "thinking": text, "signature": "s"}]
    if kind == 3:
        source = {"type": "base64", "data": base64.b64encode(text.encode()).decode()}
        return [{"type": "document", "source": source}]
    if kind == 4:
        return [{"type": "tool_use", "id": "i", "name": "n", "input": {"password": text, "n": 1}}]
    return [{"type": "text", "text": "x" * 160}, {"type": "text", "text": text}]


messages = st.builds(
    lambda role, kind, text: {"role": role, "content": block(kind, text)},
    st.sampled_from(["user", "assistant"]),
    st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5]),
    st.sampled_from(TEXTS),
)
steps = st.one_of(
    st.tuples(st.just("grow"), st.lists(messages, min_size=1, max_size=12)),
    st.tuples(st.just("send"), st.none()),
    st.tuples(st.just("head"), st.integers(0, 3)),
    st.tuples(st.just("edit"), st.tuples(st.integers(0, 40), messages)),
    st.tuples(st.just("insert"), st.tuples(st.integers(0, 40), messages)),
    st.tuples(st.just("marker"), st.integers(0, 3)),
    st.tuples(st.just("wrote"), st.sampled_from(WRITTEN)),
    st.tuples(st.just("name"), st.sampled_from([LONG, "x", SECRETS[0]])),
    st.tuples(st.just("exempt"), st.sampled_from([(), (SECRETS[0].encode(),), (LONG.encode(),)])),
    st.tuples(st.just("later"), st.sampled_from([30, 90, 500, 2000])),
    st.tuples(st.just("policy"), st.sampled_from(["", "another"])),
    st.tuples(st.just("scope"), st.sampled_from([SCOPE, OTHER])),
    st.tuples(st.just("learn"), st.booleans()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("escape"), st.booleans()),
)


class Client:
    """The requests of one client, turn by turn."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.head = 0
        self.marker = 2
        self.how: dict[str, Any] = {}
        self.escapes = False

    def body(self) -> bytes:
        sent = copy.deepcopy(self.messages)
        for message in sent[len(sent) - self.marker :]:
            message["cache_control"] = {"type": "ephemeral"}
        system = [{"type": "text", "text": f"request {self.head}"}, {"text": "a system prompt"}]
        request = {"model": "m", "system": system, "messages": sent, "stream": True}
        raw = json.dumps(request, ensure_ascii=False).encode()
        return raw.replace(b"o", b"\\u006f").replace(b"/", b"\\/") if self.escapes else raw

    def step(self, what: str, value: Any, gates: list[Gate]) -> None:
        if what == "grow":
            self.messages += value
        elif what in ("edit", "insert") and self.messages:
            at = value[0] % len(self.messages)
            self.messages[at : at + (what == "edit")] = [value[1]]
        elif what in ("head", "marker"):
            setattr(self, what, value)
        elif what in ("exempt", "policy", "scope", "learn"):
            self.how[what] = value
        elif what == "escape":
            self.escapes = value
        for gate in gates:
            if what == "wrote":
                if value.encode() not in gate.redactor.known(SCOPE):
                    gate.ledger.note_written(SCOPE, [value.encode()])
            elif what == "name":
                gate.named = Literals(
                    dict.fromkeys((value.encode() * 8, value.encode()), "known-value")
                )
            elif what == "later":
                gate.time += value
            elif what == "restart":
                gate.restart()


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def conversation(
    turns: int, seed: int = 1, texts: list[str] = TEXTS
) -> Iterator[tuple[Client, bytes]]:
    client, chance = Client(), random.Random(seed)
    for turn in range(turns):
        text = chance.choice(texts) if turn % 3 else "plain words, quite a few of them " * 5
        client.messages.append({"role": "user", "content": block(turn % 2, text)})
        yield client, client.body()
