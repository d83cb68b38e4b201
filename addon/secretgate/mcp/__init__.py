"""MCP between a client and one server.

Secrets in the server's messages are replaced before the model sees them, values are restored in
tool calls where the policy allows it, and policy rules evaluate every tool call and tool result.

`session.Session` takes and returns messages; `stdio` wraps a server that is a program. Servers
reached over HTTP go through the proxy like other traffic.
"""
