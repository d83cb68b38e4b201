"""The `Dialect` table, which describes what is particular about a family of APIs.

It says which strings of requests and answers must not be touched, which string of an event
continues which text, what ends a text, and what an error looks like. Anything a table does not name
is text: every string of a request is scanned, and placeholders are restored in every string of an
answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any, Final

from secretgate.bodies.base import Label
from secretgate.bodies.paths import Paths


class Piece(Enum):
    """How a string in an answer is treated."""

    WHOLE = "whole"
    """A complete text."""
    WHOLE_JSON = "whole-json"
    """A complete JSON text inside a string."""
    DELTA = "delta"
    """The next part of a text that continues."""
    DELTA_JSON = "delta-json"
    """The next part of a JSON text that continues."""
    OPAQUE = "opaque"
    """Not text, or text signed by the provider; passed through unchanged."""
    KIND = "kind"
    """Tells what its sibling strings are, as `Label.KIND` does in a request."""
    CLOSE = "close"
    """Its presence ends the texts of the item that contains it."""


IDENTITY: Final = ("index", "item_id", "output_index", "content_index", "summary_index")
"""Members of an event that usually tell texts apart."""

ASKS_JSON: Final = re.compile(
    rb'"type"\s*:\s*"json_(?:object|schema)"|"response(?:MimeType|_mime_type)"\s*:\s*"application/json"'
)
"""What a request has in it that wants the answer's text to be JSON."""

Requests = Sequence[tuple[str, Label]]
Answers = Sequence[tuple[str, Piece]]


@dataclass(frozen=True)
class Dialect:
    """The description of one family of APIs."""

    name: str
    requests: Requests
    """Paths in request bodies that are not plain text."""
    answers: Answers
    """Paths in answers, and in events not listed in `events`."""
    events: Mapping[str, Answers] = field(default_factory=dict)
    """Paths in an event, by its `type`; they take precedence over `answers`."""
    json_texts: Mapping[str, Answers] = field(default_factory=dict)
    """Paths of what the model says, where that is JSON if the request asks for JSON; by the `type` of
    the event, or under an empty string."""
    asks_json: re.Pattern[bytes] = ASKS_JSON
    """Matches in a request that asks for JSON."""
    in_json: bool = False
    """Whether the request has asked for JSON."""
    identity: Sequence[str] = IDENTITY
    """Members that tell the texts of an event, or of an array item in it, apart."""
    closing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Event types that end texts, with the identity members whose values must match."""
    wrappers: Mapping[str, str] = field(default_factory=dict)
    """Types of events that only wrap another event, each with the member that holds it."""
    lanes: Sequence[str] = ()
    """Those of the identity members that tell apart answers which share a connection."""
    chain_in: tuple[str, ...] = ()
    """Dotted paths, in a request, of ids of what the provider keeps: answers, conversations."""
    chain_members: tuple[str, ...] = ()
    """Members that hold ids of files, anywhere in a request."""
    chain_grows: tuple[str, ...] = ()
    """What a request may add to: the step before its id in the path, or the id's member."""
    chain_out: tuple[str, ...] = ()
    """Dotted paths, in an answer or event, of the id by which later requests can refer to it."""
    chain_items: tuple[str, ...] = ()
    """The same, of ids of single items, which a request can name in the items' place."""
    chain_prefixes: tuple[str, ...] = ()
    """Prefixes of such ids in the member `id`, where that may hold other ids."""
    chain_unless: str = ""
    """A member that marks answers which the provider keeps only if the request says `store`."""
    numbered: Sequence[str] = ()
    """Dotted numbers of the fields of a protobuf message that hold the client's credentials."""
    ends: Sequence[str] = ()
    """Dotted paths, in an event, whose value `true` ends all texts."""
    transports: Sequence[str] = ("JSON",)
    """Transports of requests and answers, for display."""

    def unwrapped(self, event: dict[str, Any], kind: str) -> tuple[dict[str, Any], str]:
        """Return the event that an event of this kind wraps, and the member that holds it.

        It is returned with the members that tell its lane. Other events wrap nothing.
        """
        member = self.wrappers.get(kind, "")
        inner = event.get(member) if member else None
        if not isinstance(inner, dict):
            return event, ""
        return {**inner, **{name: event[name] for name in self.lanes if name in event}}, member

    def answering(self, request: bytes) -> Dialect:
        """Return the dialect of the answer, for APIs whose requests can choose its format."""
        if self.json_texts and self.asks_json.search(request):
            return replace(self, in_json=True)
        return self

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        """Return an error body in the provider's own shape."""
        return {"error": {"message": message, "type": "invalid_request_error", "code": status}}

    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        """Return the name and payload of an error event, for streams that have already begun."""
        return "error", self.refusal(status, message)

    def refusal_message(self, status: int, message: str) -> dict[str, Any]:
        """Return the error as a WebSocket message."""
        return self.refusal_event(status, message)[1]

    def links(self, event: object, stored: bool = False) -> Iterator[str]:
        """Yield the ids in an answer or event by which later requests can refer to it.

        `stored`: whether the request asked that the answer be kept.
        """
        unkept = bool(self.chain_unless) and not stored
        if unkept and isinstance(event, dict) and self.chain_unless in event:
            return
        for path in (*self.chain_out, *self.chain_items):
            prefixes = self.chain_prefixes if path == "id" and self.chain_prefixes else ""
            for link in values_at(event, path):
                if isinstance(link, str) and link.startswith(prefixes):
                    yield last_step(link)

    @property
    def request_paths(self) -> Paths[Label]:
        return _compiled(self).requests

    def answer_paths(self, event: str = "", member: str = "") -> Paths[Piece]:
        """Return the paths in an event, which may be held by this member of another."""
        known = event in self.events or event in self.json_texts
        return _compiled(self).answers(event if known else "", member)


