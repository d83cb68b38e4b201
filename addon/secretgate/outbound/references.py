"""The ids by which a request refers to what the provider keeps: answers, conversations, files, caches.

What was issued when something was given to the provider may be restored in the answers to requests
that refer to it. Ids are in the path, in members beside the messages, and, for files and for items of
earlier answers, anywhere in the body. These two are searched for only if the vault knows of any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from secretgate import tolerant
from secretgate.outbound.requests import Request
from secretgate.providers import values_at
from secretgate.providers.base import last_step
from secretgate.scanner import Scanner

FILES = "(files)"
"""The link under which the vault notes that a scope has given files to the provider."""
ITEMS = "(items)"
"""The link under which the vault notes that answers of a scope have items that can be referred to."""
SERVER = "(server)"
"""The link of a connection with an MCP server that does not say which session it is for."""
_HALF = re.compile(r"/(?:aiserver\.v1\.BidiService/BidiAppend|[\w.]+/\w+SSE)\Z")
"""Paths of Cursor's calls where a proxy allows none in both directions: one request opens the answer,
and others bring the client's messages, all with the same id."""
_RUN = re.compile(
    rb"(?:\n\x24|\"request_?[iI]d\"\s*:\s*\")([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)
"""That id: a field of a protobuf message, 36 bytes long, or a member of JSON."""
_SHORTEST = 8
_MOST_FILES = 100
_UPLOADS = re.compile(r"/(?:files|uploads|skills|vector_stores)\b")
UPLOAD = re.compile(r"[?&]upload_id=([^&#]{8,})")
"""The id of a resumable upload, in its URL."""
_SESSION = re.compile(r"[?&]session_?id=([^&]+)", re.IGNORECASE)
_VALUE = re.compile(rb'\s*:\s*("[^"\\]{4,400}"|\[[^\][{}]{4,20000}\])')
_REFERENCE = Scanner(
    [
        rb'"item_reference"',
        rb'"type"\s*:\s*null',
        rb'\{\s*"id"\s*:\s*"[^"\\]{4,400}"\s*\}',
    ]
)
"""What a reference to an item has in it: its type can be left out."""
_MOST_REFERENCES = 1000
_ID = re.compile(rb'"id"\s*:\s*"([^"\\]{4,400})"')
_MOST_AROUND = 1000
"""How many bytes of an item are searched for its id, before its type and after it."""
_STRING = re.compile(rb'"([^"\\]{4,400})"')


def links(request: Request, outline: bytes | None) -> list[str]:
    """Return the ids that a request names in its path, or beside its messages."""
    dialect = request.route.dialect
    if dialect.name == "protobuf":
        return _halves(request, outline)
    if not dialect.chain_in:
        return []
    found = [step for step in _steps(request.path) if len(step) >= _SHORTEST]
    found += UPLOAD.findall(request.path)
    found += _members(outline, dialect.chain_in)
    if dialect.chain_members:
        found.append(FILES)
    if dialect.chain_items:
        found.append(ITEMS)
    return found


def files(request: Request, raw: bytes) -> list[str]:
    """Return the ids of files that a request names anywhere in its body."""
    found: dict[str, None] = {}
    for value in _values(raw, request.route.dialect.chain_members):
        for each in _STRING.findall(value):
            found[last_step(each.decode("utf-8", "replace"))] = None
            if len(found) == _MOST_FILES:
                return list(found)
    return list(found)


def items(request: Request, raw: bytes) -> list[str]:
    """Return the ids of items of earlier answers that a request names in their place, newest first."""
    found: dict[str, None] = {}
    places = _REFERENCE.scan(raw) if request.route.dialect.chain_items else []
    for _, end in places[: -_MOST_REFERENCES - 1 : -1]:
        at = end - 1
        _, _, before = raw[max(0, at - _MOST_AROUND) : at].rpartition(b"{")
        after, _, _ = raw[at : at + _MOST_AROUND].partition(b"}")
        if named := _ID.search(before + after):
            found[named[1].decode("utf-8", "replace")] = None
            if len(found) == _MOST_FILES:
                break
    return list(found)


def added_to(request: Request, outline: bytes | None) -> list[str]:
    """Return the ids, in a request, of what it adds to."""
    if request.route.dialect.name == "mcp":
        return _mcp_sessions(request)
    if request.route.dialect.name == "protobuf":
        return _halves(request, outline)
    names = request.route.dialect.chain_grows
    steps = _steps(request.path)
    found = [step for before, step in pairwise(steps) if before in names]
    return found + _members(outline, names)


def awaited(request: Request) -> list[str]:
    """Return the ids of what an answer is about, if other requests may add to it meanwhile."""
    if request.route.dialect.name == "protobuf" and not request.path.endswith("Append"):
        return _halves(request, request.content)
    return added_to(request, None) if request.method == "GET" else []


def uploads(request: Request) -> bool:
    """Whether a request gives the provider a file, which later ones can name."""
    return _UPLOADS.search(request.path) is not None


def _halves(request: Request, outline: bytes | None) -> list[str]:
    if not outline or _HALF.search(request.path.partition("?")[0]) is None:
        return []
    return [found.decode() for found in _RUN.findall(outline)]


def _mcp_sessions(request: Request) -> list[str]:
    """Return the sessions of a message, whose answer may come on a connection opened before it.

    In the older transport, that connection is opened before the session has an id.
    """
    named = [request.headers.get("mcp-session-id", ""), *_SESSION.findall(request.path)]
    found = [each for each in named if each]
    return found if found and request.method == "GET" else [*found, SERVER]


def _steps(path: str) -> list[str]:
    return [step.partition(":")[0] for step in path.partition("?")[0].split("/")]


def _members(outline: bytes | None, paths: tuple[str, ...]) -> list[str]:
    if not outline or not any(name in outline for name in _names(paths)):
        return []
    try:
        body = tolerant.decode(outline)
    except (ValueError, RecursionError):
        return []
    found = [value for path in paths for value in values_at(body, path)]
    return [last_step(value) for value in found if isinstance(value, str)]


@lru_cache(maxsize=64)
def _names(paths: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return the names of the outermost members of some paths, as they are spelled in JSON."""
    return tuple(f'"{path.partition(".")[0].removesuffix("[]")}"'.encode() for path in paths)


def _values(raw: bytes, members: tuple[str, ...]) -> Iterator[bytes]:
    """Yield the values of members that are strings, or lists of strings."""
    for member in members:
        name = f'"{member}"'.encode()
        at = raw.find(name)
        while at >= 0:
            if match := _VALUE.match(raw, at + len(name)):
                yield match[1]
            at = raw.find(name, at + 1)
