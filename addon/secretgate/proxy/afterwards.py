"""Postpones work on an answer until its end has been sent.

The client gets the end of its answer sooner, and its next turn still finds everything done. mitmproxy
sends the end in the next round of the event loop, after the hook; what is postponed is done in the
round after that. What arrives by then is handed on to mitmproxy in that round, behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mitmproxy import ctx

from secretgate.engine import Engine

Soon = Callable[[Callable[[], None]], object]


def at_once(work: Callable[[], None]) -> None:
    work()


def postponing(engine: Engine) -> Soon:
    """Return what is called with such work.

    Nothing is postponed if the next turn may reach another worker, or if flows are displayed
    (mitmproxy, mitmweb), as they are once the answer has ended.
    """
    if engine.line.remote or hasattr(ctx.master, "view"):
        return at_once
    loop = asyncio.get_running_loop()
    return lambda work: loop.call_soon(loop.call_soon, work)
