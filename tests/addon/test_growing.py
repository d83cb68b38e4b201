"""Answers in which every event says again what was said so far take time that is linear in their bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_wire_streams import GATE, ISSUED, KEY
from wire_support import SCOPE

from addon.kit import random_text, token
from harness.families.base import sse
from secretgate.inbound import events
from secretgate.inbound.answers import EventAnswer
from secretgate.inbound.growing import Growing
from secretgate.inbound.restoration import Channel, Depth, restore
from secretgate.inbound.written import Recorder
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

NAME = GATE.name(KEY)
CHAT = DIALECTS["openai-chat"]
OWN = token("made up by the model")


def cumulative(pieces: Sequence[str]) -> Iterator[dict[str, Any]]:
    for at, piece in enumerate(pieces, 1):
        so_far = {"role": "assistant", "content": "".join(pieces[:at])}
        yield {"choices": [{"index": 0, "delta": {"content": piece}, "message": so_far}]}


def text(size: int) -> list[str]:
    """Return a text in pieces, with a placeholder in every tenth that is cut in two."""
    said = [f"see {random_text(number, 24)} " for number in range(size)]
    said[::10] = [f"{each}{NAME[:15]}" for each in said[::10]]
    said[1::10] = [f"{NAME[15:]} {each}" for each in said[1::10]]
    said[size // 2] += f'token = "{OWN}"\n'
    return said


@pytest.mark.parametrize("size", [200, 400])
def test_what_is_said_again_is_not_searched_again(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    searched = analysed = 0
    feed, written = Channel.feed, GATE.redactor.written

    def fed(channel: Channel, piece: bytes) -> bytes:
        nonlocal searched
        searched += len(piece)
        return feed(channel, piece)

    def noted(texts: Sequence[bytes], *rest: Any) -> set[bytes]:
        nonlocal analysed
        analysed += sum(map(len, texts))
        return written(texts, *rest)

    monkeypatch.setattr(Channel, "feed", fed)
    monkeypatch.setattr(GATE.redactor, "written", noted)
    pieces = text(size)
    whole = "".join(pieces)
    recorder = Recorder(CHAT, GATE.redactor, GATE.ledger, SCOPE)
    answer = EventAnswer(SseFramer(), events.Events(CHAT, ISSUED, recorder))
    raw = sse([*cumulative(pieces)])
    out = b"".join(answer.feed(raw[at : at + 4096]) for at in range(0, len(raw), 4096))
    out += answer.finish()
    said = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    last = said[-1]["choices"][0]["message"]["content"]
    assert last == whole.replace(NAME, KEY)
    deltas = [each["choices"][0]["delta"]["content"] for each in said]
    assert "".join(deltas) == last
    assert GATE.ledger.written(SCOPE, [OWN.encode()])
    # Every text is fed twice: as deltas, and whole.
    assert searched < 3 * len(whole) + 2 * 1024 * 20
    assert analysed < 3 * len(whole) + 2 * 1024 * 20


@given(
    st.lists(st.sampled_from([NAME, NAME[:9], NAME[9:], "a", "\\n", "é"]), max_size=9), st.data()
)
def test_a_text_that_grows_is_restored_as_a_whole(pieces: list[str], data: st.DataObject) -> None:
    growing = Growing()
    pieces = ["x" * 1024, *pieces]
    for _ in range(4):
        size = data.draw(st.integers(0, len(pieces)))
        said = "".join(pieces[:size]).encode()
        whole, sure = growing.restore(("text",), said, ISSUED, Depth.LITERAL)
        assert whole == restore(said, ISSUED, Depth.LITERAL)
        assert whole.startswith(sure)


def test_few_texts_are_kept_and_none_after_the_answer() -> None:
    growing = Growing()
    for number in range(100):
        growing.restore((number,), b"x" * 2000, ISSUED, Depth.LITERAL)
    assert len(growing._texts) == 16
    growing.forget()
    assert not growing._texts
