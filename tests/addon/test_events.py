"""The fast paths through a stream (runs, shapes, search for beginnings) agree with the slow one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_shapes import delta
from test_wire_streams import ARGUMENTS, GATE, ISSUED, KEY, QUOTED, TEXT, cut, sent
from wire_support import SCOPE, through

from harness import effort
from harness.wire_families import FAMILIES, Family
from secretgate.bodies.base import Edit, splice
from secretgate.inbound.answers import EventAnswer
from secretgate.inbound.event_reader import read_event
from secretgate.inbound.events import Events
from secretgate.inbound.restoration import Depth, restore
from secretgate.inbound.spoken import Spoken, Text, Unread
from secretgate.inbound.written import Recorder
from secretgate.placeholders import Issued, Template
from secretgate.providers import DIALECTS, Dialect, Piece
from secretgate.streams.base import Run
from secretgate.streams.sse import SseFramer

NAME = GATE.name(KEY)
SPICE = [NAME, NAME.lower(), NAME.replace("<", "\\u003c")]
SPICE += ["REDA", "over r", "user", "r\n", "\\", "é"]
said = st.lists(st.sampled_from(SPICE) | st.text(max_size=12), max_size=8).map("".join)
places = st.lists(st.integers(0, 1 << 20), max_size=12)


either = pytest.mark.usefixtures("_either")


def the_long_way(family: Family, raw: bytes) -> bytes:
    """Return a stream of which every frame was read in full, without memory of earlier ones."""
    events = Events(family.dialect, ISSUED)
    framer = family.framer()
    out: list[bytes] = []
    for frame in framer.feed(raw):
        payload = frame.payload
        out += events._ended(frame) if payload is None else events._read(frame, payload, None)
    *whole, last = framer.finish() or (None,)
    assert not whole
    return b"".join([*out, *events.finish(last)])


def as_read(family: Family, raw: bytes) -> tuple[dict[Any, bytes], list[bytes]]:
    """Return what a client reads: each joined text, and the events without their pieces.

    In which of two adjacent events the end of a word is, and whether one of them had to wait for
    the other, depends on what has arrived by then.
    """
    texts: dict[Any, bytes] = {}
    rest: list[bytes] = []
    framer = family.framer()
    for frame in (*framer.feed(raw), *framer.finish()):
        event = frame.payload and read_event(frame.payload, frame.event, family.dialect)
        if not event:
            rest.append(frame.raw)
            continue
        pieces = [leaf for leaf in event.leaves if leaf.piece in (Piece.DELTA, Piece.DELTA_JSON)]
        for leaf in pieces:
            texts[leaf.identity] = (
                texts.get(leaf.identity, b"") + event.payload[leaf.start : leaf.end]
            )
        edits = [Edit(leaf.start, leaf.end, b"") for leaf in pieces]
        rest.append(frame.with_payload(splice(event.payload, edits)))
    return texts, rest


@pytest.mark.thorough
@either
@pytest.mark.parametrize("name", FAMILIES)
@given(text=said, arguments=said, texts=places, pieces=places, chunks=places)
@example(TEXT, ARGUMENTS, list(range(0, 400, 3)), list(range(0, 400, 5)), [100, 1000])
@example("", "0000000000\r0", [], [0, 1, 2, 3, 11], [])
@example("00REDA", f"{NAME}REDA", [0, 1, 2, 17, 102, 159], [0, 1, 2, 3, 4, 2141], [3384, 256406])
@settings(max_examples=effort.of(25))
def test_the_short_way_is_the_long_way(
    name: str, text: str, arguments: str, texts: list[int], pieces: list[int], chunks: list[int]
) -> None:
    family = FAMILIES[name]
    raw = family.write(cut(text, texts), cut(arguments, pieces))
    wanted = as_read(family, the_long_way(family, raw))
    assert as_read(family, through(family.framer(), family.dialect, ISSUED, raw)) == wanted
    in_chunks = through(family.framer(), family.dialect, ISSUED, *sent(raw, chunks))
    assert as_read(family, in_chunks) == wanted


def nested(piece: Callable[[str], str]) -> str:
    inner = {"url": piece(GATE.name(QUOTED)), "more": [piece(NAME), "\\"]}
    return json.dumps({"file": "package.json", "content": json.dumps(inner, indent=1)})


@either
@pytest.mark.parametrize("name", ["anthropic", "chat", "responses"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_json_in_arguments_stays_json_however_it_is_cut(name: str, size: int) -> None:
    family = FAMILIES[name]
    arguments = nested(lambda name: name)
    raw = family.write([], [arguments[at : at + size] for at in range(0, len(arguments), size)])
    restored = json.loads(family.read(through(family.framer(), family.dialect, ISSUED, raw))[1])
    values = {NAME: KEY, GATE.name(QUOTED): QUOTED}
    assert restored["content"] == json.loads(nested(lambda name: values[name]))["content"]


@pytest.mark.thorough
@either
@pytest.mark.parametrize("name", FAMILIES)
@given(text=said, arguments=said, texts=places, pieces=places)
@settings(max_examples=effort.of(25))
def test_what_is_said_is_the_same_in_a_run(
    name: str, text: str, arguments: str, texts: list[int], pieces: list[int]
) -> None:
    family = FAMILIES[name]
    raw = family.write(cut(text, texts), cut(arguments, pieces))
    read, by_shape, in_a_run = (Spoken(family.dialect) for _ in range(3))
    frames = family.framer().feed(raw)
    for frame in frames:
        if frame.payload is not None:
            read._read(frame.payload, frame.event)
            by_shape.add(Unread(frame.payload, frame.event))
    wanted = set(read.texts())
    assert set(by_shape.texts()) == wanted
    run = family.framer().run(raw)
    if isinstance(run, Run):
        in_a_run.add(run)
        assert set(in_a_run.texts()) == wanted


class Hearing(Recorder):
    """A recorder that keeps what it would analyse."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect, GATE.redactor, GATE.ledger, SCOPE)
        self.heard: set[Text] = set()

    def _note(self, said: list[Text]) -> None:
        self.heard.update(said)


