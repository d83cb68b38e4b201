"""A runner for tests: it records what a store would run, and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from secretgate_ca.runner import Result
from secretgate_ca.stores import Machine

MakeMachine = Callable[..., Machine]


@dataclass
class Recorder:
    """A runner that runs nothing: it records, and answers what a test told it to."""

    installed: dict[str, str] = field(default_factory=dict)
    looked: list[list[str]] = field(default_factory=list)
    changed: list[tuple[str, list[str]]] = field(default_factory=list)
    """(why root is needed or "", the command)"""
    answer: Callable[[Sequence[str]], Result] = lambda command: Result(0)

    def which(self, program: str) -> str | None:
        return self.installed.get(program)

    def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Result:
        self.looked.append(list(command))
        return self.answer(command)

    def change(self, command: Sequence[str], *, root: str = "", stdin: bytes = b"") -> Result:
        self.changed.append((root, list(command)))
        return self.answer(command)

    @property
    def commands(self) -> list[list[str]]:
        return [command for _, command in self.changed]
