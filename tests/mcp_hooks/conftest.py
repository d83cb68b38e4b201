"""The package `mcp` is required for tests with a real client and server.

Its requirements conflict with the mitmproxy for Python 3.11. Sessions are tested everywhere.
"""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = (
    [] if find_spec("mcp") else ["test_mcp_http.py", "test_mcp_stdio.py", "real_server.py"]
)
