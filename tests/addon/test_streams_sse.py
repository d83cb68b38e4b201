"""Server-sent events: framing agrees with the parsing rules of the standard; edits are in place."""

from __future__ import annotations

import itertools
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_streams_framing import cut, payloads, run

from secretgate.streams.sse import SseFrame, SseFramer

PIECES = st.sampled_from(
    (
        *(b"data: {}", b"data:[1]", b"data", b"data:", b"data: [DONE]", "data: é".encode()),
        *(b"datax: 1", b"event: a", b"event:b", b": c", b": c\n", b"id: 1"),
        *(b"\n", b"\n\n", b"\r\n", b"\r\n\r\n", b"\r", b"\r\r"),
    )
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def by_the_standard(raw: bytes) -> list[tuple[str, bytes]]:
    """Return the events that the HTML standard dispatches, without empty ones and end marker."""
    events = []
    name, data = "", []
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    lines = re.split(rb"\r\n|\n|\r", raw)
    for line in lines[:-1]:
        if not line:
            value = b"\n".join(data)
            if value.strip() not in (b"", b"[DONE]"):
                events.append((name, value))
            name, data = "", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode()
    return events


@given(st.lists(PIECES, max_size=14), st.booleans(), st.lists(st.integers(0, 99), max_size=5))
def test_events_are_those_of_the_standard(
    pieces: list[bytes], bom: bool, places: list[int]
) -> None:
    raw = b"\xef\xbb\xbf" * bom + b"".join(pieces) + b"\n\n"
    frames = run(SseFramer(), cut(raw, places))
    got = [(frame.event, frame.payload) for frame in frames if frame.payload is not None]
    assert got == by_the_standard(raw)


@pytest.mark.thorough
@given(
    st.lists(st.tuples(st.sampled_from([b"", b"a", b"b"]), st.text(max_size=20)), max_size=6),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_events_are_those_of_the_openai_client(events: list[tuple[bytes, str]], end: bytes) -> None:
    from openai._streaming import SSEDecoder

    rows = []
    for name, text in events:
        rows += [b"event: " + name] if name else []
        rows += [b"data: " + json.dumps({"text": text}).encode(), b""]
    raw = b"".join(row + end for row in rows)
    theirs = [(event.event or "", event.data) for event in SSEDecoder().iter_bytes(iter([raw]))]
    frames = run(SseFramer(), [raw])
    assert [(frame.event, (frame.payload or b"").decode()) for frame in frames] == theirs


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_cut_into_three_gives_the_same_frames(end: bytes) -> None:
    lines = [b"event: a", b'data: {"x":', b"data: 1}", b"", b": hi", b"", b"data: [DONE]", b""]
    raw = b"".join(line + end for line in lines)
    whole = [frame.raw for frame in run(SseFramer(), [raw])]
    assert payloads(run(SseFramer(), [raw])) == [b'{"x":\n1}']
    for a, b in itertools.combinations_with_replacement(range(len(raw) + 1), 2):
        frames = run(SseFramer(), [raw[:a], raw[a:b], raw[b:]])
        joined = b"".join(frame.raw for frame in frames)
        assert joined == raw
        assert payloads(frames) == [b'{"x":\n1}']
        if end != b"\r\n" and b": hi" not in raw[:a][-7:] and b": hi" not in raw[:b][-7:]:
            assert [frame.raw for frame in frames] == whole


@pytest.mark.parametrize(
    "event",
    [
        b"data: {}\n\n",
        b"data: {}\r\n\r\n",
        b"data: {}\r\r",
        b": ping\n\n",
        b": ping\n",
        b": ping\r\n",
    ],
)
def test_an_event_does_not_wait_for_what_follows(event: bytes) -> None:
    framer = SseFramer()
    assert b"".join(frame.raw for frame in framer.feed(event)) == event
    halves = [framer.feed(event[:4]), framer.feed(event[4:])]
    assert b"".join(frame.raw for frames in halves for frame in frames) == event


@given(
    name=st.sampled_from([b"", b"event: a"]),
    value=st.lists(st.sampled_from([b"{", b" 1", b"", b"}"]), min_size=1, max_size=4),
    space=st.sampled_from([b"", b" "]),
    end=ENDS,
    other=st.lists(st.sampled_from([b"[", b"2", b" ]", b""]), min_size=1, max_size=4),
)
def test_another_payload_stands_where_the_first_stood(
    name: bytes, value: list[bytes], space: bytes, end: bytes, other: list[bytes]
) -> None:
    rows = [name] * bool(name) + [b"data:" + space + line for line in value] + [b"id: 9", b""]
    raw = b"".join(row + end for row in rows)
    payload = b"\n".join(other)
    for frame in (*SseFramer().feed(raw + b"\n"), SseFrame(raw, b"")):
        if frame.payload is None:
            continue
        changed = frame.with_payload(payload)
        assert frame.with_payload(frame.payload) == frame.raw
        assert set(re.findall(rb"\r\n|\n|\r", changed)) <= {end}
        (again,) = SseFramer().feed(changed.removesuffix(b"\n") + b"\n")
        expected = payload if payload.strip() else None
        assert again.payload == expected
        assert again.event == frame.event
        assert changed.endswith(b"id: 9" + end + end)


def test_a_payload_with_line_ends_becomes_several_data_lines() -> None:
    (frame,) = SseFramer().feed(b"event: a\r\ndata:{}\r\n\r\n")
    assert frame.with_payload(b"{\n}") == b"event: a\r\ndata:{\r\ndata:}\r\n\r\n"
    assert frame.with_payload(b"{\r}") == b"event: a\r\ndata:{\r\ndata:}\r\n\r\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (b'data: {"a": 1}', b'{"a": 1}'),
        (b'data: {"a": 1}\n', b'{"a": 1}'),
        (b'event: x\r\ndata: {"a": 1}\r\n', b'{"a": 1}'),
        (b'data: {"a": "cut o', None),
        (b"data: [DONE]", None),
        (b"event: x\n", None),
    ],
)
def test_a_last_event_without_a_blank_line(rest: bytes, expected: bytes | None) -> None:
    framer = SseFramer()
    assert framer.feed(b"data: {}\n\n" + rest)[0].raw == b"data: {}\n\n"
    (last,) = framer.finish()
    assert (last.raw, last.payload) == (rest, expected)
    if expected:
        assert last.with_payload(b"[]") == rest.replace(expected, b"[]")
    assert framer.finish() == []


@pytest.mark.thorough
def test_a_large_event_in_tiny_pieces_takes_linear_time() -> None:
    framer = SseFramer()
    start = time.process_time()
    framer.feed(b"data: ")
    for _ in range(100_000):
        framer.feed(b"x" * 64)
    assert time.process_time() - start < 5
    assert len(framer.feed(b"\n\n")[0].payload or b"") == 6_400_000
