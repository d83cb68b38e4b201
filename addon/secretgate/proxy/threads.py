"""What is looked at in a thread, so that other flows go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from secretgate.engine import Engine
from secretgate.outbound.requests import Request

IN_A_THREAD = 64 << 10
"""A larger request, and one that has to be unpacked, is looked at in a thread."""
T = TypeVar("T")


def takes_long(request: Request) -> bool:
    """Whether other flows would notice if nothing else went on while it is looked at."""
    packed = request.headers.get("content-encoding", "identity") != "identity"
    return len(request.content) > IN_A_THREAD or packed or request.signed


def consulted(engine: Engine, request: Request, decide: Callable[[], T]) -> T:
    """What is decided with what other workers know. For a thread, as it waits for them."""
    with engine.requests.consulting(request):
        return decide()
