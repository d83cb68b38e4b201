"""The SDK of MCP cannot be installed beside mitmproxy on every Python."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("mcp.client") else ["test_mcp_stdio.py"]