class _Compiled:
    """The tables of a dialect, each compiled when it is first needed."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._answers: dict[tuple[str, str], Paths[Piece]] = {}

    @cached_property
    def requests(self) -> Paths[Label]:
        return Paths(self._dialect.requests, Label.TEXT)

    def answers(self, event: str, member: str) -> Paths[Piece]:
        paths = self._answers.get((event, member))
        if paths is None:
            own = self._dialect
            said = own.json_texts if own.in_json else {}
            table = [
                *said.get(event, ()),
                *own.events.get(event, ()),
                *said.get("", ()),
                *own.answers,
            ]
            if member:
                inner = [(f"{member}.{path}", piece) for path, piece in table]
                table = [*inner, *self._dialect.answers]
            paths = self._answers[event, member] = Paths(table, Piece.WHOLE)
        return paths


_cache: dict[tuple[str, bool], _Compiled] = {}


def _compiled(dialect: Dialect) -> _Compiled:
    key = dialect.name, dialect.in_json
    if key not in _cache:
        _cache[key] = _Compiled(dialect)
    return _cache[key]


def kind_of(event: Mapping[str, Any], name: str) -> str:
    """Return what an event says it is; `name` is what its frame says."""
    for member in ("type", "event_type"):
        kind = event.get(member)
        if isinstance(kind, str):
            return kind
    return name


def value_at(event: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for name in path.split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event


def values_at(value: Any, path: str) -> Iterator[Any]:
    """Yield the values at a dotted path, in which `name[]` stands for each item of a list."""
    name, _, rest = path.partition(".")
    inner = value.get(name.removesuffix("[]")) if isinstance(value, dict) else None
    for each in inner if name.endswith("[]") and isinstance(inner, list) else (inner,):
        if rest:
            yield from values_at(each, rest)
        elif each is not None:
            yield each


def last_step(link: str) -> str:
    """Return an id as it is in a path: some providers write it as a whole path, or a URL."""
    return link.rpartition("/")[2]
