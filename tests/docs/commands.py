"""Extracts the commands of the documentation, with their position and the comments on them.

Every fence names its language. In `console`, lines that begin with a prompt are commands and the
others output; in `sh`, every line is a command; in workflows (`yaml`), the steps are. A comment
after a command says if tests do not run it.
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
        """The commands as written, with the comments after them."""
        pattern = _COMMAND.get(self.language)
        return pattern.findall(self.text) if pattern else []

    @property
    def commands(self) -> list[str]:
        """The commands without a mark, and without comments."""
        return [bare(line) for line in self.lines if not MARK.search(line)]


def bare(line: str) -> str:
    """Return a line without the comment after its command."""
    return re.sub(r"\s{2,}#.*$", "", line).strip()


def fences() -> Iterator[Fence]:
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in _FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            language = found[2].split(" ")[0]
            yield Fence(str(page.relative_to(ROOT)), line, language, found[3])
