"""The process that mitmproxy runs in: `python -m secretgate.launch.mitm`.

Its standard input and output are the line to whoever started it; the first line it gets holds mitmproxy's arguments,
so that credentials among them show in no process list. Whatever mitmproxy prints goes to
standard error, which is a log file.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
from typing import Any

SHARED_PORT = "SECRETGATE_SHARED_PORT"
"""Set: other processes of this user may listen on the same port, and connections are dealt out among them."""


def main() -> None:
    orders = os.fdopen(os.dup(0), "rb", buffering=0)
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    from mitmproxy import options
    from mitmproxy.tools import cmdline, dump
    from mitmproxy.tools.main import run

    import secretgate.gate  # noqa: F401 - loaded while we wait for our arguments
    from secretgate.launch.session import Session

    line = b""
    while not line.endswith(b"\n"):
        byte = orders.read(1)
        if not byte:
            return
        line += byte
    arguments: list[str] = json.loads(line)

    class Master(dump.DumpMaster):
        def __init__(self, opts: options.Options) -> None:
            if os.environ.pop(SHARED_PORT, ""):
                # mitmproxy asks the loop for its listener and has no option for this.
                loop: Any = asyncio.get_running_loop()
                loop.create_server = functools.partial(loop.create_server, reuse_port=True)
            super().__init__(opts)
            self.addons.add(Session(orders, reports))

    run(Master, cmdline.mitmdump, arguments)


if __name__ == "__main__":
    main()
