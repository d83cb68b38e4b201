"""A real MCP server (PyPI `mcp`) with a configuration to read and a query to run.

Arguments: FOLDER for standard input and output; FOLDER json|sse for HTTP, on a port that it prints.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

FOLDER = Path(sys.argv[1])
server = MCPServer("files")


@server.tool()
def read_config() -> str:
    """Read the configuration."""
    return (FOLDER / "config.env").read_text()


@server.tool()
def run_query(sql: str) -> str:
    """Run a query."""
    (FOLDER / "queries.txt").write_text(sql)
    return f"ran: {sql}"


def over_http(json: bool) -> None:
    import uvicorn

    anyone = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(json_response=json, transport_security=anyone)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


if len(sys.argv) > 2:
    over_http(sys.argv[2] == "json")
else:
    server.run()
