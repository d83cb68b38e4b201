"""Streams that a client goes on with at an event's number, after events of ours have shifted those.

OpenAI keeps an answer that runs in the background. `GET /v1/responses/{id}` with `stream=true` and
`starting_after=N` sends the events after N, in its own count. The client's count has our extra
events as well (`inbound/extras.py`). So their numbers are noted, N is put into the provider's
count, and the events that follow into the client's. What was held back when the connection broke is
not sent again; the event that ends the text has all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from secretgate.outbound.requests import Request
from secretgate.vault import Scope, Vault

_AFTER = re.compile(rb"[?&]starting_after=([0-9]{1,9})(?=[&#]|\Z)")
_ANSWER = re.compile(r"/responses/([^/?#]{8,})")
_MOST = 1000


class Resumed(NamedTuple):
    """Where a stream goes on: the target in the provider's count, and our events before that."""

    target: bytes
    inserted: tuple[int, ...]


def note(vault: Vault, scope: Scope, links: Iterable[str], inserted: Iterable[int]) -> None:
    """Note the numbers of our events in the stream of an answer, for each id that it has."""
    numbers = " ".join(map(str, sorted(set(inserted))[:_MOST]))
    for link in links:
        vault.note(scope, _name(link), numbers)


def resumed(vault: Vault, request: Request, target: bytes) -> Resumed | None:
    """Return where a request goes on with a stream; None if it does not, or nothing is shifted."""
    after = _AFTER.search(target) if request.method == "GET" else None
    link = answer_of(request) if after is not None else ""
    if after is None or not link:
        return None
    noted = vault.noted(request.scope, [_name(link)]).get(_name(link), "")
    seen = int(after[1])
    numbers = [int(number) for number in noted.split()]
    inserted = tuple(number for number in numbers if number <= seen)
    if len(inserted) < len(numbers):
        # From here on, the client counts what comes this time.
        note(vault, request.scope, [link], inserted)
    if not inserted:
        return None
    start, end = after.span(1)
    return Resumed(b"%b%d%b" % (target[:start], seen - len(inserted), target[end:]), inserted)


def answer_of(request: Request) -> str:
    """Return the id of the answer that a request names in its path, or an empty string."""
    found = _ANSWER.search(request.path)
    return found[1] if found else ""


def _name(link: str) -> str:
    return f"numbers {link}"
