"""Placeholders that a model was given, for tool calls of MCP servers that may have the values.

A model's placeholder is restored for the provider and account it was issued to, and nowhere else. Where the
user names MCP servers in `mcp_restore`, the client's own tool calls to those are the one exception.
"""

from __future__ import annotations

from secretgate.placeholders import Issued
from secretgate.vault import Scope, Vault


def _scope(client: str) -> Scope:
    return Scope(client, "mcp", b"")


def hand_over(vault: Vault, client: str, issued: Issued) -> None:
    """From a request to a model."""
    scope = _scope(client)
    for name, value in issued.values.items():
        link = name.decode()
        if vault.chain(scope, link) is None:
            vault.link(scope, link, Issued(issued.template, {name: value}))


def handed_over(vault: Vault, client: str, raw: bytes, empty: Issued) -> Issued:
    """To a message of an MCP client: what the placeholders in it stand for."""
    scope = _scope(client)
    names = sorted({match[0].decode("ascii", "replace") for match in empty.template.find(raw)})
    if not names:
        return empty
    vault.refresh(scope, names)
    found = empty
    for name in names:
        found = found.joined(vault.chain(scope, name) or empty)
    return found
