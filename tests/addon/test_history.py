"""What the history passes over comes out as if it had been read: warm is cold, byte for byte."""

from __future__ import annotations

import base64
import copy
import gc
import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from addon.kit import ANTHROPIC, KEY, RULES, SCOPE, pem, random_text, token
from harness import effort
from secretgate.bodies.base import Unreadable
from secretgate.bodies.json_body import JsonBody
from secretgate.bodies.json_walk import read_json
from secretgate.history import units
from secretgate.history.verdicts import History
from secretgate.ledger import Ledger
from secretgate.outbound.redaction import Leak, Redactor
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
        return found.raw, found.spots, found.counts, issued.values, issued.aliases


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "SMALL", 150)
    monkeypatch.setattr(units, "LARGE", 700)


SECRETS = [token(1), token(2), token(3)]
LONG = random_text("long", 20)
SHORT = "Ab3+9xQ/"[:7]
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
    """What one client sends, step by step."""

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


@given(st.lists(steps, min_size=4, max_size=14), st.sampled_from([1 << 20, 1 << 20, 6000]))
@example(
    [
        ("grow", [said("nothing to see")]),
        ("name", SECRETS[0]),
        ("grow", [said("nothing to see")]),
        ("edit", (0, said(f"the token is {SECRETS[0]}"))),
        ("learn", False),
    ],
    1 << 20,
)
@example(
    [
        ("grow", [said("nothing to see")] * 6 + [said(f"password={LONG} and more")]),
        ("escape", True),
        ("grow", [said("nothing to see")] * 3),
        ("grow", [said("nothing to see")] * 7),
        ("name", "x"),
        ("exempt", (LONG.encode(),)),
    ],
    1 << 20,
)
@example(
    [
        (
            "grow",
            [
                said(f"password={LONG} and more"),
                said(TEXTS[7]),
                {"role": "user", "content": block(2, TEXTS[1])},
            ],
        ),
        ("exempt", (SECRETS[0].encode(),)),
    ],
    1 << 20,
)
@example(
    [
        ("grow", [said("nothing to see")]),
        ("grow", [said(TEXTS[9]), {"role": "user", "content": block(4, TEXTS[8])}]),
        ("send", None),
        ("later", 2000),
    ],
    1 << 20,
)
@settings(max_examples=effort.of(250))
def test_warm_is_cold(script: list[tuple[str, Any]], limit: int) -> None:
    gates = [Gate(True, limit), Gate(False)]
    client = Client()
    for what, value in script:
        client.step(what, value, gates)
        raw = client.body()
        warm, cold = (gate.send(raw, **client.how) for gate in gates)
        assert warm == cold
        assert gates[0].redactor.history.size <= limit


def conversation(
    turns: int, seed: int = 1, texts: list[str] = TEXTS
) -> Iterator[tuple[Client, bytes]]:
    client, chance = Client(), random.Random(seed)
    for turn in range(turns):
        text = chance.choice(texts) if turn % 3 else "plain words, quite a few of them " * 5
        client.messages.append({"role": "user", "content": block(turn % 2, text)})
        yield client, client.body()


def test_a_history_is_passed_over() -> None:
    gate = Gate(True)
    for turn, (client, raw) in enumerate(conversation(60, texts=TEXTS[:6])):
        before = gate.passed
        client.head = turn
        gate.send(raw)
        if turn > 10:
            assert gate.passed - before > turn - 12
    assert gate.passed


def test_what_was_read_before_a_value_was_known_is_read_again() -> None:
    gate = Gate(True)
    client = Client()
    client.messages = [
        {"role": "user", "content": f"{'x' * 800} {LONG}"},
        *({"role": "user", "content": f"filler {number} " * 40} for number in range(20)),
    ]
    raw, spots, *_ = gate.send(client.body())
    assert LONG.encode() in raw
    assert spots == []
    client.messages.append({"role": "user", "content": f"password={LONG}"})
    raw, spots, *_ = gate.send(client.body())
    assert LONG.encode() not in raw
    assert [spot.path for spot in spots] == ["messages[0].content", "messages[21].content"]
    assert gate.passed > 10


def test_a_value_that_is_written_with_escapes_is_read_again() -> None:
    gate = Gate(True)
    client = Client()
    client.messages = [{"role": "user", "content": LONG}, *({"content": "filler"},) * 9]
    spelled = "".join(f"\\u00{ord(char):02x}" for char in LONG).encode()
    raw, *_ = gate.send(client.body().replace(LONG.encode(), spelled))
    assert spelled in raw
    tail = json.dumps({"role": "user", "content": f"password={LONG}"}).encode()
    raw, *_ = gate.send(client.body().replace(LONG.encode(), spelled)[:-18] + b"," + tail + b"]}")
    assert gate.passed
    assert LONG not in str(json.loads(raw))


