"""The fast reader of JSON bodies, which reads only what was not seen before.

One regular expression splits the body into string values and the runs between them; each run is
looked up in the grammar (`between.py`). The results fill a `JsonBody` (`json_body.py`); where
something begins that was seen before, the walk skips it.

Whatever is not plain JSON is left to the strict reader (`json_reader.py`), which reports what is
wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from time import thread_time
from typing import Any, Final

from secretgate.bodies.base import SHORTEST, THINKING, Form, Label, PlainBody, Slot
from secretgate.bodies.between import (
    FLAG,
    ITEM,
    ITEM_END,
    LIST,
    OTHER,
    WORDS,
    Frame,
    Invalid,
    Mark,
    Place,
    grammar,
)
from secretgate.bodies.columns import Kind
from secretgate.bodies.json_body import Item, JsonBody, Passed, Seen
from secretgate.bodies.json_reader import SPACE, closing_quote
from secretgate.bodies.json_spans import json_slots
from secretgate.bodies.paths import Node
from secretgate_rules.keys import Keys

_FIRST_BLOCK: Final = 4 << 10
_BLOCK: Final = 32 << 10
"""Maximum size in bytes of a block: a longer one would keep other threads waiting."""
_STRINGS: Final = re.compile(
    rb'([^"]*+(?:"(?:(?:type|role)": ?"[a-z_]{1,20}+"|[^"\\\x00-\x1f]{0,96}+":)[^"0-9]*+)*)'
    rb'"([^"]*+(?:(?<=\\)"[^"]*+)*+)"|(.++)',
    re.DOTALL,
)
"""A run, including member names and the words that are types and roles, and the string after it; or
the rest, if no string ends there.

