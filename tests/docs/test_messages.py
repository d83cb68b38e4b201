"""Messages that the pages quote are messages of the programs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from docs.commands import ROOT

_TABLE = re.compile(r"(?m)^\| it says \|.*\n\| ?-.*\n((?:\|.*\n)+)")
_QUOTED = re.compile(r"`([^`]+)`")
_FILLED = re.compile(r"\.\.\.|\b[A-Z]{4,}\b|\b\d+\b")
"""What stands for something else in a quoted message."""


def quoted() -> Iterator[tuple[str, str]]:
    for page in ("install", "troubleshooting"):
        for rows in _TABLE.findall((ROOT / f"docs/{page}.md").read_text("utf-8")):
            for row in rows.splitlines():
                said = row.split(" | ")[0]
                if not said.startswith("| a tool: "):
                    yield from ((page, each) for each in _QUOTED.findall(said))


@cache
def texts() -> list[str]:
    """Return the texts in the source; those of f-strings with a gap for each value."""
    found = []
    for path in [*ROOT.glob("addon/**/*.py"), *ROOT.glob("certs/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(each, "value", "") for each in node.values)
                found.append("\0".join(each for each in parts if isinstance(each, str)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


@pytest.mark.parametrize(("page", "message"), [*quoted()])
def test_a_quoted_message_is_one(page: str, message: str) -> None:
    pieces = [piece.strip(" ,;:") for piece in _FILLED.split(message)]
    wanted = [piece for piece in pieces if len(piece) > 4]
    assert wanted
    assert [piece for piece in wanted if not any(piece in text for text in texts())] == []


def test_there_are_messages_to_look_at() -> None:
    assert len([*quoted()]) > 8
