"""What is known of each tool: its package, and how it is started, logged in and resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clients.agent import Hands
from clients.installing import Package

SCENES = ("redact", "restart", "block", "audit", "trust")


@dataclass(frozen=True)
class Login:
    """One way to authenticate to the provider. All values are generated anew for each run."""

    name: str
    environment: Callable[[], Mapping[str, str]] = dict
    files: Callable[[], Mapping[str, str]] = dict
    """Contents of files, by path below the home folder."""
    model: str = ""
    """The value of `{model}` in the arguments."""
    hands: Callable[[Path], Hands] | None = None
    """The tools offered to this login's models, if they differ."""


@dataclass(frozen=True)
class Tool:
    name: str
    title: str
    package: Package
    command: tuple[str, ...]
    logins: tuple[Login, ...]
    hands: Callable[[Path], Hands] | None
    """The tools that it offers; None if its model makes no calls and answers with whole files."""
    first: tuple[str, ...]
    """Its arguments; `{prompt}` and `{project}` are replaced."""
    resumed: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for running it unattended; none about proxies or certificates."""
    transports: tuple[str, ...] = ("",)
    home_files: Mapping[str, str] = field(default_factory=dict)
    scenes: tuple[str, ...] = SCENES
    limits: tuple[str, ...] = ()
    """Limitations observed, for readers of the documentation."""
    library: str = ""
    """The package under test, if the tool is a script of ours rather than a program."""
    doctor: str = ""
    """Its name in the doctor's table."""

    def arguments(
        self, given: Sequence[str], login: Login, prompt: str, project: Path
    ) -> list[str]:
        return [each.format(prompt=prompt, project=project, model=login.model) for each in given]
