"""The names of tools that answers have called, by the id of the call.

Where the provider keeps the conversation, the result of a tool comes in a request that does not repeat
the call; rules about results ask for the tool's name all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from secretgate.providers import value_at, values_at
from secretgate.vault import MemoryVault, Scope, Vault


class _Calls(NamedTuple):
    items: tuple[str, ...]
    """Where calls are in an event or an answer; empty for the event itself."""
    identity: str
    name: str
    kind: str = ""
    """The `type` of a call, if other items have the same members."""


_CALLS: Final[Mapping[str, _Calls]] = {
    "openai-responses": _Calls(
        (
            *("item", "output[]", "response.output[]", "data[]"),
            *("required_actions[]", "session.required_actions[]"),
        ),
        "call_id",
        "name",
    ),
    "openai-assistants": _Calls(
        ("required_action.submit_tool_outputs.tool_calls[]",), "id", "function.name"
    ),
    "anthropic": _Calls(("", "data[]"), "id", "name", "agent.custom_tool_use"),
}
_NOTE: Final = "tool of "


class CalledTools:
    """Remembers the calls in answers, in the vault: another worker may get their results."""

    def __init__(self, vault: Vault | None = None) -> None:
        self._vault = vault or MemoryVault()

    def see(self, scope: Scope, dialect: str, event: object) -> None:
        """Remember the calls in an event or an answer."""
        for identity, name in _named(dialect, event):
            self._vault.note(scope, _NOTE + identity, name)

    def names(self, scope: Scope, identities: Sequence[str]) -> dict[str, str]:
        """Return the names of the tools that were called, as far as they are known."""
        noted = self._vault.noted(scope, [_NOTE + each for each in identities])
        return {name.removeprefix(_NOTE): tool for name, tool in noted.items()}


def _named(dialect: str, event: object) -> Iterator[tuple[str, str]]:
    calls = _CALLS.get(dialect)
    for path in calls.items if calls else ():
        for item in values_at(event, path) if path else (event,):
            pair = _pair(item, calls) if calls and isinstance(item, dict) else None
            if pair:
                yield pair


def _pair(item: dict[str, Any], calls: _Calls) -> tuple[str, str] | None:
    identity, name = value_at(item, calls.identity), value_at(item, calls.name)
    if name is None and calls.identity == "call_id":
        # OpenAI's own tools have no name but their type.
        kind = item.get("type")
        name = kind.removesuffix("_call") if isinstance(kind, str) else None
    told = isinstance(identity, str) and isinstance(name, str)
    return (identity, name) if told and calls.kind in ("", item.get("type")) else None
