"""The tests with a real client and server need the package `mcp`, whose requirements do not fit beside the
mitmproxy of Python 3.11; the session itself is tested everywhere."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = (
    [] if find_spec("mcp") else ["test_mcp_http.py", "test_mcp_stdio.py", "real_server.py"]
)
