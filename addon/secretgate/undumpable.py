"""Protects the memory of this process, which holds secrets, from other processes where possible.

Every process that holds values calls this before it reads the first: the proxy, its workers, and
the wrapper around an MCP server. `secretgate run` itself holds none; its proxy does.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

_PR_SET_DUMPABLE = 4


def seal_process(for_children: bool = True) -> None:
    """Disable core dumps, and on Linux access by debuggers and /proc/PID/mem of the same user.

    `for_children`: whether programs started by this process leave no core dumps either.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if for_children:
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
