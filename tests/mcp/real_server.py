"""A real MCP server (PyPI `mcp`) with a configuration to read and a query to run: FOLDER, as an argument."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

FOLDER = Path(sys.argv[1])
server = MCPServer("files")


@server.tool()
def read_config() -> str:
    """Reads the configuration."""
    return (FOLDER / "config.env").read_text()


@server.tool()
def run_query(sql: str) -> str:
    """Runs a query."""
    (FOLDER / "queries.txt").write_text(sql)
    return f"ran: {sql}"


server.run()
