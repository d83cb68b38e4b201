"""A multi-line key has the same parts wherever it occurs."""

from __future__ import annotations

import base64
import json

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector, redact

BODY = base64.b64encode(b"0\x82\x04\xa2" + made_up(900, 40)).decode()
LINES = [BODY[at : at + 64] for at in range(0, len(BODY), 64)]
KIND = "RSA PRIVATE" + " KEY"
PEM = "\n".join([f"-----BEGIN {KIND}-----", *LINES, f"-----END {KIND}-----"]) + "\n"
SPELLINGS = {
    "file": PEM,
    "indented": "".join(f"    {line}\n" for line in PEM.splitlines()),
    "patch": "".join(f"+{line}\n" for line in PEM.splitlines()),
    "quoted": "".join(f"> {line}\n" for line in PEM.splitlines()),
    "escaped": "key: " + json.dumps(PEM),
    "twice": json.dumps(json.dumps({"key": PEM})),
    "crlf": PEM.replace("\n", "\r\n"),
    "strings": " +\n".join(f'  "{line}\\n"' for line in PEM.splitlines()),
    "numbered": "".join(f"{at:6}\t{line}\n" for at, line in enumerate(PEM.splitlines(), 1)),
    "numbered with arrows": "".join(
        f"{at:6}→{line}\n" for at, line in enumerate(PEM.splitlines(), 1)
    ),
    "numbered in a frame": "".join(
        f"{at:4} │ {line}\n" for at, line in enumerate(PEM.splitlines(), 1)
    ),
    "searched for": "".join(f"{at}:{line}\n" for at, line in enumerate(PEM.splitlines(), 1)),
    "in a frame": "".join(f"│ {line}\n" for line in PEM.splitlines()),
    "heredoc": f"cat > k <<EOF\n{PEM}EOF\n",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_parts_are_the_cores_of_the_lines(detector: Detector, name: str) -> None:
    text = SPELLINGS[name].encode()
    (finding,) = detector.find(text)
    assert [part.value.decode() for part in finding.parts] == LINES
    clean = redact(text, [finding], lambda _f, _p: b"REDACTED<private-key:000000000000>")
    assert f"BEGIN {KIND}".encode() in clean
    assert detector.find(clean) == []


@pytest.mark.parametrize("ahead", ["{}\t", "{:6}→", "{}:", "{:4} │ "])
def test_a_numbered_key_cut_off_is_found(detector: Detector, ahead: str) -> None:
    lines = [ahead.format(at) + line for at, line in enumerate(PEM.splitlines()[:6], 1)]
    text = "\n".join(lines).encode()
    values = [part.value.decode() for finding in detector.find(text) for part in finding.parts]
    assert values == LINES[:5]


def test_no_line_is_left_out_where_some_are_marked(detector: Detector) -> None:
    first, *others, last = PEM.splitlines()
    text = "\n".join([first, *(f"{line}<br>" for line in others), "c29tZQ==", last]).encode()
    clean = redact(text, detector.find(text), lambda _f, _p: b"-")
    assert not any(line.encode() in clean for line in LINES)


def test_a_key_cut_off_is_found(detector: Detector) -> None:
    text = "\n".join(PEM.splitlines()[:6]).encode()
    values = [part.value.decode() for finding in detector.find(text) for part in finding.parts]
    assert values == LINES[:5]
