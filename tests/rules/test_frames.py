"""Secrets that span lines are found in lines that a tool has numbered, quoted or compared."""

from __future__ import annotations

import string
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secretgate_rules import Detector, frames, redact
from secretgate_rules.rulefile import load_file, pack_files

PASSWORD = "Plover" + "#4917x"
TOKEN = "q7Zr2mKp9" + "Xw4Tn8Lc3Vb6Hs1Dg5"
DOCUMENTS = {
    "Kubernetes": f"env:\n  - name: DB_PASSWORD\n    value: {PASSWORD}\n",
    "names and values": f'[\n  {{\n    "name": "API_TOKEN",\n    "value": "{TOKEN}"\n  }}\n]\n',
    "a block of YAML": f"auth:\n  token: |\n    {TOKEN}\n",
    "a table": f"username,password,email\nana,{PASSWORD},a@example.com\n",
    "columns": f"NAME        PASSWORD\nana         {PASSWORD}\nbob         {TOKEN}\n",
    "SQL": f"INSERT INTO users (name, password)\nVALUES ('ana', '{PASSWORD}');\n",
    "expect": f'spawn ssh ana@host\nexpect "password:"\nsend "{PASSWORD}"\n',
}
FRAMES: dict[str, Callable[[int], str]] = {
    "an arrow": lambda number: f"{number:>6}→",
    "a tab": lambda number: f"{number:>6}\t",
    "a colon": lambda number: f"{number}:",
    "a bar": lambda number: f"{number:>4} | ",
    "a drawn bar": lambda number: f"{number:>4}│ ",
    "a coloured number": lambda number: f"\x1b[38;5;240m{number:>4}\x1b[0m ",
    "two numbers": lambda number: f"{number:>4}   {number + 2:>4} + ",
    "a place": lambda number: f"deploy/app.yaml:{number}:",
    "a place of grep -C": lambda number: f"deploy/app.yaml-{number}-",
    "a date": lambda number: f"2026-11-23T10:00:{number:02}.123Z ",
    "a service": lambda number: "app-1  | ",
    "git blame": lambda number: f"a1b2c3d4 (Ana 2026-11-23 10:00:00 +0000 {number:>3}) ",
    "a quote": lambda number: "> ",
    "an addition": lambda number: "+",
    "a removal": lambda number: "-",
    "a comment": lambda number: "# ",
}


def _framed(text: str, frame: Callable[[int], str], first: int = 8) -> bytes:
    lines = text.splitlines(keepends=True)
    return "".join(frame(number) + line for number, line in enumerate(lines, first)).encode()


def _values(detector: Detector, text: bytes) -> set[bytes]:
    findings = detector.find(text)
    parts = [part for finding in findings for part in finding.parts]
    assert all(part.layers or text[part.start : part.end] == part.value for part in parts)
    return {part.value for part in parts}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_framed_lines_are_read_as_the_file_is(
    detector: Detector, document: str, frame: Callable[[int], str]
) -> None:
    secrets = {each.encode() for each in (PASSWORD, TOKEN) if each in document}
    assert secrets <= _values(detector, document.encode())
    assert secrets <= _values(detector, _framed(document, frame))


def test_a_changed_value_is_found_before_and_after_the_change(detector: Detector) -> None:
    patch = (
        "@@ -3,3 +3,3 @@ spec:\n   env:\n   - name: DB_PASSWORD\n"
        f"-    value: {PASSWORD}\n+    value: {TOKEN}\n"
    )
    assert {PASSWORD.encode(), TOKEN.encode()} <= _values(detector, patch.encode())


def test_the_view_is_told_and_frames_stay_when_redacted(detector: Detector) -> None:
    text = _framed(DOCUMENTS["Kubernetes"], FRAMES["an arrow"])
    (finding,) = detector.find(text)
    assert finding.view == (frames.LINES,)
    shown = redact(text, [finding], lambda finding, part: b"HIDDEN")
    assert shown == text.replace(PASSWORD.encode(), b"HIDDEN")


@given(
    st.lists(st.text(string.ascii_letters + " -+:#>|0123456789", max_size=12), max_size=8),
    st.sampled_from(sorted(FRAMES)),
)
def test_every_piece_leads_back_to_its_text(lines: list[str], name: str) -> None:
    text = _framed("".join(f"{line}\n" for line in ["password", *lines]), FRAMES[name])
    for piece in frames.pieces(text, [at + 2 for at, byte in enumerate(text) if byte == 10]):
        layer, decoded = piece
        assert text[layer.start : layer.end] == decoded.raw
        for at in range(len(decoded.text)):
            place = layer.start + decoded.start(at)
            assert text[place : place + 1] == decoded.text[at : at + 1]


@pytest.mark.parametrize(
    "line",
    [
        b"     7\xe2\x86\x92password\n",
        b"> token:\n",
        b"+ secret\n",
        b"x/y:7:api_key\n",
        b"a" * 4000,
    ],
)
def test_time_is_linear(detector: Detector, line: bytes) -> None:
    def seconds(count: int) -> float:
        text = line * count + b"\n1:password\n2:x"
        taken = []
        for _ in range(3):
            start = time.process_time()
            detector.find(text)
            taken.append(time.process_time() - start)
        return min(taken)

    size = 200_000 // len(line)
    assert seconds(8 * size) < 30 * max(seconds(size), 0.002)


BEFORE_A_LINE: dict[str, str] = {
    "an addition": "@@ -1 +1 @@\n+",
    "a removal": "@@ -1 +1 @@\n-",
    "an arrow": "    12→",
    "a quote": "> ",
    "a comment": "# ",
    "a bar": "  12 | ",
    "a date": "2026-11-23T10:00:00.123Z ",
    "a prompt": "$ ",
    "an entry of a list": "* ",
}


@pytest.mark.thorough
@pytest.mark.parametrize("before", BEFORE_A_LINE.values(), ids=BEFORE_A_LINE)
def test_whatever_a_rule_finds_is_found_behind_it(detector: Detector, before: str) -> None:
    lost: set[str] = set()
    tried = 0
    for rule in [rule for pack in pack_files() for rule in load_file(pack, trusted=True)]:
        for example in rule.examples:
            found = detector.find(example.encode())
            if found and "\n" not in example:
                tried += 1
                again = detector.find((before + example).encode())
                shift = len(before.encode())
                if not all(
                    any(
                        other.start <= one.start + shift and one.end + shift <= other.end
                        for other in again
                    )
                    for one in found
                ):
                    lost.add(rule.id)
    assert lost == set()
    assert tried > 4000
