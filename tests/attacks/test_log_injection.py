"""What others send ends in log lines. It must not end a line, start one, or drive a terminal."""

from __future__ import annotations

import json
import re

import pytest

from addon.kit import RULES, token
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
    from addon.kit import Bench

    bench = Bench()
    bench.redactor.detector = Detector(RULES)
    raw = json.dumps({HOSTILE["a line break"]: {HOSTILE["a colour"]: f"it is {token(1)}"}})
    (spot,) = bench.redact(raw.encode()).spots
    assert spot.path.isprintable()
    assert spot.path.isascii()
