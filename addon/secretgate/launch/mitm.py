"""The process in which mitmproxy runs: `python -m secretgate.launch.mitm`.

Standard input and output connect it to its parent. The first line of input holds mitmproxy's
arguments, so that credentials among them do not appear in process lists. mitmproxy's own output
goes to standard error, which is a log file.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
from typing import Any

SHARED_PORT = "SECRETGATE_SHARED_PORT"
"""If set, other processes of this user may listen on the same port and share its connections."""


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
                # mitmproxy creates its listener through the loop and has no option for this.
                loop: Any = asyncio.get_running_loop()
                loop.create_server = functools.partial(loop.create_server, reuse_port=True)
            super().__init__(opts)
            self.addons.add(Session(orders, reports))

    run(Master, cmdline.mitmdump, arguments)


if __name__ == "__main__":
    main()
