"""Thousands of texts that are open at once: the work and the memory for each stay the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_wire_streams import GATE, ISSUED, KEY

from harness.families.base import events, sse
from secretgate.inbound import endings, open_texts
from secretgate.inbound.answers import EventAnswer
from secretgate.inbound.endings import Ending, item_of
from secretgate.inbound.events import Events
from secretgate.inbound.open_texts import OpenTexts
from secretgate.inbound.restoration import Depth
from secretgate.providers import DIALECTS
from secretgate.streams.base import Frame
from secretgate.streams.sse import SseFramer

NAME = GATE.name(KEY)
HALF = NAME[:15]


def blocks(count: int) -> list[Any]:
    """Return texts that begin one after the other, go on, and end."""

    def pieces(text: str) -> list[Any]:
        return [
            {"type": "content_block_delta", "index": at, "delta": {"text": text}}
            for at in range(count)
        ]

    ends = [{"type": "content_block_stop", "index": at} for at in range(count)]
    return [*pieces(f"so {HALF}"), *pieces(NAME[15:] + HALF), *ends]


def lanes(count: int) -> list[Any]:
    where = {"item_id": "m", "output_index": 0, "content_index": 0}
    kind = "response.output_text"
    return [
        {"type": f"{kind}.{end}", "stream_id": at, **where, **said}
        for end, said in (
            ("delta", {"delta": f"so {HALF}"}),
            ("delta", {"delta": NAME[15:] + HALF}),
            ("done", {"text": f"so {NAME}{HALF}"}),
        )
        for at in range(count)
    ]


def choices(count: int) -> list[Any]:
    def each(**said: Any) -> list[Any]:
        return [{"choices": [{"index": at, **said}]} for at in range(count)]

    first, second = ({"content": text} for text in (f"so {HALF}", NAME[15:] + HALF))
    return [*each(delta=first), *each(delta=second), *each(delta={}, finish_reason="stop")]


def _said(event: Any) -> tuple[Any, str]:
    if "choices" in event:
        (choice,) = event["choices"]
        return choice["index"], choice["delta"].get("content", "")
    delta = event.get("delta", "")
    at = event.get("stream_id", event.get("index"))
    return at, delta["text"] if isinstance(delta, dict) else delta


@pytest.mark.parametrize(
    ("dialect", "make"),
    [("anthropic", blocks), ("openai-responses", lanes), ("openai-chat", choices)],
)
def test_each_of_many_texts_costs_as_much_as_each_of_a_few(
    monkeypatch: pytest.MonkeyPatch, dialect: str, make: Callable[[int], list[Any]]
) -> None:
    asked = 0
    contains = Ending.__contains__

    def counted(ending: Ending, identity: object) -> bool:
        nonlocal asked
        asked += 1
        return contains(ending, identity)

    monkeypatch.setattr(endings.Ending, "__contains__", counted)
    count = 300
    answer = EventAnswer(SseFramer(), Events(DIALECTS[dialect], ISSUED))
    out = answer.feed(sse(make(count))) + answer.finish()
    texts: dict[Any, str] = {}
    for event in events(out):
        at, text = _said(event)
        texts[at] = texts.get(at, "") + text
    assert texts == dict.fromkeys(range(count), f"so {KEY}{HALF}")
    # Three events each; all open texts are gone through while they are few.
    assert asked < 3 * count * open_texts._FEW


def test_not_more_than_some_texts_are_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_texts, "MOST_OPEN", 50)
    restorer = Events(DIALECTS["anthropic"], ISSUED)
    answer = EventAnswer(SseFramer(), restorer)
    raw = sse(blocks(80)[:80])
    out = answer.feed(raw)
    assert len(restorer._texts._open) <= 51
    out += answer.finish()
    texts: dict[Any, str] = {}
    for event in events(out):
        at, text = _said(event)
        texts[at] = texts.get(at, "") + text
    assert texts == dict.fromkeys(range(80), f"so {HALF}")


class _Never:
    raw = b""


VALUES = st.sampled_from([None, 0, 1, "x"])
TOPS = st.dictionaries(st.sampled_from(["index", "item_id", "stream_id"]), VALUES, max_size=3)
PATHS = st.sampled_from([("delta",), ("a", (0, False), "b"), ("a", (1, False), "b"), ("a", 2)])
IDENTITIES = st.builds(lambda top, path: (tuple(top.items()), *path), TOPS, PATHS)
ENDINGS = TOPS.map(Ending) | st.builds(
    lambda ids: Ending(items=[item_of(each) for each in ids]), st.lists(IDENTITIES, max_size=3)
)


@example([(((("index", at),), "delta"), True) for at in range(5)], [Ending({"index": 1})])
@given(st.lists(st.tuples(IDENTITIES, st.booleans()), max_size=40), st.lists(ENDINGS, max_size=3))
def test_what_ends_is_found_among_many_as_among_a_few(
    fed: list[tuple[Any, bool]], ended: list[Ending]
) -> None:
    frame: Frame = _Never()  # type: ignore[assignment]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_texts, "_FEW", 3)
        texts = OpenTexts(DIALECTS["openai-responses"])
        order: dict[Any, None] = {}
        for at, (identity, open_now) in enumerate(fed):
            piece = HALF.encode() if open_now else b"so "
            texts.feed(identity, Depth.LITERAL, piece, lambda: frame, ("a",), ISSUED, not open_now)
            order.pop(identity, None)
            if open_now:
                order[identity] = None
            for ending in ended[at % 3 :]:
                assert texts.ended(ending) == [each for each in order if each in ending]
