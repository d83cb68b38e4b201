"""Which requests are processed in a thread, so that other flows are not held up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from secretgate.engine import Engine
from secretgate.outbound.requests import Request

IN_A_THREAD = 64 << 10
"""Size in bytes above which a request is processed in a thread, as all compressed ones are."""
T = TypeVar("T")


def takes_long(request: Request) -> bool:
    """Whether processing the request would noticeably delay other flows."""
    packed = request.headers.get("content-encoding", "identity") != "identity"
    return len(request.content) > IN_A_THREAD or packed or request.signed


def consulted(engine: Engine, request: Request, decide: Callable[[], T]) -> T:
    """Return a decision made with what other workers know. Blocks, so it must run in a thread."""
    with engine.requests.consulting(request):
        return decide()