Expects escaped backslashes to be masked. (A name before a number is matched as a string of its
own.)
"""
_UNCLEAR: Final = Keys((b'\\\\"',))
_MASK: Final = b"\0\0"
_MASKED: Final = _MASK[0]
_item = tuple.__new__


class Reading:
    """The reading of a JSON body, which can be interrupted; what was `seen` before is skipped."""

    def __init__(self, raw: bytes, root: Node[Label], seen: Seen | None = None) -> None:
        self._walk = _Walk(raw, root, seen)
        self._blocks = self._walk.whole()
        self._strictly = False

    def within(self, size: float, seconds: float) -> bool:
        """Read on; return whether the end was reached before so much was read or time was spent.

        `size`: in bytes, without what was seen before; `seconds`: processor time.
        """
        end = thread_time() + seconds
        try:
            for looked_at in self._blocks:
                if looked_at > size or thread_time() > end:
                    return False
        except (Invalid, _Thinking):
            self._strictly = True
        return not self._strictly

    @property
    def size(self) -> int:
        """The number of bytes to be scanned in what was read so far."""
        return self._walk.size

    @property
    def strings(self) -> int:
        """The number of strings read so far."""
        return self._walk.count

    @property
    def body(self) -> JsonBody | PlainBody:
        """The body, read to its end. Raises `Unreadable`."""
        try:
            for _ in self._blocks:
                pass
        except (Invalid, _Thinking):
            self._strictly = True
        body = self._walk.body
        return PlainBody(body.raw, json_slots(body.raw, body.root)) if self._strictly else body


def read_json(raw: bytes, root: Node[Label], seen: Seen | None = None) -> JsonBody | PlainBody:
    """Read a JSON body, skipping what was `seen` before. Raises `Unreadable`."""
    return Reading(raw, root, seen).body


def reread(raw: bytes, root: Node[Label], passed: Passed) -> JsonBody:
    """Read items that had been skipped."""
    walk = _Walk(raw, root, None)
    for _ in walk.resume(passed.start, passed.end, passed.frame, passed.number):
        pass
    return walk.body


class _Thinking(Exception):
    """Something outside of all items says that its siblings are thinking."""


class _Walk:
    def __init__(self, raw: bytes, root: Node[Label], seen: Seen | None) -> None:
        self.body = JsonBody(raw, root, reread, seen)
        self._seen = seen
        self._grammar = grammar(root)
        self._size = len(raw)
        self._index = 0
        self._open: tuple[int, int, int, int, int] | None = None
        """The item being read: its start, and at that point the lengths and counts of `body`."""
        self._flagged = False
        self._fresh_list = False
        self.count = 0
        self._skipped = 0
        """The number of bytes that were seen before."""
        self._aside = 0
        """The number of bytes of the slots that are not text."""

    @property
    def size(self) -> int:
        return self.body.scanned + self._aside

    def whole(self) -> Iterator[int]:
        """Read everything, in steps; yield before each how many bytes were looked at after it."""
        at, place, run = yield from self._read(0, self._size, self._grammar.start)
        self._marked(self._grammar.end(place, run, None), at)

    def resume(self, start: int, end: int, frame: Frame, index: int) -> Iterator[int]:
        """Read some items of a list and nothing else."""
        self._index = index
        self._fresh_list = True
        at, place, run = yield from self._read(start, end, frame.item)
        self._marked(self._grammar.end(place, run, frame), at)

    def _read(
        self, at: int, size: int, place: Place
    ) -> Generator[int, None, tuple[int, Place, bytes]]:
        """Read up to the last string; return the offset of the last run, its place, and the run."""
        raw = self.body.raw
        block = _FIRST_BLOCK
        while True:
            end = min(at + block, size)
            yield (end if block <= _BLOCK else size) - self._skipped
            piece = raw[at:end]
            masked = _UNCLEAR.occur(piece)
            if masked:
                piece = piece.replace(b"\\\\", _MASK)
            pieces = _STRINGS.findall(piece)
            left = pieces.pop()[2] if pieces and pieces[-1][2] else b""
            self.count += len(pieces)
            before = at
            at, place, passed = self._strings(at, place, pieces, masked)
            if passed:
                block = _FIRST_BLOCK
            elif at > before:
                block = min(block * 2, _BLOCK)
            elif (quote := left.find(b'"')) < 0:
                if end == size:
                    return at, place, left
                block *= 2
            else:
                # The string is longer than the block.
                start = at + quote + 1
                end = closing_quote(raw[start : start + 2 * _BLOCK], 0)
                yield (size if end < 0 else start + end) - self._skipped
                end = closing_quote(raw, start) if end < 0 else start + end
                if not start <= end < size:
                    raise Invalid
                long = (left[:quote], raw[start:end], b"")
                at, place, _ = self._strings(at, place, [long], False)

    def _strings(
        self, at: int, place: Place, pieces: list[tuple[bytes, bytes, bytes]], masked: bool
    ) -> tuple[int, Place, bool]:
        """Process the strings of a block and their runs, up to something that was seen before.

        Returns the offset and place to continue at, and whether something was skipped. `masked`:
        escaped backslashes in `pieces` are replaced by `_MASK`.
        """
        body, raw, step_of = self.body, self.body.raw, self._grammar.step
        starts, raws, kinds = body.strings.starts, body.strings.raws, body.strings.kinds
        text_label, opaque_label, kind_label = Label.TEXT, Label.OPAQUE, Label.KIND
        scanned = opaque = 0
        for run, text, _ in pieces:
            step = place.steps.get(run) or step_of(place, run)
            if step.marks:
                body.scanned += scanned
                body.opaque += opaque
                scanned = opaque = 0
                over = self._marked(step.marks, at)
                if over is not None:
                    return *over, True
            start = at + len(run) + 1
            size = len(text)
            at = start + size + 1
            kind, label = step.kind, step.label
            if step.names is None:
                place = step.after
            else:
                name = raw[start : start + size]
                place = step.names.get(name) or self._grammar.name(step.frame, name)  # type: ignore[arg-type]
                if not place.is_slot:
                    continue
                kind = place.kind
            if label is not text_label:
                if label is opaque_label:
                    opaque += size
                    continue
                if label is not kind_label:
                    self._string(start, start + size, kind)
                    continue
                if text in THINKING:
                    self._flag()
            scanned += size
            if size >= SHORTEST:
                if masked and _MASKED in text:
                    text = raw[start : start + size]
                starts.append(start)
                raws.append(text)
                kinds.append(kind)
        body.scanned += scanned
        body.opaque += opaque
        return at, place, False

    def _string(self, start: int, end: int, kind: Kind) -> None:
        """Record a string with any label."""
        body, label, size = self.body, kind.label, end - start
        if label is Label.OPAQUE:
            body.opaque += size
        elif label is Label.TEXT or label is Label.KIND:
            body.scanned += size
            text = body.raw[start:end]
            if label is Label.KIND and text in THINKING:
                self._flag()
            if size >= SHORTEST:
                body.strings.add(start, text, kind)
        else:
            _, key, path = kind
            self._aside += size
            body.others.append(Slot(start, end, Form.JSON, label, key, path))

    def _flag(self) -> None:
        if self._open is None:
            raise _Thinking
        self._flagged = True

    def _marked(self, marks: Sequence[Mark], base: int) -> tuple[int, Place] | None:
        """Process the marks of a run; if items were skipped, return where to continue."""
        body = self.body
        for offset, mark, frame, number, words in marks:
            at = base + offset
            if mark == WORDS:
                body.scanned += number
                self.count += len(words)
                for start, text, kind in words:
                    body.strings.add(base + start, text, kind)
            elif mark == ITEM:
                if self._seen is not None and (known := self._seen.items(body.raw, at, frame)):
                    return self._passed(at, frame, known), frame.after
                self._listed(at)
                strings = len(body.strings.starts)
                self._open = (at, strings, len(body.others), body.scanned, body.opaque)
            elif mark == ITEM_END:
                self._close(at, frame)
            elif mark == LIST:
                self._index = 0
                self._fresh_list = True
            elif mark == OTHER:
                self._string(at, base + number, words[0][2])
            elif mark == FLAG:
                self._flag()
            else:
                self._index += 1
        return None

    def _close(self, end: int, frame: Frame) -> None:
        if self._open is None:
            return
        body = self.body
        start, strings, others, scanned, opaque = self._open
        self._open = None
        if self._flagged:
            self._flagged = False
            body.strings.cut(strings)
            del body.others[others:]
            body.scanned, body.opaque = scanned, opaque
            self._strictly(start, end, frame)
        scanned, opaque = body.scanned - scanned, body.opaque - opaque
        body.items.append(_item(Item, (start, end, frame, self._index, scanned, opaque)))
        body.lists[-1][1] = end

    def _strictly(self, start: int, end: int, frame: Frame) -> None:
        """Read an item that contains thinking with the strict reader."""
        for slot in json_slots(self.body.raw[start:end], frame.node.item()):
            kind = Kind(slot.label, slot.key, "")
            self._string(slot.start + start, slot.end + start, kind)

    def _passed(self, at: int, frame: Frame, known: tuple[int, int, Any] | None) -> int:
        """Skip units seen before, the first of them `known`; return the end of the last one."""
        raw, body = self.body.raw, self.body
        self._listed(at)
        over = start = at
        while known is not None and self._seen is not None:
            over, count, verdict = known
            body.passed.append(Passed(at, over, frame, self._index, verdict))
            self._index += count - 1
            at = SPACE.match(raw, over + 1).end()  # type: ignore[union-attr]
            if raw[over : over + 1] != b"," or raw[at : at + 1] not in (b"{", b"["):
                break
            known = self._seen.items(raw, at, frame)
            self._index += known is not None
        body.lists[-1][1] = over
        self._skipped += over - start
        return over

    def _listed(self, at: int) -> None:
        """Record the start of a list at its first item."""
        if self._fresh_list:
            self._fresh_list = False
            self.body.lists.append([at, at])
