"""MCP between a client and one server: secrets in what the server says are replaced before the model
sees them, values are put back into tool calls where policy allows it, and policy rules judge
every tool call and every tool result.

`session.Session` takes messages and gives messages; `stdio` wraps a server that is a program.
Servers that are reached over HTTP go through the proxy like everything else.
"""
