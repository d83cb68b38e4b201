"""JSON bodies as slots, read as fast as Python can, and only where they are new.

The body is split at its quotes by `bytes.split`, escaped quotes masked before; what stands between two
strings is looked up (`between.py`). An array that is in no other array (`messages`, `input`, `contents`, `tools`)
is a *list*: each of its items that is a container begins and ends by itself, so one that was seen before, or a
run of them, may be passed over whole. Who remembers what is `Seen`'s business.

Whatever is not plain JSON is left to the strict reader (`json_reader.py`), which says what is wrong with it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from secretgate.bodies.base import (
    SHORTEST,
    THINKING,
    Edit,
    Form,
    Label,
    Path,
    PlainBody,
    Shown,
    Slot,
    as_it_is,
    spell,
    splice,
)
from secretgate.bodies.between import ITEM, ITEM_END, LIST, Frame, Invalid, Mark, Place, grammar
from secretgate.bodies.json_reader import closing_quote
from secretgate.bodies.json_spans import json_slots
from secretgate.bodies.paths import Node

_FIRST_BLOCK: Final = 4 << 10
_BLOCK: Final = 128 << 10
"""Bytes that are split at a time: more would hold up other threads."""
_SPACE = re.compile(rb"[ \t\n\r]*+")
_BACKSLASH, _COMMA = b"\\,"
_OPENING = frozenset(b"{[")


class Item(NamedTuple):
    """A container in a list, read just now."""

    start: int
    end: int
    frame: Frame
    number: int
    """Its index in the list."""
    first: int
    last: int
    """Its slots."""
    scanned: int
    opaque: int
    """Bytes of text, and of what is opaque."""


class Passed(NamedTuple):
    """Items of a list that were seen before."""

    start: int
    end: int
    frame: Frame
    number: int
    """The index of the first of them."""
    verdict: Any


class Seen(Protocol):
    """What was seen before."""

    def items(self, raw: bytes, at: int, frame: Frame) -> tuple[int, int, Any] | None:
        """What begins at `at` in a list: where it ends, how many items it is, and what is known of it."""


@dataclass(slots=True)
class JsonBody:
    """`slots` has no opaque strings and none too short to hold a secret."""

    raw: bytes
    root: Node[Label]
    seen: Any = None
    """Who passes over what was seen before, and is told what was new."""
    slots: list[Slot] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    lists: list[list[int]] = field(default_factory=list)
    """Where the items of each list begin and end."""
    scanned: int = 0
    """Bytes of text that was read."""
    opaque: int = 0
    _paths: dict[int, dict[int, Path]] = field(default_factory=dict)

    def splice(self, edits: Sequence[Edit]) -> bytes:
        return splice(self.raw, edits)

    @property
    def outline(self) -> bytes:
        """The document with `0` for the items of each list."""
        pieces: list[bytes] = []
        at = 0
        for start, end in self.lists:
            pieces += self.raw[at:start], b"0"
            at = end
        pieces.append(self.raw[at:])
        return b"".join(pieces)

    def where(self, slot: Slot, shown: Shown = as_it_is) -> str:
        if slot.path:
            return spell(slot.path, shown)
        place, path = self.item_path(slot, shown)
        return below(place, path, shown)

    def item(self, slot: Slot) -> Item | None:
        """The item that a slot stands in."""
        at = bisect_right(self.items, slot.start, key=_start) - 1
        return self.items[at] if at >= 0 and slot.start < self.items[at].end else None

    def item_path(self, slot: Slot, shown: Shown = as_it_is) -> tuple[Path, str]:
        """The path of the item that a slot stands in, and its path there."""
        item = self.item(slot)
        start, end = (item.start, item.end) if item else (0, len(self.raw))
        if start not in self._paths:
            node = item.frame.node.item() if item else self.root
            found = json_slots(self.raw[start:end], node)
            self._paths[start] = {start + each.start: each.path for each in found}
        place = (item.frame.path or "", item.number) if item else ""
        return place, spell(self._paths[start][slot.start], shown)

    def expanded(self, passed: Iterable[Passed]) -> None:
        """Reads what had been passed over."""
        gone = set(passed)
        self.passed = [each for each in self.passed if each not in gone]
        for start, end, frame, index, _ in sorted(gone, key=_start):
            walk = _Walk(self.raw, self.root, None)
            walk.resume(start, end, frame, index)
            shift = len(self.slots)
            self.slots += walk.body.slots
            self.items += (
                item._replace(first=item.first + shift, last=item.last + shift)
                for item in walk.body.items
            )
            self.scanned += walk.body.scanned
            self.opaque += walk.body.opaque
        self.items.sort(key=_start)


def _start(span: Item | Passed) -> int:
    return span.start


def _escapes(piece: bytes) -> bool:
    """Whether the quote behind a piece is escaped."""
    if piece[-1:] != b"\\":
        return False
    return piece[-2:-1] != b"\\" or (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 1


def _rest(pieces: Iterator[bytes]) -> int:
    """How much longer a string is, the first piece of which ends in an escaped quote; 0 if it does not end
    in these pieces."""
    size = 0
    for piece in pieces:
        size += len(piece) + 1
        if not piece or piece[-1] != _BACKSLASH or not _escapes(piece):
            return size
    return 0


def below(place: Path, path: str, shown: Shown = as_it_is) -> str:
    """The spelling of a path below another."""
    base = spell(place, shown)
    return f"{base}{path}" if path[:1] in ("[", "") or not base else f"{base}.{path}"


def read_json(raw: bytes, root: Node[Label], seen: Seen | None = None) -> JsonBody | PlainBody:
    """Raises Unreadable."""
    walk = _Walk(raw, root, seen)
    try:
        walk.whole()
    except (Invalid, _Thinking):
        return PlainBody(raw, json_slots(raw, root))
    return walk.body


class _Thinking(Exception):
    """Something outside of all items says that what stands beside it is thinking."""


class _Walk:
    def __init__(self, raw: bytes, root: Node[Label], seen: Seen | None) -> None:
        self.body = JsonBody(raw, root, seen)
        self._seen = seen
        self._grammar = grammar(root)
        self._size = len(raw)
        self._index = 0
        self._open: tuple[int, int, int, int] | None = None
        """Of the item that is being read: where it begins, its first slot, and the counts there."""
        self._flagged = False
        self._fresh_list = False

    def whole(self) -> None:
        at, place, run = self._read(0, self._size, self._grammar.start)
        self._end(*self._grammar.end(place, run, None), at)

    def resume(self, start: int, end: int, frame: Frame, index: int) -> None:
        """Reads some items of a list and nothing else."""
        self._index = index
        self._fresh_list = True
        at, place, run = self._read(start, end, frame.item)
        self._end(*self._grammar.end(place, run, frame), at)

    def _end(self, flag: bool, marks: Sequence[Mark], at: int) -> None:
        if flag:
            self._flag()
        if marks:
            self._marked(marks, at)

    def _read(self, at: int, size: int, place: Place) -> tuple[int, Place, bytes]:
        """Everything up to the last string; gives where the last run begins, the place, and that run."""
        raw = self.body.raw
        block = _FIRST_BLOCK
        while True:
            end = min(at + block, size)
            pieces = raw[at:end].split(b'"')
            last = pieces.pop()
            before = at
            at, place, passed = self._strings(at, place, pieces)
            if passed:
                block = _FIRST_BLOCK
            elif at > before:
                block = min(block * 2, _BLOCK)
            elif not pieces:
                if end == size:
                    return at, place, last
                block *= 2
            else:
                # The string is longer than the block.
                start = at + len(pieces[0]) + 1
                end = closing_quote(raw, start)
                if not start <= end < size:
                    raise Invalid
                at, place, _ = self._strings(at, place, [pieces[0], b""], end - start)

    def _strings(
        self, at: int, place: Place, pieces: list[bytes], long: int = 0
    ) -> tuple[int, Place, bool]:
        """The strings of a block that was split at its quotes, up to something that was seen before; says
        whether it came to that. `long`: the length of the string behind the only run, where that is
        not among the pieces."""
        raw, body, step_of = self.body.raw, self.body, self._grammar.step
        add, new, form = self.body.slots.append, tuple.__new__, Form.JSON
        text_label, opaque_label, kind_label = Label.TEXT, Label.OPAQUE, Label.KIND
        scanned = opaque = 0
        each = iter(pieces)
        for run, text in zip(each, each, strict=False):
            size = long or len(text)
            if text and text[-1] == _BACKSLASH and _escapes(text):
                more = _rest(each)
                if not more:
                    break
                size += more
            marks, names, label, key, path, after, flag, frame = place.steps.get(run) or step_of(
                place, run
            )
            if marks or flag:
                body.scanned += scanned
                body.opaque += opaque
                scanned = opaque = 0
                if flag:
                    self._flag()
                over = self._marked(marks, at)
                if over is not None:
                    return *over, True
            start = at + len(run) + 1
            at = start + size + 1
            if names is None:
                place = after
            else:
                name = text if size == len(text) else raw[start : start + size]
                place = names.get(name) or self._grammar.name(frame, name)  # type: ignore[arg-type]
                if not place.is_slot:
                    continue
                key, path = b"", place.path
            if label is kind_label:
                if raw[start : start + size] in THINKING:
                    self._flag()
                label = text_label
            if label is opaque_label:
                opaque += size
            elif size < SHORTEST and label is text_label:
                scanned += size
            else:
                add(new(Slot, (start, start + size, form, label, key, path)))
                if label is text_label:
                    scanned += size
        body.scanned += scanned
        body.opaque += opaque
        return at, place, False

    def _flag(self) -> None:
        if self._open is None:
            raise _Thinking
        self._flagged = True

    def _marked(self, marks: Sequence[Mark], base: int) -> tuple[int, Place] | None:
        """Items that begin and end in a run; gives where to go on if some were seen before."""
        body = self.body
        for offset, mark, frame in marks:
            at = base + offset
            if mark == ITEM:
                if self._seen is not None and (over := self._passes(at, frame)) is not None:
                    return over, frame.after
                self._listed(at)
                self._open = (at, len(body.slots), body.scanned, body.opaque)
            elif mark == ITEM_END:
                self._close(at, frame)
            elif mark == LIST:
                self._index = 0
                self._fresh_list = True
            else:
                self._index += 1
        return None

    def _close(self, end: int, frame: Frame) -> None:
        if self._open is None:
            return
        body = self.body
        start, first, scanned, opaque = self._open
        self._open = None
        if self._flagged:
            self._flagged = False
            del body.slots[first:]
            body.scanned, body.opaque = scanned, opaque
            self._strictly(start, end, frame)
        body.items.append(
            Item(
                start,
                end,
                frame,
                self._index,
                first,
                len(body.slots),
                body.scanned - scanned,
                body.opaque - opaque,
            )
        )
        body.lists[-1][1] = end

    def _strictly(self, start: int, end: int, frame: Frame) -> None:
        """An item in which there is thinking."""
        body = self.body
        for slot in json_slots(body.raw[start:end], frame.node.item()):
            size = slot.end - slot.start
            if slot.label is Label.OPAQUE:
                body.opaque += size
                continue
            if slot.label is Label.TEXT:
                body.scanned += size
            if size >= SHORTEST or slot.label is not Label.TEXT:
                body.slots.append(
                    slot._replace(start=slot.start + start, end=slot.end + start, path="")
                )

    def _passes(self, at: int, frame: Frame) -> int | None:
        """Where what was seen before ends, if something that begins here was."""
        raw, body, seen = self.body.raw, self.body, self._seen
        over: int | None = None
        start = at
        while seen is not None and (known := seen.items(raw, at, frame)) is not None:
            over, count, verdict = known
            body.passed.append(Passed(at, over, frame, self._index, verdict))
            self._index += count - 1
            after = over
            if after < self._size and raw[after] == _COMMA:
                after = _SPACE.match(raw, after + 1).end()  # type: ignore[union-attr]
                if after < self._size and raw[after] in _OPENING:
                    self._index += 1
                    at = after
                    continue
            break
        else:
            if over is not None:
                self._index -= 1
        if over is not None:
            self._listed(start)
            body.lists[-1][1] = over
        return over

    def _listed(self, at: int) -> None:
        """An item begins."""
        if self._fresh_list:
            self._fresh_list = False
            self.body.lists.append([at, at])
