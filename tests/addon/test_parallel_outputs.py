"""Outputs that a model writes in parallel: each is assembled from its own pieces only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_wire_streams import GATE, ISSUED, KEY, OTHER, cut
from wire_support import through

from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

Pieces = Iterator[tuple[Any, str]]


@dataclass(frozen=True)
class Wire:
    dialect: str
    outputs: tuple[Any, ...]
    write: Callable[[Any, str], Mapping[str, Any]]
    """Writes a piece of an output as an event."""
    read: Callable[[Any], Pieces]


def chat(output: tuple[int, int | None], text: str) -> dict[str, Any]:
    choice, call = output
    if call is None:
        delta: dict[str, Any] = {"content": text}
    else:
        delta = {"tool_calls": [{"index": call, "function": {"arguments": text}}]}
    return {"object": "chat.completion.chunk", "choices": [{"index": choice, "delta": delta}]}


def chat_read(event: Any) -> Pieces:
    for choice in event["choices"]:
        delta = choice["delta"]
        if "content" in delta:
            yield (choice["index"], None), delta["content"]
        for call in delta.get("tool_calls", ()):
            yield (choice["index"], call["index"]), call["function"]["arguments"]


def anthropic(output: tuple[int, str], text: str) -> dict[str, Any]:
    index, member = output
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "text_delta", member: text},
    }


def anthropic_read(event: Any) -> Pieces:
    for member in ("text", "partial_json"):
        if member in event["delta"]:
            yield (event["index"], member), event["delta"][member]


def responses(output: tuple[str, int], text: str) -> dict[str, Any]:
    item, part = output
    return {
        "type": "response.output_text.delta",
        "item_id": item,
        "output_index": 0,
        "content_index": part,
        "delta": text,
    }


def gemini(output: int, text: str) -> dict[str, Any]:
    return {"candidates": [{"index": output, "content": {"parts": [{"text": text}]}}]}


def gemini_read(event: Any) -> Pieces:
    for candidate in event["candidates"]:
        for part in candidate["content"]["parts"]:
            yield candidate["index"], part["text"]


WIRES = [
    Wire("openai-chat", ((0, None), (1, None), (0, 0), (0, 1), (1, 0)), chat, chat_read),
    Wire("anthropic", ((0, "text"), (1, "text"), (2, "partial_json")), anthropic, anthropic_read),
    Wire(
        "openai-responses",
        (("a", 0), ("a", 1), ("b", 0)),
        responses,
        lambda event: iter([((event["item_id"], event["content_index"]), event["delta"])]),
    ),
    Wire("gemini", (0, 1, 2), gemini, gemini_read),
]
TEXTS = [
    f"It is {GATE.name(KEY)}.",
    f"{GATE.name(OTHER)}{GATE.name(KEY)}",
    "REDACTED<",
    f"no: {GATE.name(KEY)[:20]}",
    f"{GATE.name(OTHER)}, and so on",
]
SAID = [text.replace(GATE.name(KEY), KEY).replace(GATE.name(OTHER), OTHER) for text in TEXTS]


@pytest.mark.thorough
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.dialect)
@given(
    places=st.lists(st.lists(st.integers(0, 200), max_size=8), min_size=5, max_size=5),
    order=st.randoms(use_true_random=False),
)
@example([[*range(0, 60, 3)]] * 5, None)
def test_outputs_in_parallel_do_not_mix(wire: Wire, places: list[list[int]], order: Any) -> None:
    waiting = {
        output: cut(text, at) for output, text, at in zip(wire.outputs, TEXTS, places, strict=False)
    }
    raw = b""
    turn = 0
    while waiting:
        keys = list(waiting)
        output = keys[turn % len(keys)] if order is None else order.choice(keys)
        turn += 1
        event = json.dumps(wire.write(output, waiting[output].pop(0))).encode()
        raw += b"data: " + event + b"\n\n"
        if not waiting[output]:
            del waiting[output]
    out = through(SseFramer(), DIALECTS[wire.dialect], ISSUED, raw)
    got = dict.fromkeys(wire.outputs, "")
    for frame in SseFramer().feed(out):
        for output, piece in wire.read(json.loads(frame.payload or b"")):
            got[output] += piece
    assert list(got.values()) == SAID[: len(wire.outputs)]
