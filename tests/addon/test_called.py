"""Results of tools whose calls are only in earlier answers, which the provider keeps."""

from __future__ import annotations

from typing import Any, cast

import pytest
from wire_support import SCOPE, Gate, dump

from policy.kit import enforced, policy
from secretgate.engine import Engine
from secretgate.outbound.requests import Verdict
from secretgate.policy.called import CalledTools
from secretgate.vault import MemoryVault
from secretgate.websockets import Socket

RULE = enforced(
    "  - {name: no-results, action: deny, message: not that, match: {operation: llm.tool_result,"
    " when: \"params.tool_name == 'bash'\"}}"
)
ANSWERS: dict[str, tuple[str, Any]] = {
    "a call": ("openai-responses", {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": "call_1", "name": "bash"}}),
    "a whole answer": ("openai-responses", {"output": [{"type": "message"}, {"type": "function_call", "call_id": "call_1", "name": "bash"}]}),
    "a session": ("openai-responses", {"type": "agent.session.requires_action", "session": {"required_actions": [{"type": "function_call", "call_id": "call_1", "name": "bash"}]}}),
    "a run": ("openai-assistants", {"required_action": {"submit_tool_outputs": {"tool_calls": [{"id": "call_1", "function": {"name": "bash"}}]}}}),
    "an agent": ("anthropic", {"type": "agent.custom_tool_use", "id": "call_1", "name": "bash", "input": {}}),
}  # fmt: skip


@pytest.mark.parametrize("kind", ANSWERS)
def test_calls_are_remembered_by_their_id(kind: str) -> None:
    dialect, answer = ANSWERS[kind]
    called = CalledTools(MemoryVault(most_notes=2))
    called.see(SCOPE, dialect, answer)
    assert called.names(SCOPE, ["call_1", "call_2"]) == {"call_1": "bash"}
    assert called.names(SCOPE._replace(client="another"), ["call_1"]) == {}
    for number in range(2, 4):
        other = {"type": "shell_call", "call_id": f"call_{number}"}
        called.see(SCOPE, "openai-responses", {"item": other})
    assert called.names(SCOPE, ["call_1", "call_3"]) == {"call_3": "shell"}


@pytest.mark.parametrize(
    "event", [None, [], {"item": 7}, {"item": {"call_id": 7}}, {"output": [{"call_id": "c"}]}]
)
def test_odd_answers_name_nothing(event: Any) -> None:
    called = CalledTools()
    called.see(SCOPE, "openai-responses", event)
    assert called.names(SCOPE, ["c"]) == {}


RESULTS = {
    "openai-responses": {"previous_response_id": "r", "input": [{"type": "function_call_output", "call_id": "call_1", "output": "said"}]},
    "openai-assistants": {"tool_outputs": [{"tool_call_id": "call_1", "output": "said"}]},
    "anthropic": {"events": [{"type": "user.custom_tool_result", "custom_tool_use_id": "call_1", "content": [{"type": "text", "text": "said"}]}]},
}  # fmt: skip


@pytest.mark.parametrize("dialect", RESULTS)
def test_a_rule_about_results_knows_the_tool(dialect: str) -> None:
    gate = Gate()
    gate.requests.policies.policy = policy(RULE)
    kind = {"content-type": "application/json"}
    request = gate.request(dialect, content=dump(RESULTS[dialect]), headers=kind)
    assert gate.requests.decide(request).verdict is Verdict.CLEAN
    answer = next(each for own, each in ANSWERS.values() if own == dialect)
    gate.requests.policies.called.see(SCOPE, dialect, answer)
    assert gate.requests.decide(request).verdict is Verdict.BLOCKED


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_websocket_remembers_the_calls_in_its_answers(wrapped: bool) -> None:
    gate = Gate()
    gate.requests.policies.policy = policy(RULE)
    socket = Socket(cast(Engine, gate), gate.request("openai-responses"))
    result = dump({"type": "response.create", **RESULTS["openai-responses"]})
    assert not cast(Any, socket.from_client(result).decision).refused
    call = ANSWERS["a call"][1]
    socket.from_provider(dump({"type": "response.event", "event": call} if wrapped else call))
    socket.from_provider(dump({"type": "response.completed", "response": {"id": "r"}}))
    assert cast(Any, socket.from_client(result).decision).refused
