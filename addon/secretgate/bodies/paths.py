"""Tables of JSON paths, compiled to an automaton that a reader steps through while it reads.

A path is written `messages[].content[].signature`: member names, `[]` for any array index, `*` for
any one member, `**` for any sequence of members and indexes, including an empty one. A table is a
sequence of (path, label) rows; if several paths match, the first row wins. The automaton is built
lazily, and its number of nodes is bounded, whatever member names a body invents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

L = TypeVar("L")

ITEM: Final = b"[]"
ANY: Final = b"*"
DEEP: Final = b"**"

_SEGMENT = re.compile(r"\[\]|[^.\[\]]+")


def parse(path: str) -> tuple[bytes, ...]:
    """Split a path such as `a.b[].c` into segments. Raises ValueError if it is not one."""
    segments = tuple(part.encode() for part in _SEGMENT.findall(path))
    if b"".join(segments).decode() != path.replace(".", ""):
        raise ValueError(f"not a JSON path: {path!r}")
    return segments


class Paths(Generic[L]):
    """A compiled table. `root` is the node of the document itself."""

    def __init__(self, table: Sequence[tuple[str, L]], default: L) -> None:
        self.table = [(parse(path), label) for path, label in table]
        self.default = default
        self._nodes: dict[frozenset[tuple[int, int]], Node[L]] = {}
        self.root = self.node(self._closed({(row, 0) for row in range(len(self.table))}))

    def node(self, places: frozenset[tuple[int, int]]) -> Node[L]:
        found = self._nodes.get(places)
        if found is None:
            found = self._nodes[places] = Node(self, places)
        return found

    def step(self, places: frozenset[tuple[int, int]], segment: bytes) -> Node[L]:
        reached = set()
        for row, at in places:
            segments = self.table[row][0]
            if at == len(segments):
                continue
            want = segments[at]
            if want == DEEP:
                reached.add((row, at))
            elif want == segment or (want == ANY and segment != ITEM):
                reached.add((row, at + 1))
        return self.node(self._closed(reached))

    def label(self, places: frozenset[tuple[int, int]]) -> L:
        ended = [row for row, at in places if at == len(self.table[row][0])]
        return self.table[min(ended)][1] if ended else self.default

    def _closed(self, places: set[tuple[int, int]]) -> frozenset[tuple[int, int]]:
        """Return `places` together with those reachable by letting a `**` match nothing."""
        waiting = list(places)
        while waiting:
            row, at = waiting.pop()
            segments = self.table[row][0]
            if at < len(segments) and segments[at] == DEEP and (row, at + 1) not in places:
                places.add((row, at + 1))
                waiting.append((row, at + 1))
        return frozenset(places)


class Node(Generic[L]):
    """One state: the label of a leaf here, and the transitions for members and indexes."""

    __slots__ = ("_item", "_named", "_other", "_paths", "_places", "label")

    def __init__(self, paths: Paths[L], places: frozenset[tuple[int, int]]) -> None:
        self._paths = paths
        self._places = places
        self.label = paths.label(places)
        self._item: Node[L] | None = None
        self._other: Node[L] | None = None
        names = {paths.table[row][0][at] for row, at in places if at < len(paths.table[row][0])} - {
            ITEM,
            ANY,
            DEEP,
        }
        self._named: dict[bytes, Node[L] | None] = dict.fromkeys(names)

    def member(self, name: bytes) -> Node[L]:
        if name in self._named:
            node = self._named[name]
            if node is None:
                node = self._named[name] = self._paths.step(self._places, name)
            return node
        if self._other is None:
            # NUL cannot occur in a table, so this step matches only `*` and `**`.
            self._other = self._paths.step(self._places, b"\0")
        return self._other

    def item(self) -> Node[L]:
        if self._item is None:
            self._item = self._paths.step(self._places, ITEM)
        return self._item

    def names(self, name: bytes) -> bool:
        """Whether a table names this member here, which makes it part of the format."""
        return name in self._named
