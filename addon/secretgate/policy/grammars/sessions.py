"""OpenAI's agents: a session that needs the results of calls names them in `required_actions`.

It waits for all of them, so none can be left out: if one is denied, the client is told that the session
has failed, and why. (The items of calls only report them: clients may not act on these.)
"""

from __future__ import annotations

from typing import Final

from secretgate.policy.grammars.base import TOOL, Block, Event, Reading, Sign, as_dict, items

_EVENTS: Final = "agent.session."
_ENDS: Final = frozenset(
    f"agent.session.turn.{end}" for end in ("completed", "failed", "cancelled")
)
_FAILED: Final = "agent.session.failed"
_ACTIONS: Final = "required_actions"


def read_session(event: Event, kind: str) -> Reading | None:
    """Return what a session waits for, or which turn has ended; None for other answers."""
    if kind in _ENDS:
        return Reading(everything=True, reason=kind.rpartition(".")[2])
    sessions: list[Event] = []
    if kind.startswith(_EVENTS):
        sessions = [as_dict(event.get("session"))]
    elif not kind:
        sessions = [event, *(each for _, each in items(event.get("data")))]
    signs = [
        Sign((TOOL, at, number), TOOL, action, "arguments", str(action.get("name") or ""), session)
        for at, session in enumerate(sessions)
        for number, action in items(session.get(_ACTIONS))
        if action.get("type") == "function_call" and "arguments" in action
    ]
    if not signs:
        return None
    return Reading(signs, everything=True, reason=str(signs[0].holder.get("status") or ""))


def is_of_session(block: Block) -> bool:
    holder = block.signs[0].sign.holder
    return isinstance(holder, dict) and _ACTIONS in holder


def deny_session(block: Block, message: str) -> None:
    for entry, sign in block.signs:
        session = sign.holder
        session["status"], session[_ACTIONS] = "failed", []
        session["error"] = {"code": "server_error", "message": message}
        entry.changed = True
        if entry.kind.startswith(_EVENTS):
            entry.event["type"] = _FAILED
            entry.instead = [(_FAILED, entry.event)]