@pytest.mark.thorough
@either
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("issued", [ISSUED, Issued(Template(), {})], ids=["issued", "none"])
@given(text=said, arguments=said, texts=places, pieces=places, chunks=places)
@settings(max_examples=effort.of(15))
def test_what_the_client_receives_is_recorded(
    name: str,
    issued: Issued,
    text: str,
    arguments: str,
    texts: list[int],
    pieces: list[int],
    chunks: list[int],
) -> None:
    family = FAMILIES[name]
    recorder = Hearing(family.dialect)
    answer = EventAnswer(family.framer(), Events(family.dialect, issued, recorder))
    raw = family.write(cut(text, texts), cut(arguments, pieces))
    out = b"".join([*map(answer.feed, sent(raw, chunks)), answer.finish()])
    received, framer = Spoken(family.dialect), family.framer()
    for frame in (*framer.feed(out), *framer.finish()):
        if frame.payload is not None:
            received._read(frame.payload, frame.event)
    assert recorder.heard == set(received.texts())


@pytest.mark.parametrize(
    ("payloads", "ends"),
    [
        ([delta(), b'{"type": "message_stop"}'], True),
        ([delta(), b"[DONE]"], True),
        ([b'{"type": "message_stop"}', delta()], False),
        ([delta(error=None, text='"type": "message_stop"')], False),
        ([delta(error={"type": "message_stop"})], False),
    ],
)
def test_the_last_event_of_a_run_says_whether_all_is_said(
    payloads: list[bytes], ends: bool
) -> None:
    run = SseFramer().run(b"".join(b"data: " + payload + b"\n\n" for payload in payloads))
    assert isinstance(run, Run)
    assert Events(DIALECTS["anthropic"], ISSUED)._ends(run) is ends


def test_an_alias_is_found_wherever_it_is_cut() -> None:
    alias = b"QmFzZTY0IHdpdGggYSBwbGFjZWhvbGRlcg"
    issued = Issued(Template(), {}, {alias: b"T3JpZ2luYWwgYmFzZTY0"})
    family = FAMILIES["anthropic"]
    text = f"Q and {alias.decode()} QmF"
    for at in range(len(text)):
        raw = family.write([text[:at], text[at:]], [])
        out = through(family.framer(), family.dialect, issued, raw)
        assert family.read(out)[0].encode() == restore(text.encode(), issued, Depth.PLAIN)


def test_the_events_of_a_clean_stream_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    family = FAMILIES["anthropic"]
    raw = family.write(["Nothing ", "to see. "] * 50, [])

    def read(*_: object) -> None:
        raise AssertionError("an event was read")

    monkeypatch.setattr("secretgate.inbound.events.read_event", read)
    events = Events(family.dialect, ISSUED)
    for chunk in sent(raw, list(range(0, 1 << 20, 997))):
        run = SseFramer().run(chunk)
        assert not isinstance(run, Run) or events._run(run) is run.raw


