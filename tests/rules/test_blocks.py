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


def test_a_key_cut_off_is_found(detector: Detector) -> None:
    text = "\n".join(PEM.splitlines()[:6]).encode()
    values = [part.value.decode() for finding in detector.find(text) for part in finding.parts]
    assert values == LINES[:5]
