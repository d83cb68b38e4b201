"""What is particular about a family of APIs, as a table.

A `Dialect` says which strings of a request and of an answer are not to be touched, which string
of which event is the next piece of which text, what ends a text, and what an error looks like.
Whatever a table does not name is treated as text: every string of a request is scanned, every string of
an answer is restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from secretgate.bodies.base import Label
from secretgate.bodies.paths import Paths


class Piece(Enum):
    """What a string of an answer is."""

    WHOLE = "whole"
    """A text of its own."""
    WHOLE_JSON = "whole-json"
    """A JSON text of its own, in a string."""
    DELTA = "delta"
    """The next piece of a text that goes on."""
    DELTA_JSON = "delta-json"
    """The next piece of a JSON text that goes on."""
    OPAQUE = "opaque"
    """Not text, or text that the provider has signed: passes as it is."""
    KIND = "kind"
    """Tells what stands beside it, as `Label.KIND` does in a request."""
    CLOSE = "close"
    """Its presence ends the texts of the item it stands in."""


Requests = Sequence[tuple[str, Label]]
Answers = Sequence[tuple[str, Piece]]


@dataclass(frozen=True)
class Dialect:
    """One family of APIs."""

    name: str
    requests: Requests
    """Paths in request bodies that are no plain text."""
    answers: Answers
    """Paths in answers, and in events that `events` does not name."""
    events: Mapping[str, Answers] = field(default_factory=dict)
    """Paths in an event by its `type`, before those of `answers`."""
    identity: Sequence[str] = ("index", "item_id", "output_index", "content_index", "summary_index")
    """Members of an event, or of an item of an array in it, that tell its texts apart."""
    closing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Event types that end texts: those whose identity has the same values for these members."""
    chain_in: Sequence[str] = ()
    """Members of a request that name an earlier answer whose conversation it goes on with."""
    chain_out: Sequence[str] = ()
    """Paths (dotted) in an answer or event of the id by which it can be named later."""
    chain_prefixes: tuple[str, ...] = ()
    """What such an id begins with, where others stand in the same place."""
    ends: Sequence[str] = ()
    """Paths (dotted) in an event that end all texts when they are `true`."""
    transports: Sequence[str] = ("JSON",)
    """What its bodies and answers come in, for people."""

    def answering(self, request: bytes) -> Dialect:
        """The dialect of the answer to this request body, where requests can choose."""
        return self

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        """The body of an error, in the provider's own shape."""
        return {"error": {"message": message, "type": "invalid_request_error", "code": status}}

    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        """The name and payload of an error after a stream has begun."""
        return "error", self.refusal(status, message)

    def refusal_message(self, status: int, message: str) -> dict[str, Any]:
        """The same as a message of a WebSocket."""
        return self.refusal_event(status, message)[1]

    def links(self, event: object) -> Iterator[str]:
        """The ids in an answer or event by which it can be named later."""
        for path in self.chain_out:
            link = value_at(event, path)
            if isinstance(link, str) and (
                not self.chain_prefixes or link.startswith(self.chain_prefixes)
            ):
                yield link

    @property
    def request_paths(self) -> Paths[Label]:
        return _compiled(self).requests

    def answer_paths(self, event: str = "") -> Paths[Piece]:
        tables = _compiled(self).events
        return tables.get(event) or tables[""]


class _Compiled:
    def __init__(self, dialect: Dialect) -> None:
        self.requests = Paths(dialect.requests, Label.TEXT)
        self.events = {
            event: Paths([*table, *dialect.answers], Piece.WHOLE)
            for event, table in {**dialect.events, "": ()}.items()
        }


_cache: dict[str, _Compiled] = {}


def _compiled(dialect: Dialect) -> _Compiled:
    if dialect.name not in _cache:
        _cache[dialect.name] = _Compiled(dialect)
    return _cache[dialect.name]


def value_at(event: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for name in path.split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event
