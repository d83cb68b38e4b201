"""The JSON grammar, memoised over what occurs between two strings of a document.

JSON without its values is a handful of short runs of punctuation and member names (`,"text":`), and
bodies of one API have the same few in the same places. A run may also contain short words that are
values (`},{"role":"user","content":`). The reader's state is therefore an object, a `Place`, and
what a run leads to from there is derived from the grammar once and cached: reading then costs one
lookup per string value. The cache depends on runs and member names alone, is bounded, and serves
every body of a dialect.
"""

from __future__ import annotations

from collections.abc import Sequence

from secretgate.bodies.base import SHORTEST, THINKING, Label, Path, spell
from secretgate.bodies.columns import Kind
from secretgate.bodies.json_reader import LITERAL, SPACE, plain_name
from secretgate.bodies.json_spans import SHORTEST_KEY
from secretgate.bodies.paths import Node

_OBJECT, _ARRAY, _OBJECT_END, _ARRAY_END, _COMMA, _COLON, _QUOTE = b'{[}],:"'

_VALUE, _FIRST_VALUE, _MEMBER, _FIRST_MEMBER, _AFTER_VALUE, _AFTER_NAME = range(6)

LIST, ITEM, ITEM_END, NEXT, WORDS, OTHER, FLAG = range(7)
"""What a mark stands for.

LIST: a list begins. ITEM, ITEM_END: an item that is a container begins, ends. NEXT: the next item
follows. WORDS: member names and short values that are text; their number of bytes, and those that
are long enough to be slots. OTHER: a string that is not text; its end and its kind. FLAG: says that
the enclosing object holds thinking.
"""

_LONGEST_RUN = 256
_LONGEST_NAME = 96
_MOST_NAMES = 512
_MOST_PLACES = 20_000
_DEEPEST = 48
_LIMIT = 500
"""Documents nested deeper than this are left to the strict reader."""


class Invalid(Exception):
    """The document is not valid JSON; the strict reader reports why."""


Word = tuple[int, bytes, Kind]
"""A text in a run: its offset, its bytes and its kind."""
Mark = tuple[int, int, "Frame", int, Sequence[Word]]
"""Offset in the run, kind, container; for some kinds also a number and words."""


class Frame:
    """An open container; one object stands for all containers that are read the same way."""

    __slots__ = (
        "after", "children", "depth", "is_array", "lists", "names", "node", "parent", "path", "where",
    )  # fmt: skip

    def __init__(
        self, parent: Frame | None, node: Node[Label], is_array: bool, path: Path | None
    ) -> None:
        self.parent = parent
        self.node = node
        self.is_array = is_array
        self.path = path
        """Its path, if no array encloses it."""
        self.lists = is_array and path is not None
        """Whether its items are read one by one: it is an array not inside another array."""
        self.where = spell(path).encode() if is_array and path is not None else b""
        self.depth: int = parent.depth + 1 if parent else 0
        self.after = Place(self, _AFTER_VALUE, node, b"")
        self.names: dict[bytes, Place] = {}
        self.children: dict[object, Frame] = {}

    @property
    def item(self) -> Place:
        """The place before an item."""
        return Place(self, _VALUE, self.node.item(), b"")


class Step:
    """The result of a run: what is known of the string that follows it."""

    __slots__ = ("after", "frame", "kind", "label", "marks", "names")

    def __init__(
        self,
        marks: Sequence[Mark],
        names: dict[bytes, Place] | None,
        kind: Kind,
        after: Place,
        frame: Frame | None,
    ) -> None:
        self.marks = marks
        self.names = names
        """If the string is a member name: the known names, each with the place after it."""
        self.kind = kind
        self.label = kind.label
        self.after = after
        self.frame = frame


