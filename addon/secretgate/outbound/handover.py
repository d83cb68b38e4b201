"""Hands placeholders over to tool calls that may have their values restored.

A placeholder is restored for the provider and account it was issued to, and nowhere else. The one
exception are the client's own tool calls to MCP servers that the user names in `mcp_restore`: the
placeholders issued to models are kept for these in a separate scope of the client. Placeholders
that rules put into a server's own results have the scope of that server.
"""

from __future__ import annotations

from secretgate.placeholders import Issued
from secretgate.vault import Scope, Vault


def of_models(client: str) -> Scope:
    """Return the scope that holds the placeholders issued to a client's models."""
    return Scope(client, "mcp", b"")


def hand_over(vault: Vault, scope: Scope, issued: Issued) -> None:
    """Store the placeholders, each under its own name, in the scope of a client's models."""
    for name, value in issued.values.items():
        link = name.decode()
        if vault.chain(scope, link) is None:
            vault.link(scope, link, Issued(issued.template, {name: value}))


def handed_over(vault: Vault, scope: Scope, raw: bytes, empty: Issued) -> Issued:
    """Return the placeholders that occur in a message, with their values."""
    names = sorted({match[0].decode("ascii", "replace") for match in empty.template.find(raw)})
    if not names:
        return empty
    vault.refresh(scope, names)
    found = empty
    for name in names:
        found = found.joined(vault.chain(scope, name) or empty)
    return found
