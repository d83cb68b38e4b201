"""The first screen of the README: its statements, and its recording of the demo is current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.commands import ROOT, fences
from harness.command import environment

README = (ROOT / "README.md").read_text("utf-8")
_CHANGES = [
    (r"\S{7}…\S{5}", "VALUE"),
    (r":[0-9a-f]{12}>", ":ID>"),
    (r"[\d,.]+ (bytes|ms|s|pieces)\b", r"N \1"),
    (r"\s+", " "),
]
"""Replacements for what differs between runs: generated values and names, line breaks."""


def masked(text: str) -> str:
    for pattern, name in _CHANGES:
        text = re.sub(pattern, name, text)
    return text.strip()


def test_it_begins_with_a_sentence_and_two_commands() -> None:
    sentence = README.split("\n\n")[1]
    assert sentence.count(". ") == 0
    assert sentence.endswith(".")
    first = next(fence for fence in fences() if fence.page == "README.md")
    assert first.commands == ["scripts/run", "scripts/test"]


SAME_VALUES = """\
import random, secrets
secrets.randbits = random.Random(1).getrandbits
from secretgate.cli import main
main()
"""
"""Of values drawn by chance, one in a few hundred looks like one of another kind."""


@pytest.mark.e2e
def test_the_recording_is_what_the_demo_prints(tmp_path: Path) -> None:
    """If this fails: scripts/record."""
    recorded = README.split("$ scripts/run demo\n")[1].partition("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", SAME_VALUES, "demo"],
        env=environment(tmp_path, PYTHONIOENCODING="utf-8"),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout
    assert masked(recorded) == masked(done.stdout)
