"""Texts and calls that are spread over several events: those that are open, their text, changes to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from secretgate.bodies.base import Edit
from secretgate.policy.grammars.base import Block, Key, Piece
from secretgate.policy.texts import decoded, encoded


class OpenBlocks:
    """The blocks that have begun and not ended, in the order in which they began."""

    def __init__(self) -> None:
        self._blocks: dict[Key, Block] = {}
        self._by_first: dict[Any, dict[Key, None]] = {}
        """The keys of the blocks by their first parts."""
        self.holding = 0
        """Number of blocks that may have to be changed."""

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._blocks)

    def at(self, key: Key, what: str, held: bool) -> Block:
        """Return the block with a key, which begins if there is none yet."""
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = Block(key, what, held)
            self._by_first.setdefault(key[0], {})[key] = None
            self.holding += held
        return block

    def below(self, starts: Iterable[Key]) -> list[Key]:
        """Return the keys that begin like one of these."""
        return [
            key
            for start in starts
            for key in self._by_first.get(start[0], ())
            if key[: len(start)] == start
        ]

    def taken(self, key: Key) -> Block:
        """Return a block that has ended, which holds no events back any longer."""
        block = self._blocks.pop(key)
        same = self._by_first[key[0]]
        del same[key]
        if not same:
            del self._by_first[key[0]]
        if block.held:
            self.holding -= 1
            for piece in block.signs:
                piece.entry.waits -= 1
        return block


def value_of(piece: Piece) -> Any:
    """Return the current value of a piece."""
    box = piece.sign.box
    return box.get(piece.sign.member) if isinstance(box, dict) else box[piece.sign.member]  # type: ignore[index]


def put(piece: Piece, text: str) -> None:
    """Replace the text of a piece and mark its event as changed."""
    assert piece.sign.box is not None
    piece.sign.box[piece.sign.member] = text
    piece.entry.changed = True


def whole(block: Block) -> str:
    """Return the whole text of a block."""
    pieces = block.pieces
    if pieces:
        return "".join(value for piece in pieces if isinstance(value := value_of(piece), str))
    said = [piece.sign.so_far for piece in block.signs if piece.sign.so_far is not None]
    return str(said[-1][0][said[-1][1]]) if said else ""


def write(block: Block, text: str) -> None:
    """Replace the whole text of a block; the new text goes into its first non-empty piece."""
    pieces = block.pieces
    first = next((piece for piece in pieces if value_of(piece)), pieces[0] if pieces else None)
    for piece in pieces:
        put(piece, text if piece is first else "")
    for piece in block.signs:
        if piece.sign.so_far is not None:
            box, member = piece.sign.so_far
            box[member] = text
            piece.entry.changed = True


def rewrite(block: Block, whole: str, edits: Sequence[Edit]) -> None:
    """Apply edits to a text, each within the pieces that hold it."""
    at = 0
    pieces = block.pieces
    for piece in pieces:
        value = value_of(piece)
        text = encoded(value) if isinstance(value, str) else b""
        end = at + len(text)
        new = b"".join(_stretch(text, at, end, edits, piece is pieces[-1]))
        if new != text:
            put(piece, decoded(new))
        at = end
    for piece in block.signs:
        if piece.sign.so_far is not None:
            box, member = piece.sign.so_far
            box[member] = decoded(_so_far(encoded(whole), len(encoded(box[member])), edits))
            piece.entry.changed = True


def _so_far(whole: bytes, length: int, edits: Sequence[Edit]) -> bytes:
    """Return the edited beginning of a text; an edit that extends past `length` is left out."""
    out, at = [], 0
    for edit in edits:
        if edit.end > length:
            length = min(length, edit.start)
            break
        out += [whole[at : edit.start], edit.replacement]
        at = edit.end
    return b"".join([*out, whole[at:length]])


def _stretch(
    text: bytes, start: int, end: int, edits: Sequence[Edit], last: bool
) -> Iterator[bytes]:
    """Yield the edited parts of `text`, which covers `start` to `end` of the whole."""
    at = start
    for edit in edits:
        if edit.end < start or edit.start > end:
            continue
        yield text[at - start : max(at, edit.start) - start]
        if start <= edit.start < end or (last and edit.start == end):
            yield edit.replacement
        at = max(at, min(edit.end, end))
    yield text[at - start :]


def changes(old: Any, new: Any) -> dict[str, str]:
    """Return the strings of a value that have changed, with what they have become."""
    if isinstance(old, str) and isinstance(new, str):
        return {old: new} if old != new else {}
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(old[name], new[name]) for name in old if name in new]
    elif isinstance(old, list) and isinstance(new, list):
        pairs = [*zip(old, new, strict=False)]
    else:
        pairs = []
    return {was: now for one, other in pairs for was, now in changes(one, other).items()}


def replaced(value: Any, said: Mapping[str, str]) -> bool:
    """Replace every string that is a key of `said` with its value; return whether any was."""
    changed = False
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in list(members):
        if isinstance(member, str):
            if member in said:
                value[name] = said[member]
                changed = True
        elif isinstance(member, dict | list):
            changed = replaced(member, said) or changed
    return changed
