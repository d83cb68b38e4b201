"""A runner for tests that records the commands of a store instead of running them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from secretgate_ca.runner import Result
from secretgate_ca.stores import Machine

MakeMachine = Callable[..., Machine]


@dataclass
class Recorder:
    """A runner that runs nothing: it records commands, and returns the results set by a test."""

    installed: dict[str, str] = field(default_factory=dict)
    looked: list[list[str]] = field(default_factory=list)
    changed: list[tuple[str, list[str]]] = field(default_factory=list)
    """Pairs of the reason why root is needed, or "", and the command."""
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