def read_texts(family: Family, raw: bytes) -> dict[Any, str]:
    """Return each text that a client reads of a stream, joined; the stream may be truncated."""
    texts: dict[Any, str] = {}
    framer = family.framer()
    for frame in (*framer.feed(raw), *framer.finish()):
        event = read_event(frame.payload or b"", frame.event, family.dialect)
        for leaf in event.leaves if event and frame.payload else ():
            if leaf.piece in (Piece.DELTA, Piece.DELTA_JSON):
                piece = frame.payload[leaf.start : leaf.end].decode()
                texts[leaf.identity] = texts.get(leaf.identity, "") + piece
    return texts


@pytest.mark.thorough
@either
@pytest.mark.parametrize("name", FAMILIES)
@given(place=st.integers(0, 1 << 20), texts=places)
@example(1 << 19, list(range(1, 400, 2)))
@settings(max_examples=effort.of(25))
def test_a_stream_that_is_cut_off_anywhere_gives_all_it_had(
    name: str, place: int, texts: list[int]
) -> None:
    """Held-back text is sent in a valid event of its own, before the truncated one."""
    family = FAMILIES[name]
    raw = family.write(cut(f"{TEXT} REDACTED<zz", texts), cut(ARGUMENTS, texts))
    raw = raw[: place % (len(raw) + 1)]
    out = through(family.framer(), family.dialect, ISSUED, raw)
    had = read_texts(family, raw)
    got = read_texts(family, out)
    for identity, text in had.items():
        wanted = {restore(text.encode(), ISSUED, depth).decode() for depth in Depth}
        assert got.get(identity, "") in wanted


def _chunk(text: str) -> bytes:
    event = {"choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


@pytest.mark.parametrize(("end", "flushed"), [(b"data: [DONE]\n\n", True), (b": ping\n\n", False)])
def test_what_is_held_goes_out_before_the_end_mark_and_not_before_a_comment(
    end: bytes, flushed: bool
) -> None:
    """For a stream with no other sign of its end."""
    dialect = DIALECTS["openai-chat"]
    events, framer = Events(dialect, ISSUED), SseFramer()
    out = b"".join(
        going for frame in framer.feed(_chunk("see REDA") + end) for going in events.event(frame)
    )
    assert out.endswith(end)
    assert (b'"REDA"' in out) == flushed
    rest = b"".join(going for frame in framer.feed(_chunk("LOC")) for going in events.event(frame))
    assert (b"REDALOC" in rest) == (not flushed)


@either
@pytest.mark.parametrize("name", ["anthropic", "chat", "responses", "gemini"])
def test_of_many_events_only_those_with_a_placeholder_change(name: str) -> None:
    """Whatever their words end in, and wherever the stream is cut."""
    family = FAMILIES[name]
    words = ["over ", "or", " r", "\n", "user", "", " re", "d", "\\", " "] * 30
    words[100:103] = NAME[:9], NAME[9:11], NAME[11:] + " for"
    words[205] = f"{NAME}r"
    raw = family.write(words, []).replace(b'event: ping\ndata: {"type": "ping"}\n\n', b"")
    framer = family.framer()
    came = [frame.raw for frame in (*framer.feed(raw), *framer.finish())]
    for size in (len(raw), 5000):
        out = through(
            family.framer(),
            family.dialect,
            ISSUED,
            *(raw[at : at + size] for at in range(0, len(raw), size)),
        )
        assert family.read(out)[0] == "".join(words).replace(NAME, KEY)
        framer = family.framer()
        went = [frame.raw for frame in (*framer.feed(out), *framer.finish())]
        changed = len(came) - sum(old == new for old, new in zip(came, went, strict=False))
        assert len(went) == len(came)
        assert changed < len(words) // 3


@pytest.mark.parametrize("lead", ["", "42", "0:", "42/chat,"])
@pytest.mark.parametrize("value", [[{"say": "{}"}, 1], "it is {} so"])
def test_json_that_is_no_object_stays_json(lead: str, value: Any) -> None:
    written = json.dumps(value)
    sent = lead + written.replace("{}", GATE.name(QUOTED))
    out = through(SseFramer(), DIALECTS["generic"], ISSUED, f"data: {sent}\n\n".encode())
    assert out == f"data: {lead}{written.replace('{}', json.dumps(QUOTED)[1:-1])}\n\n".encode()
