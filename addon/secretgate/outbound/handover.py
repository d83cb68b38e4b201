"""Placeholders by name, for tool calls that may have their values.

A model's placeholder is restored for the provider and account it was issued to, and nowhere else. Where the
user names MCP servers in `mcp_restore`, the client's own tool calls to those are the one exception: what models
were given is kept for them in a scope of the client's own. A server's own results, where rules put placeholders
into them, have the scope of that server.
"""

from __future__ import annotations

from secretgate.placeholders import Issued
from secretgate.vault import Scope, Vault


def of_models(client: str) -> Scope:
    """Where the placeholders are that models of a client were given."""
    return Scope(client, "mcp", b"")


def hand_over(vault: Vault, scope: Scope, issued: Issued) -> None:
    for name, value in issued.values.items():
        link = name.decode()
        if vault.chain(scope, link) is None:
            vault.link(scope, link, Issued(issued.template, {name: value}))


def handed_over(vault: Vault, scope: Scope, raw: bytes, empty: Issued) -> Issued:
    """What the placeholders in a message stand for."""
    names = sorted({match[0].decode("ascii", "replace") for match in empty.template.find(raw)})
    if not names:
        return empty
    vault.refresh(scope, names)
    found = empty
    for name in names:
        found = found.joined(vault.chain(scope, name) or empty)
    return found