class Place:
    """A point between two strings, before the run."""

    __slots__ = ("frame", "is_slot", "key", "kind", "node", "path", "state", "steps")

    def __init__(self, frame: Frame | None, state: int, node: Node[Label], key: bytes) -> None:
        self.frame = frame
        self.state = state
        self.node = node
        self.key = key
        self.steps: dict[bytes, Step] = {}
        self.is_slot = False
        """Whether the member name before it is a slot."""
        self.path: Path = ""
        self.kind = Kind(node.label, b"", "")
        """The kind of that member name, if it is a slot."""


class Grammar:
    """The places of all bodies of one dialect."""

    def __init__(self, root: Node[Label]) -> None:
        self.start = Place(None, _VALUE, root, b"")
        self.size = 0
        self._tops: dict[object, Frame] = {}
        self._over = Place(None, _AFTER_VALUE, root, b"")

    @property
    def full(self) -> bool:
        return self.size > _MOST_PLACES

    def step(self, place: Place, run: bytes) -> Step:
        """Return the step for `run` when a string follows it. Raises `Invalid`."""
        state, frame, node, key, marks = self._through(place, run)
        if state in (_AFTER_VALUE, _AFTER_NAME):
            raise Invalid
        is_name = frame is not None and state in (_MEMBER, _FIRST_MEMBER)
        step = Step(
            marks,
            frame.names if frame and is_name else None,
            _kind(frame, node, key),
            frame.after if frame else self._over,
            frame,
        )
        if len(run) <= _LONGEST_RUN and self._room(frame):
            self.size += 1
            place.steps[run] = step
        return step

    def end(self, place: Place, run: bytes, within: Frame | None) -> list[Mark]:
        """Return the marks of a last run, before the end of `within` or of the document."""
        state, frame, _, _, marks = self._through(place, run)
        if state != _AFTER_VALUE or frame is not within:
            raise Invalid
        return marks

    def name(self, frame: Frame, raw: bytes) -> Place:
        """Return the place after a member name of an object."""
        plain = plain_name(raw) if b"\\" in raw else raw
        place = Place(frame, _AFTER_NAME, frame.node.member(plain), raw)
        place.path = "" if frame.path is None else (frame.path, raw)
        place.kind = Kind(frame.node.label, b"", place.path)
        place.is_slot = len(raw) >= SHORTEST_KEY and not frame.node.names(plain)
        plainly = plain is raw and len(raw) <= _LONGEST_NAME
        if plainly and len(frame.names) < _MOST_NAMES and self._room(frame):
            self.size += 1
            frame.names[raw] = place
        return place

    def _named(self, frame: Frame, raw: bytes) -> Place:
        return frame.names.get(raw) or self.name(frame, raw)

    def _room(self, frame: Frame | None) -> bool:
        """Whether the cache may grow by one entry."""
        return self.size <= _MOST_PLACES and (frame is None or frame.depth <= _DEEPEST)

    def _open(self, frame: Frame | None, node: Node[Label], key: bytes, is_array: bool) -> Frame:
        path: Path | None
        if frame is None:
            path = ""
        else:
            path = None if frame.path is None or frame.is_array else (frame.path, key)
        children = frame.children if frame else self._tops
        mark = (node, is_array, key if path is not None else None)
        found = children.get(mark)
        if found is None:
            found = Frame(frame, node, is_array, path)
            if found.depth > _LIMIT:
                raise Invalid
            if len(children) < _MOST_NAMES and self._room(found):
                self.size += 1
                children[mark] = found
        return found

    def _through(
        self, place: Place, run: bytes
    ) -> tuple[int, Frame | None, Node[Label], bytes, list[Mark]]:
        """Parse one run; return state, container, node, key and marks at its end."""
        state, frame, node, key = place.state, place.frame, place.node, place.key
        marks: list[Mark] = []
        at = 0
        while (at := SPACE.match(run, at).end()) < len(run):  # type: ignore[union-attr]
            first = run[at]
            if state == _AFTER_NAME:
                if first != _COLON:
                    raise Invalid
                state = _VALUE
                at += 1
            elif state <= _FIRST_VALUE and first in (_OBJECT, _ARRAY):
                if frame and frame.lists:
                    marks.append((at, ITEM, frame, 0, ()))
                is_array = first == _ARRAY
                frame = self._open(frame, node, key, is_array)
                if is_array:
                    node = node.item()
                if frame.lists:
                    marks.append((at, LIST, frame, 0, ()))
                key = b""
                state = _FIRST_VALUE if is_array else _FIRST_MEMBER
                at += 1
            elif state == _AFTER_VALUE and frame and first == _COMMA:
                if frame.lists:
                    marks.append((at, NEXT, frame, 0, ()))
                node = frame.node.item() if frame.is_array else frame.node
                key = b""
                state = _VALUE if frame.is_array else _MEMBER
                at += 1
            elif first == _QUOTE and frame and state in (_MEMBER, _FIRST_MEMBER):
                end = run.index(_QUOTE, at + 1)
                member = self._named(frame, run[at + 1 : end])
                if member.is_slot:
                    _add(marks, at + 1, run[at + 1 : end], member.kind, frame)
                state, node, key = _AFTER_NAME, member.node, member.key
                at = end + 1
            elif first == _QUOTE and frame and state <= _FIRST_VALUE:
                end = run.index(_QUOTE, at + 1)
                _add(marks, at + 1, run[at + 1 : end], _kind(frame, node, key), frame)
                state = _AFTER_VALUE
                at = end + 1
            elif frame and first == (_ARRAY_END if frame.is_array else _OBJECT_END):
                if state not in (_AFTER_VALUE, _FIRST_VALUE, _FIRST_MEMBER):
                    raise Invalid
                frame = frame.parent
                at += 1
                if frame and frame.lists:
                    marks.append((at, ITEM_END, frame, 0, ()))
                state = _AFTER_VALUE
            elif state <= _FIRST_VALUE:
                literal = LITERAL.match(run, at)
                if literal is None:
                    raise Invalid
                if literal[0] == b"true" and node.label is Label.KIND:
                    if frame is None:
                        raise Invalid
                    marks.append((at, FLAG, frame, 0, ()))
                at = literal.end()
                state = _AFTER_VALUE
            else:
                raise Invalid
        if state in (_MEMBER, _FIRST_MEMBER) and frame:
            node = frame.node
        return state, frame, node, key, marks


