"""The documentation of the CA agrees with the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from secretgate_ca import CAError
from secretgate_ca.cli import app
from secretgate_ca.environment import VARIABLES
from secretgate_ca.names import subtrees
from secretgate_ca.stores.anchors import FAMILIES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_of_variables_is_the_programs() -> None:
    rows = re.findall(
        r"^\| `([A-Z_0-9]+)` \| the (\w+) \| (.+) \|$", (DOCS / "ca.md").read_text(), re.MULTILINE
    )
    assert rows == [(v.name, "CA" if v.adds else "bundle", v.tools) for v in VARIABLES]


def test_every_command_is_documented() -> None:
    text = (DOCS / "ca.md").read_text()
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"`secretgate-ca {command.callback.__name__}" in text


def test_every_linux_family_is_documented() -> None:
    text = (DOCS / "install.md").read_text()
    for family in FAMILIES:
        assert f"{family.anchors}/secretgate-ID{family.suffix}" in text
        assert " ".join(family.update) in text


def test_the_refused_patterns_are_refused() -> None:
    row = re.findall(r"^\| ([^|]+) \| refused \|", (DOCS / "ca.md").read_text(), re.MULTILINE)
    patterns = [pattern for cell in row for pattern in re.findall(r"`([^`]+)`", cell)]
    assert len(patterns) == 4
    for pattern in patterns:
        with pytest.raises(CAError):
            subtrees(pattern)
