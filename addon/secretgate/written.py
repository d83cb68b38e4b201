"""What the provider wrote itself: collected from an answer as it passes, and remembered.

A key-shaped value that the model made up is no secret to the provider; redacting it when the history
comes back would change what the provider wrote. So the text of every answer, as the tool gets it, is
run through the detector once it is whole, exactly as it will be when it is resent, and what is
found there and is not a known secret goes into the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from secretgate.ledger import Ledger
from secretgate.paths import Node
from secretgate.providers import Dialect, Piece
from secretgate.redaction import Redactor
from secretgate.vault import Scope

MOST_BYTES = 4 << 20
"""An answer is looked at in portions of this size at most."""

_TOKEN = re.compile(rb"[A-Za-z0-9_+/=.~-]{16,200}")
_MIXED = re.compile(rb"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])|[0-9a-f]{32,}", re.DOTALL)
_MOST_TOKENS = 500

_Text = tuple[bytes, bytes]
"""A member name (or nothing) and the text under it."""


class Recorder:
    """Collects the payloads of one answer; `flush` remembers what they hold."""

    def __init__(self, dialect: Dialect, redactor: Redactor, ledger: Ledger, scope: Scope) -> None:
        self._dialect = dialect
        self._redactor = redactor
        self._ledger = ledger
        self._scope = scope
        self._payloads: list[bytes] = []
        self._size = 0
        self._seen: Callable[[Any], None] | None = None
        self._first = False
        self._told: Callable[[bytes], None] | None = None

    def tell(self, told: Callable[[bytes], None]) -> None:
        """Has `told` called with every text of the answer, put together."""
        self._told = told

    def watch(self, seen: Callable[[Any], None]) -> None:
        """Has `seen` called with every event of the answer, with the first one at once: an answer says at its
        beginning by which id it can be named, and the client may do so as soon as it ends."""
        self._seen = seen
        self._first = True

    def add(self, payload: bytes) -> None:
        """One more event, as the tool gets it."""
        self._payloads.append(payload)
        self._size += len(payload)
        if self._first and self._seen is not None:
            self._first = False
            for event in _decoded([payload]):
                self._seen(event)
        if self._size > MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        payloads, self._payloads, self._size = self._payloads, [], 0
        if not payloads:
            return
        values: set[bytes] = set()
        events = list(_decoded(payloads))
        if self._seen is not None:
            for event in events:
                self._seen(event)
        for key, text in texts(self._dialect, events):
            if self._told is not None:
                self._told(text)
            values |= self._redactor.written(text, self._scope, key)
            values.update(self._tokens(text))
        if values:
            self._ledger.note_written(self._scope, values)

    def note_text(self, text: bytes) -> None:
        """An answer that is no JSON."""
        self._ledger.note_written(self._scope, self._redactor.written(text, self._scope))

    def _tokens(self, text: bytes) -> Iterator[bytes]:
        """What looks random enough that it may count as a secret in another place, where its
        surroundings say so."""
        known = self._redactor.known(self._scope)
        for count, token in enumerate(_TOKEN.findall(text)):
            if count >= _MOST_TOKENS:
                return
            if _MIXED.match(token) and token not in known and not known.find(token):
                yield token


def texts(dialect: Dialect, events: list[Any]) -> Iterator[_Text]:
    """The texts of an answer, pieces put together, as they will be slots when they come back."""
    channels: dict[tuple[Any, ...], tuple[Piece, list[str]]] = {}
    for event in events:
        kind = event.get("type", "") if isinstance(event, dict) else ""
        root = dialect.answer_paths(kind if isinstance(kind, str) else "").root
        top = tuple(event.get(name) for name in dialect.identity) if isinstance(event, dict) else ()
        for piece, key, where, text in _leaves(event, root, ()):
            if piece in (Piece.DELTA, Piece.DELTA_JSON):
                channels.setdefault((top, where), (piece, []))[1].append(text)
            elif piece is Piece.WHOLE_JSON:
                yield from _json_texts(text)
            elif piece is Piece.WHOLE:
                yield key.encode(), text.encode("utf-8", "surrogatepass")
    for piece, pieces in channels.values():
        text = "".join(pieces)
        if piece is Piece.DELTA_JSON:
            yield from _json_texts(text)
        else:
            yield b"", text.encode("utf-8", "surrogatepass")


def _decoded(payloads: list[bytes]) -> Iterator[Any]:
    try:
        yield from msgspec.json.decode(b"[" + b",".join(payloads) + b"]")
    except msgspec.DecodeError:
        for payload in payloads:
            try:
                yield msgspec.json.decode(payload)
            except msgspec.DecodeError:
                continue


def _leaves(
    value: Any, node: Node[Piece], where: tuple[str | int, ...], key: str = ""
) -> Iterator[tuple[Piece, str, tuple[str | int, ...], str]]:
    if isinstance(value, str):
        if len(value) > 0:
            yield node.label, key, where, value
    elif isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, str | dict | list):
                step = node.member(name.encode("utf-8", "surrogatepass"))
                yield from _leaves(member, step, (*where, name), name)
    elif isinstance(value, list):
        step = node.item()
        for position, item in enumerate(value):
            index = item.get("index", position) if isinstance(item, dict) else position
            yield from _leaves(item, step, (*where, index))


def _json_texts(text: str) -> Iterator[_Text]:
    """The strings of a JSON text, with their names; the text itself where it is no JSON."""
    raw = text.encode("utf-8", "surrogatepass")
    yield b"", raw
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    for _, key, _, leaf in _leaves(value, _ALL_TEXT, ()):
        yield key.encode("utf-8", "surrogatepass"), leaf.encode("utf-8", "surrogatepass")


class _AllText:
    """A path node at which everything is text."""

    label = Piece.WHOLE

    def member(self, name: bytes) -> Any:
        return self

    def item(self) -> Any:
        return self


_ALL_TEXT: Any = _AllText()
