"""Bad input: malformed rule files, and answers that no provider should send."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import effort
from policy.answer_cases import BAD, CASES, DENY, GOOD, REDACT, judge, streamed
from policy.kit import SCANNER, enforced, scope
from policy.whole_answers import WHOLE
from secretgate.policy.documents import parse
from secretgate.policy.engine import Policy
from secretgate.policy.errors import PolicyError
from secretgate.policy.loading import scope_of
from secretgate.policy.model import Call
from secretgate.providers import DIALECTS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
RULES = enforced(
    "  - name: one\n    action: redact\n    match: {operation: llm.text, when: \"params.a == 'b'\"}\n"
    "    redact: {target: params.a, patterns: [{match: a, replace: b}]}\n"
    "  - {name: two, action: deny, message: no, match: {findings: [a, '!b'], confidence: high}}\n",
    "defs: {a: '1'}\non_error: open",
)
BOTH = DENY + "\n" + REDACT.partition("rules:\n")[2]


def refused(text: str) -> PolicyError | None:
    try:
        scope_of(parse(text, "t"))
    except PolicyError as error:
        return error
    return None


@settings(max_examples=effort.of(300))
@given(st.text(max_size=200))
def test_any_text_is_a_rule_file_or_refused(text: str) -> None:
    error = refused(text)
    assert error is None or str(error).startswith("t:")


@settings(max_examples=effort.of(300))
@given(st.integers(0, len(RULES)), st.integers(0, 12), st.text(max_size=6))
def test_a_damaged_rule_file_loads_or_is_refused_with_its_line(at: int, cut: int, new: str) -> None:
    damaged = RULES[:at] + new + RULES[at + cut :]
    error = refused(damaged)
    if error is not None:
        assert 1 <= error.line <= damaged.count("\n") + 2
        assert error.reason


@pytest.mark.thorough
@settings(max_examples=effort.of(200))
@given(
    st.dictionaries(st.sampled_from(["a", "text", "input"]), JSON),
    st.dictionaries(st.text(max_size=9), JSON),
)
def test_any_call_is_decided(params: dict[str, Any], context: dict[str, Any]) -> None:
    policy = Policy([scope(RULES), scope(DENY), scope(REDACT)], SCANNER)
    for operation in ("llm.text", "llm.tool_use"):
        policy.evaluate(Call(operation, params, context))


def _damaged(value: Any, path: list[int], new: Any) -> Any:
    """Return `value` with `new` in the place of the node at `path`."""
    if not path or not isinstance(value, dict | list) or not value:
        return new
    step, *rest = path
    if isinstance(value, dict):
        name = sorted(value)[step % len(value)]
        return {**value, name: _damaged(value[name], rest, new)}
    at = step % len(value)
    return [_damaged(item, rest, new) if index == at else item for index, item in enumerate(value)]


PATH = st.lists(st.integers(0, 5), min_size=1, max_size=5)


@pytest.mark.thorough
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=effort.of(30))
@given(st.lists(st.tuples(st.integers(0, 40), PATH, JSON), min_size=1, max_size=4))
def test_a_damaged_stream_is_no_error_of_ours(
    name: str, damages: list[tuple[int, list[int], Any]]
) -> None:
    case = CASES[name]
    framer = case.framer()
    frames = [*framer.feed(case.write([GOOD, BAD])), *framer.finish()]
    judged = judge(BOTH, DIALECTS[case.dialect])
    for at, frame in enumerate(frames):
        payload = frame.payload
        for place, path, new in damages:
            if payload is not None and place % len(frames) == at:
                payload = json.dumps(_damaged(json.loads(payload), path, new)).encode()
        given_frame = frame
        if payload is not None and payload != frame.payload:
            again = case.framer()
            made = [*again.feed(frame.with_payload(payload)), *again.finish()]
            given_frame = made[-1] if made else frame
        judged.event(given_frame)
    judged.finish()


@pytest.mark.thorough
@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=effort.of(30))
@given(PATH, JSON)
def test_a_damaged_answer_is_no_error_of_ours(name: str, path: list[int], new: Any) -> None:
    dialect, answer, _ = WHOLE[name]
    judge(BOTH, DIALECTS[dialect]).document(json.dumps(_damaged(answer, path, new)).encode())


HALF = r"\ud83d"
"""Half of a surrogate pair: invalid by the standard, but accepted by JavaScript and Python."""


@pytest.mark.parametrize("odd", [HALF, "\\xff"], ids=["half a pair", "no UTF-8"])
@pytest.mark.parametrize("name", [name for name in CASES if "bedrock" not in name])
def test_an_event_that_only_some_parsers_read_is_judged(name: str, odd: str) -> None:
    """A client that accepts it would make the call."""
    case = CASES[name]
    member = b'"odd":"' + odd.encode().replace(rb"\xff", b"\xff") + b'",'
    raw = re.sub(rb"(?m)^(data: | ?)\{", lambda start: start[0] + member, case.write([BAD]))
    assert member in raw
    assert b"rm -rf" not in streamed(case.framer(), judge(DENY, DIALECTS[case.dialect]), raw)


@pytest.mark.parametrize("name", CASES)
def test_arguments_that_only_some_parsers_read_are_judged(name: str) -> None:
    case = CASES[name]
    call = ("bash", f'{{"command": "rm -rf /", "odd": "{HALF}"}}')
    out = streamed(case.framer(), judge(DENY, DIALECTS[case.dialect]), case.write([call]))
    assert b"rm -rf" not in out
