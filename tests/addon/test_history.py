"""The history does not change the outcome: with and without it, the output is byte-identical."""

from __future__ import annotations

import base64
import gc
import json
import threading
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from addon.histories import (
    LONG,
    ROOT,
    SECRETS,
    TEXTS,
    Client,
    Gate,
    block,
    conversation,
    said,
    steps,
)
from addon.kit import ANTHROPIC, SCOPE, token
from harness import effort
from secretgate.bodies.json_body import JsonBody
from secretgate.bodies.json_walk import read_json
from secretgate.history import units
from secretgate_rules import Literals


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "SMALL", 150)
    monkeypatch.setattr(units, "LARGE", 700)


@pytest.mark.thorough
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
    """With files, some of which are text, and places after others in one unit."""
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
    _, spots, counts, *_ = again
    assert warm.passed
    assert counts.bytes == 3 * len(image)
    assert {spot.path.partition("]")[0] for spot in spots} == {
        "messages[1",
        "messages[3",
        "messages[5",
    }


def test_conversations_that_begin_alike_are_all_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of one tool do: their first messages are in units of different lengths."""
    monkeypatch.setattr(units, "SMALL", 1000)
    gate, clients = Gate(True), [Client() for _ in range(12)]
    for number, client in enumerate(clients):
        others = [said(f"{at}" + "x" * (80 + number)) for at in range(16)]
        client.messages = [said("the same beginning " * 20), *others]
        gate.send(client.body())
    for client in clients:
        gate.passed = 0
        gate.send(client.body())
        assert gate.passed > len(client.messages)


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


@pytest.mark.thorough
def test_several_threads_get_what_one_gets() -> None:
    scripts = [[raw for _, raw in conversation(25, seed)] for seed in range(4)]
    shared, wrong = Gate(True, limit=40_000), []
    learnt = Gate(False)
    for script in scripts:
        # What is learnt from one conversation must not depend on the progress of another.
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


@pytest.mark.thorough
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


@pytest.mark.parametrize("warm", [True, False])
def test_a_value_stays_known_as_long_as_it_is_sent(warm: bool) -> None:
    """What it was first found in may be gone long ago, as after compaction."""
    gate, client = Gate(warm), Client()
    client.messages = [said(f"password={LONG}"), said(f"only {LONG} by itself")]
    gate.send(client.body())
    del client.messages[0]
    for _ in range(6):
        gate.time += 300
        client.messages.append(said("more"))
        assert LONG.encode() not in gate.send(client.body())[0]