def test_what_was_no_secret_and_is_one_now_is_read_again() -> None:
    gates = [Gate(True), Gate(False)]
    twice = base64.b64encode(
        base64.b64encode(f"  export password={LONG}; run it".encode())
    ).decode()
    client = Client()
    client.messages = [{"role": "user", "content": twice}, *({"content": "filler"},) * 9]
    sent = []
    for gate in gates:
        gate.ledger.note_written(SCOPE, [LONG.encode()])
        first, *_ = gate.send(client.body())
        assert twice.encode() in first
        gate.named = Literals({LONG.encode(): "known-value"})
        sent.append(gate.send(client.body()))
    assert sent[0] == sent[1]
    assert twice.encode() not in sent[0][0]


def test_values_in_use_are_not_forgotten() -> None:
    gate = Gate(True)
    client = Client()
    client.messages = [{"role": "user", "content": f"{'x' * 800} {SECRETS[0]}"}] * 8
    for _ in range(40):
        gate.time += 90
        raw, *_ = gate.send(client.body())
        assert SECRETS[0].encode() not in raw
    assert SECRETS[0].encode() in gate.vault.known(SCOPE)
    assert gate.passed > 100


def test_a_turn_that_is_known_counts_and_tells_what_it_did_at_first() -> None:
    """Bytes of files, of which some are text, and places behind others in one unit."""
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(200, 256)) * 3).decode()
    note = base64.b64encode(f"export A={SECRETS[0]}; and more of it".encode()).decode()
    plain = base64.b64encode(b"words without anything in them, " * 4).decode()
    images, notes, words = (
        [{"type": "image", "source": {"type": "base64", "data": data}} for data in files]
        for files in ((image, image, image), (note, note), (plain, plain))
    )
    client = Client()
    client.messages = [
        said("short"),
        said(f"the token is {SECRETS[1]}"),
        {"role": "user", "content": images},
        {"role": "user", "content": notes},
        {"role": "user", "content": words},
        said(f"password={LONG} and more"),
        *(said("nothing to see") for _ in range(9)),
    ]
    warm, cold = Gate(True), Gate(False)
    for _ in range(3):
        again, first = (gate.send(client.body()) for gate in (warm, cold))
        assert again == first
    bodies = [
        read_json(client.body(), ROOT, warm.redactor.seen(SCOPE, "")),
        read_json(client.body(), ROOT, None),
    ]
    assert bodies[0].outline == bodies[1].outline
    _, spots, counts, _, _ = again
    assert warm.passed
    assert counts.bytes == 3 * len(image)
    assert {spot.path.partition("]")[0] for spot in spots} == {
        "messages[1",
        "messages[3",
        "messages[5",
    }


def test_it_holds_no_clear_text() -> None:
    gate = Gate(True)
    bodies = [raw for _, raw in conversation(40)]
    for raw in bodies:
        gate.send(raw)
    held = repr(
        [
            [getattr(entry.verdict, name) for name in type(entry.verdict).__slots__]
            for entry in gate.redactor.history._entries.values()
        ]
    )
    assert "REDACTED<" in held
    for text in (*SECRETS, LONG, "plain words", "nothing to see"):
        assert text not in held


def test_several_threads_get_what_one_gets() -> None:
    scripts = [[raw for _, raw in conversation(25, seed)] for seed in range(4)]
    shared, wrong = Gate(True, limit=40_000), []
    learnt = Gate(False)
    for script in scripts:
        # What one conversation teaches must not depend on how far another has come.
        for gate in (learnt, shared):
            gate.send(script[-1])
    expected = [[learnt.send(raw) for raw in script] for script in scripts]

    def run(script: list[bytes], wanted: list[Any]) -> None:
        for _ in range(3):
            wrong.extend(
                raw for raw, want in zip(script, wanted, strict=True) if shared.send(raw) != want
            )

    threads = [
        threading.Thread(target=run, args=each) for each in zip(scripts, expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_body_is_let_go_of_without_a_search_for_garbage() -> None:
    gate = Gate(warm=True)
    raw = json.dumps({"messages": [{"role": "user", "content": token(1)}]}).encode()
    gc.collect()
    gc.disable()
    try:
        body = read_json(raw, ANTHROPIC.request_paths.root)
        gate.redactor.inspect(body, SCOPE)
        del body
        assert not [each for each in gc.get_objects() if type(each) is JsonBody]
    finally:
        gc.enable()