def _kind(frame: Frame | None, node: Node[Label], key: bytes) -> Kind:
    """Return the kind of a value in a container."""
    path: Path = ""
    if frame and frame.path is not None and not frame.is_array:
        path = (frame.path, key)
    return Kind(node.label, key, path)


def _add(marks: list[Mark], at: int, text: bytes, kind: Kind, frame: Frame) -> None:
    """Add the mark of a string in a run; texts that follow one another have one mark."""
    if kind.label not in (Label.TEXT, Label.KIND):
        marks.append((at, OTHER, frame, at + len(text), ((at, text, kind),)))
        return
    if kind.label is Label.KIND and text in THINKING:
        marks.append((at, FLAG, frame, 0, ()))
    size, words = len(text), list[Word]()
    if marks and marks[-1][1] == WORDS:
        _, _, _, before, known = marks.pop()
        size += before
        words += known
    if len(text) >= SHORTEST:
        words.append((at, text, kind))
    marks.append((at, WORDS, frame, size, words))


_grammars: dict[int, tuple[Node[Label], Grammar]] = {}


def grammar(root: Node[Label]) -> Grammar:
    """Return the grammar of a dialect's bodies; a new one if the old has grown too large."""
    found = _grammars.get(id(root))
    if found is None or found[1].full:
        found = _grammars[id(root)] = (root, Grammar(root))
    return found[1]


def forget() -> None:
    """Drop all grammars: they hold member names, which may contain anything."""
    _grammars.clear()
