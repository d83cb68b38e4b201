"""The commands of the documentation: where they stand, and what is said of them there.

Every fence names its language. In `console`, a line that begins with a prompt is a command and the others are what it
prints; in `sh`, every line is one; of a workflow in `yaml`, what its steps run. A command that the tests do not run says so
in a comment behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
MARK = re.compile(r"\s#\s(by hand|not tried here)\b")
_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_COMMAND = {
    "console": re.compile(r"^[$>] (.+)$", re.MULTILINE),
    "sh": re.compile(r"^(.+)$", re.MULTILINE),
    "yaml": re.compile(r"^\s*- run: (.+)$", re.MULTILINE),
}


@dataclass(frozen=True)
class Fence:
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def lines(self) -> list[str]:
        """The commands as they stand, with the comments behind them."""
        pattern = _COMMAND.get(self.language)
        return pattern.findall(self.text) if pattern else []

    @property
    def commands(self) -> list[str]:
        """Those that carry no mark."""
        return [bare(line) for line in self.lines if not MARK.search(line)]


def bare(line: str) -> str:
    """Without the comment behind it."""
    return re.sub(r"\s{2,}#.*$", "", line).strip()


def fences() -> Iterator[Fence]:
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in _FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            language = found[2].split(" ")[0]
            yield Fence(str(page.relative_to(ROOT)), line, language, found[3])
