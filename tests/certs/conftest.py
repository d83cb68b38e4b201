"""Fixtures of the CA tests: a CA in a throw-away folder, a machine whose commands are recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from secretgate_ca import Authority, ensure_ca
from secretgate_ca.runner import Result
from secretgate_ca.stores import Machine, Root


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


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return tmp_path / "ca"


@pytest.fixture
def authority(confdir: Path) -> Authority:
    return ensure_ca(confdir, ["api.example.com", "*.copilot.example"])


@pytest.fixture
def root(authority: Authority) -> Root:
    return Root.of(authority.root, authority.ca_cert)


@pytest.fixture
def machine(tmp_path: Path, recorder: Recorder) -> Callable[..., Machine]:
    def make(platform: str, **environ: str) -> Machine:
        home, system = tmp_path / "home", tmp_path / "system"
        home.mkdir(exist_ok=True)
        system.mkdir(exist_ok=True)
        return Machine(recorder, home, environ, platform, system)

    return make
