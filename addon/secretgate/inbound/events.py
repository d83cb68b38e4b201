"""Processes the events of one streamed answer, or of one WebSocket, on their way to the client.

An event without any part of a placeholder is forwarded unchanged, without being parsed. If a text
ends in what may be the beginning of a placeholder, that end is held back; it is sent with the next
piece of the same text, or in an extra event before the event that ends the text.

An event that has to be inspected is parsed in full once; events that differ from it only in their
text (`shapes.py`) are not parsed again. The texts of consecutive ones (a *streak*) are joined and
searched in one pass: a beginning at the end of one piece that the next does not continue is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from secretgate.bodies.base import Edit, splice
from secretgate.inbound.documents import text_or_document
from secretgate.inbound.end_marks import EndMarks
from secretgate.inbound.endings import EVERYTHING, Ending, ending
from secretgate.inbound.event_reader import DELTAS, WHOLES, Event, Leaf, ends_all, read_event
from secretgate.inbound.extras import number_of, renumbered
from secretgate.inbound.growing import Growing
from secretgate.inbound.matching import Match, Shape, Streak
from secretgate.inbound.open_texts import OpenTexts, Out
from secretgate.inbound.restoration import Depth
from secretgate.inbound.shapes import Shapes
from secretgate.inbound.spoken import Heard, Read, Said, Unread
from secretgate.inbound.tool_places import in_tool
from secretgate.inbound.written import Recorder
from secretgate.placeholders import Issued
from secretgate.placeholders.beginnings import Watch
from secretgate.providers import Dialect, Piece
from secretgate.streams.base import END_MARK, Around, Frame, Run, around

_SHORT = 1024
"""Length in bytes below which a run, of an event or two, is not searched for streaks."""
_FEW = 4
"""Minimum number of events of a streak worth using, unless it reaches the end of the run."""
_TRIES = 8
"""After this many shorter streaks, as when two texts alternate, a run is searched no further."""


@dataclass
class Events:
    """Restores the events of one answer; a WebSocket has a single instance for all answers."""

    dialect: Dialect
    issued: Issued
    recorder: Recorder | None = None
    inserted: list[int] = field(default_factory=list)
    """The numbers of our own events so far, also of those before what is sent this time."""
    told: Callable[[], None] = lambda: None
    """Called when there is one more."""
    _over: bool = False
    """Whether every text has ended."""
    _goes_on: bool = False
    """Whether the last event of a run is known not to end anything."""
    _shapes: Shapes | None = None
    _shaped_for: tuple[Issued | None, Dialect | None] = (None, None)

    def __post_init__(self) -> None:
        self._texts = OpenTexts(self.dialect, self.inserted, self.told)
        self._growing = Growing()
        self._said: list[Said | Read] = []
        """What the frames being sent say, for the recorder."""

    def event(self, frame: Frame) -> list[bytes]:
        """Return the frames to send for one that arrived, and record what they say."""
        out = self._event(frame)
        self._record()
        return out

    def _event(self, frame: Frame) -> list[bytes]:
        payload = frame.payload
        if payload is None:
            return self._ended(frame)
        if self._untouched and not self.issued.suspects(payload):
            self._said.append(Unread(payload, frame.event))
            return [frame.raw]
        found = None if self.issued.limits else self.shapes.find(payload)
        if found is None or found[2] < len(payload) or found[0].name != frame.event:
            return self._read(frame, payload, (b"", b""), frame.event)
        changed = self._alike(payload, 0, found, lambda: frame)
        return [frame.raw if changed is payload else frame.with_payload(changed)]

    def run(self, run: Run) -> bytes:
        """Return the bytes to send for a run of frames."""
        self._goes_on = False
        out = self._run(run)
        if self.recorder is not None and out:
            if len(run.raw) < _SHORT:
                # Many of these are read in one go later, which takes less.
                self._said.clear()
                self.recorder.add(run if out is run.raw else Run(out, run.end, run.frame))
            if not (self._over or self._goes_on):
                self._over = self._ends(run)
        if self._said or self._over:
            self._record()
        return out

    def _run(self, run: Run) -> bytes:
        raw, issued = run.raw, self.issued
        if not issued and self._untouched:
            self._said.append(run)
            return raw
        simple = not (issued.limits or issued.aliases)
        tries = 0 if len(raw) < _SHORT or not simple else _TRIES
        hits: list[int] | None = None
        unmarked = False
        if simple and not tries and self._untouched:
            hits, marked = self._watch.see(raw)
            self._goes_on = unmarked = not marked
            if not hits:
                return raw
        out: list[bytes] = []
        at = next_hit = 0
        while at < len(raw):
            streak = self.shapes.streak(raw, at) if tries else None
            if streak and (len(streak.pieces) >= _FEW or streak.stop == len(raw)):
                at = self._along(run, at, streak, out)
                self._goes_on = True
                continue
            tries -= streak is not None
            self._goes_on = unmarked
            # What is recorded has to be read anyway; if that helps with later events, then at once.
            read = tries and self.recorder is not None and self.shapes.learning
            if self._untouched and not read:
                if hits is None:
                    hits = issued.suspects(raw) if issued else []
                while next_hit < len(hits) and hits[next_hit] < at:
                    next_hit += 1
                start = run.start(hits[next_hit], at) if next_hit < len(hits) else len(raw)
                if start > at:
                    self._said.append(Run(raw[at:start], run.end, run.frame))
                    out.append(raw[at:start])
                    at = start
                    continue
            at = self._step(run, at, out)
        return b"".join(out)

    def _along(self, run: Run, at: int, streak: Streak, out: list[bytes]) -> int:
        """Forward a streak and return its end; only events near a placeholder are read singly."""
        raw, shape, stop = run.raw, streak.shape, streak.stop
        if shape.number >= 0 and self._texts.shift:
            while at < stop:
                at = self._step(run, at, out)
            return stop
        if shape.text < 0:
            out.append(raw[at:stop])
            return stop
        pieces, text = streak.pieces, streak.text
        starts = self.issued.template.beginnings.in_text(text) if self.issued else []
        held = self._texts.holds(shape.identity)
        if held:
            starts = [0, *starts]
        if not starts:
            self._follow(run, at, shape, text)
            out.append(raw[at:stop])
            return stop
        ends = list(accumulate(map(len, pieces)))
        places = list(accumulate(streak.sizes, initial=at))
        number = done = 0
        for start in starts:
            if start < done:
                continue
            # The first piece counts as the last one of what is held back, even if it is empty.
            first = bisect_right(ends, start) if start or not held else 0
            if first > number:
                self._follow(run, at, shape, text[done : ends[first - 1]])
                out.append(raw[at : places[first]])
                number, at = first, places[first]
            while number < len(pieces):
                at = self._step(run, at, out)
                number += 1
                if not self._texts.holds(shape.identity):
                    break
            done = ends[number - 1]
        if at < stop:
            self._follow(run, at, shape, text[done:])
            out.append(raw[at:stop])
        return stop

    def _follow(self, run: Run, at: int, shape: Shape, text: bytes) -> None:
        """Record text that is forwarded unchanged."""
        self._said.append(Heard(shape.identity, shape.piece, text))
        if shape.piece is Piece.DELTA_JSON:
            self._texts.follow(
                shape.identity, text, lambda: run.cut(at)[0], shape.path, self.issued
            )

    def finish(self, last: Frame | None = None) -> list[bytes]:
        """Return the frames to send at the end: extra events for what is held back, and `last`.

        `last` is what follows the last complete frame. An event after it would be parsed as part of
        it, so the pieces in it end their texts, and everything else is sent before it.
        """
        out = self._finish(last)
        self._over = True
        self._record()
        return out

    def _finish(self, last: Frame | None) -> list[bytes]:
        if last is None:
            return self._extra(self._texts.flush_all())
        payload = last.payload
        event = read_event(payload, last.event, self.dialect) if payload is not None else None
        if event is None:
            return [*self._extra(self._texts.flush_all()), self._plain(last, payload)]
        return self._changed(last, event, EVERYTHING)

    def _plain(self, frame: Frame, payload: bytes | None) -> bytes:
        """Process what is no JSON object: its placeholders are restored where they are complete."""
        if payload is None:
            return frame.raw
        restored = text_or_document(payload, self.dialect, self.issued)
        self._said.append(Unread(restored, frame.event))
        return frame.raw if restored == payload else frame.with_payload(restored)

    @property
    def shapes(self) -> Shapes:
        issued, dialect = self._shaped_for
        if self._shapes is None or issued is not self.issued or dialect is not self.dialect:
            self._shapes, self._shaped_for = Shapes(self.dialect), (self.issued, self.dialect)
        return self._shapes

    @cached_property
    def _marks(self) -> EndMarks:
        return EndMarks(self.dialect)

    @cached_property
    def _watch(self) -> Watch:
        return self.issued.template.beginnings.watch(self._marks.strings)

    @property
    def _untouched(self) -> bool:
        """Whether an event that cannot hold a placeholder is forwarded unchanged."""
        return self._texts.none_touched

    def _ends(self, run: Run) -> bool:
        """Whether the last frame of a run ends every text."""
        raw = run.raw
        last = run.start(len(raw) - len(run.end), 0)
        long = len(raw) - last >= _SHORT
        if long and self.shapes.find(raw, last) is not None:
            return False
        marked = self._marks.stand_in(raw, last)
        if not marked and not long:
            return False
        if marked and raw.find(END_MARK, last) >= 0:
            return True
        if not marked and not self.shapes.learning:
            return False
        frame, _ = run.cut(last)
        payload = frame.payload
        event = read_event(payload, frame.event, self.dialect) if payload is not None else None
        if event is None or payload is None:
            return False
        over = ends_all(event, self.dialect)
        if not over:
            self._learn(event, around(frame, payload))
        return over

    def _step(self, run: Run, at: int, out: list[bytes]) -> int:
        """Process one frame of a run and return the offset after it."""
        raw = run.raw
        found = None if self.issued.limits else self.shapes.find(raw, at)
        if found is not None:
            stop = found[2]
            self._goes_on = True
            out.append(self._alike(raw[at:stop], at, found, lambda: run.cut(at)[0]))
            return stop
        frame, stop = run.cut(at)
        payload = frame.payload
        if payload is None:
            out += self._ended(frame)
        else:
            out += self._read(frame, payload, around(frame, payload))
        return stop

    def _alike(self, text: bytes, at: int, found: Match, frame: Callable[[], Frame]) -> bytes:
        """Return the output for an event of a known shape; `at` is the offset of `text`."""
        shape, spans, _ = found
        piece = restored = b""
        if shape.text >= 0:
            start, end = spans[shape.text]
            piece = text[start - at : end - at]
            depth = Depth.NESTED if shape.piece is Piece.DELTA_JSON else Depth.LITERAL
            restored = self._texts.feed(
                shape.identity, depth, piece, frame, shape.path, self.issued
            )
            self._said.append(Heard(shape.identity, shape.piece, restored))
        if shape.number < 0 or not self._texts.shift:
            if restored == piece:
                return text
            return b"".join((text[: start - at], restored, text[end - at :]))
        edits = [Edit(start - at, end - at, restored)] if restored != piece else []
        start, end = spans[shape.number]
        number = int(text[start - at : end - at]) + self._texts.shift
        edits.append(Edit(start - at, end - at, str(number).encode()))
        return splice(text, sorted(edits))

    def _read(
        self, frame: Frame, payload: bytes, outside: Around | None, name: str = ""
    ) -> list[bytes]:
        """Parse an event of no known shape and return the frames to send.

        `outside` is what surrounds the payload in the bytes that shapes are matched against.
        """
        event = read_event(payload, frame.event, self.dialect)
        if event is None:
            return [self._plain(frame, payload)]
        out = self._changed(frame, event, ending(event, self.dialect))
        if ends_all(event, self.dialect):
            self._over = True
        else:
            self._goes_on = True
            self._learn(event, outside, name)
        return out

    def _changed(self, frame: Frame, event: Event, ended: Ending) -> list[bytes]:
        """Return the frames to send for an event that ends the texts `ended`."""
        payload = event.payload
        # An empty last piece may accompany a signature: what is held back is sent before it.
        here = {leaf.identity for leaf in event.leaves if leaf.start < leaf.end}
        over = [*self._texts.excess(), *self._texts.ended(ended)]
        over = [identity for identity in dict.fromkeys(over) if identity not in here]
        extras = self._extra(self._texts.flush(over, event))
        edits, texts = [], []
        for leaf in event.leaves:
            issued = (
                self.issued.within(in_tool(event.kind, leaf.path))
                if self.issued.limits
                else self.issued
            )
            text = payload[leaf.start : leaf.end]
            restored, said = self._leaf(leaf, text, frame, leaf.identity in ended, issued)
            if restored != text:
                edits.append(Edit(leaf.start, leaf.end, restored))
            texts.append(said)
        self._said.append(Read(event, texts))
        changed = splice(payload, edits) if edits else payload
        if self._texts.shift:
            changed = renumbered(changed, number_of(event.head), self._texts.shift)
        return [*extras, frame.raw if changed is payload else frame.with_payload(changed)]

    def _leaf(
        self, leaf: Leaf, text: bytes, frame: Frame, ends: bool, issued: Issued
    ) -> tuple[bytes, bytes]:
        """Return a text of an event, restored, and what of it is recorded."""
        if leaf.piece is Piece.CLOSE:
            return text, text
        if leaf.piece in DELTAS:
            depth = DELTAS[leaf.piece]
            restored = self._texts.feed(
                leaf.identity, depth, text, lambda: frame, leaf.path, issued, ends
            )
            return restored, restored
        return self._growing.restore(leaf.identity, text, issued, WHOLES[leaf.piece])

    def _learn(self, event: Event, outside: Around | None, name: str = "") -> None:
        """Learn an event's shape, unless it ends a text or whole strings may hold placeholders."""
        if outside is None or event.kind in self.dialect.closing:
            return
        wholes = b'",'.join(
            b'"' + event.payload[leaf.start : leaf.end]
            for leaf in event.leaves
            if leaf.piece not in DELTAS
        )
        if not wholes or not self.issued.suspects(wholes + b'",'):
            self.shapes.learn(event, *outside, name)

    def _ended(self, frame: Frame) -> list[bytes]:
        """Process a frame without a payload. An end marker ends every text."""
        if END_MARK not in frame.raw:
            return [frame.raw]
        self._over = True
        return [*self._extra(self._texts.flush_all()), frame.raw]

    def _extra(self, extras: list[Out]) -> list[bytes]:
        """Return the frames of extra events."""
        self._said += [Unread(payload, name) for _, payload, name in extras]
        return [raw for raw, _, _ in extras]

    def _record(self) -> None:
        """Pass on what was said to the recorder, to be analysed if every text has ended."""
        said, self._said = self._said, []
        if self._over:
            self._growing.forget()
        if self.recorder is not None:
            self.recorder.hear(said)
            if self._over:
                self.recorder.end()
        self._over = False
