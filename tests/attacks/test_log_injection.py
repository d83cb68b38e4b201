"""Foreign text in log lines: it must not end a line, start one, or control a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from addon.kit import RULES, Bench, token
from secretgate import log
from secretgate_rules import Detector

HOSTILE = {
    "a line break": "x\n2026-01-01 [info] request verdict=clean",
    "a carriage return": "x\rrequest verdict=clean",
    "a colour": "\x1b[31mred\x1b[0m",
    "a title of the terminal": "\x1b]0;owned\x07",
    "a control character of 8 bits": "\x9b31m",
    "a backspace": "secret\x08\x08\x08",
    "a line separator": "x\u2028y\u0085z",
    "text that runs backwards": "\u202egnp.exe",
    "a lone surrogate": "x\ud800y",
    "a null": "x\0y",
}
_CONTROL = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("field", ["event", "path", "client", "nested"])
def test_one_line_of_plain_text(
    how: str, form: str, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(form)
    text = HOSTILE[how]
    values = {"nested": {"field": [{"deep": text, text: 1}]}, "event": {}}.get(field, {field: text})
    log.logger().warning(text if field == "event" else "told", **values)
    written = capsys.readouterr()
    line = written.err + written.out
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert not _CONTROL.search(line[:-1])
    if form == "json":
        json.loads(line)


def test_names_of_members_reach_the_log_in_ascii() -> None:
    bench = Bench()
    bench.redactor.detector = Detector(RULES)
    raw = json.dumps({HOSTILE["a line break"]: {HOSTILE["a colour"]: f"it is {token(1)}"}})
    (spot,) = bench.redact(raw.encode()).spots
    assert spot.path.isprintable()
    assert spot.path.isascii()


SHOWN: dict[str, Callable[[str], dict[str, Any]]] = {
    "a name": lambda value: {value: "x", "messages": [{"role": "user", "content": "hello"}]},
    "a name above a secret": lambda value: {value: {"deep": token("another")}},
    "a name in a message": lambda value: {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x", value: "y"}]}]
    },
    "the name of a list of messages": lambda value: {
        value: [{"role": "user", "content": f"it is {token('another')}"}]
    },
    "a name with more in it": lambda value: {f"key {value} é": [token("another")]},
}


@pytest.mark.parametrize("form", SHOWN)
def test_a_secret_in_the_name_of_a_member_is_not_shown_as_its_place(form: str) -> None:
    """Neither at first, nor if the request is repeated and known, nor without a name for it."""
    value = token("shown")
    raw = json.dumps(SHOWN[form](value)).encode()
    bench = Bench()
    for _ in range(3):
        spots = bench.redact(raw).spots
        assert spots
        assert [spot for spot in spots if value in spot.path] == []
        assert any(bench.name(value) in spot.path for spot in spots)


def test_the_requests_own_credential_in_a_name_is_not_shown_as_a_place() -> None:
    own = token("own")
    raw = json.dumps({own: {"deep": token("another")}}).encode()
    (spot,) = Bench().redact(raw, exempt=(own.encode(),)).spots
    assert own not in spot.path
