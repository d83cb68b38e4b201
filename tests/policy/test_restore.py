"""Where values are restored, for every family, streamed and complete."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.kit import Bench, token
from harness.wire_families import FAMILIES
from policy.answer_cases import CASES
from policy.whole_answers import WHOLE
from secretgate.inbound.answers import EventAnswer
from secretgate.inbound.documents import document
from secretgate.inbound.events import Events
from secretgate.placeholders import Issued
from secretgate.providers import DIALECTS

NAME = Bench().name(token(1))
LIMITS = {
    "always": (True, True),
    "text": (True, False),
    "tools": (False, True),
    "never": (False, False),
}


def issued(limit: str) -> Issued:
    values = {NAME.encode(): token(1).encode()}
    return Issued(Bench().template, values, None, {NAME.encode(): limit})


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.arguments])
def test_a_stream_is_restored_only_where_the_rule_allows(name: str, limit: str) -> None:
    family = FAMILIES[name]
    half = len(NAME) // 2
    raw = family.write(
        ["say ", NAME[:half], NAME[half:] + "."], ['{"a": "', NAME[:half], NAME[half:], '"}']
    )
    allowed = issued(limit)
    answer = EventAnswer(family.framer(), Events(family.dialect, allowed))
    text, arguments = family.read(answer.feed(raw) + answer.finish())
    in_text, in_tools = LIMITS[limit]
    assert text == f"say {token(1) if in_text else NAME}."
    assert (token(1) in arguments, NAME in arguments) == (in_tools, not in_tools)
    assert bool(allowed.restored) is (in_text or in_tools)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", CASES)
def test_streamed_calls_are_restored_only_where_the_rule_allows(name: str, limit: str) -> None:
    case = CASES[name]
    raw = case.write([("put", json.dumps({"a": f"x {NAME}"}))])
    answer = EventAnswer(case.framer(), Events(DIALECTS[case.dialect], issued(limit)))
    seen = case.read(answer.feed(raw) + answer.finish())
    in_tools = LIMITS[limit][1]
    assert seen.calls == [("put", {"a": f"x {token(1) if in_tools else NAME}"})]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", WHOLE)
def test_a_document_is_restored_only_where_the_rule_allows(name: str, limit: str) -> None:
    dialect, answer, _ = WHOLE[name]
    said = f"say {NAME} now"
    raw = json.dumps(_with(answer, said)).encode()
    out = document(raw, DIALECTS[dialect], issued(limit)).decode()
    in_text, in_tools = LIMITS[limit]
    assert (f"say {token(1)} now" in out) is in_text
    assert (f"call {token(1)} now" in out) is in_tools
    assert out.count(NAME) == (not in_text) + (not in_tools)


def _with(value: Any, said: str) -> Any:
    """Return the answer with `said` as its text and in its command."""
    from policy.kit import TOKEN

    plain = json.dumps(value).replace(TOKEN, said)
    return json.loads(plain.replace("rm -rf /", said.replace("say", "call")))
