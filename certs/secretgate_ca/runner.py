"""Runs external programs through one interface, so that dry runs and tests see the same commands.

A `Runner` gets each command and, if it needs root, the reason. `SystemRunner` runs it (with `sudo`
if root is needed and we are not root), `DryRunner` only prints commands that would change
something, and tests provide their own.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

TIMEOUT = 180.0
_FOR_ROOT = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Where programs for root are; on Debian, other users do not have these folders on their PATH."""


@dataclass(frozen=True)
class Result:
    code: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def complaint(self) -> str:
        """The program's error message, on one line."""
        text = (self.stderr or self.stdout).decode(errors="replace")
        return " ".join(text.split())[-300:] or f"exit code {self.code}"


class Runner(Protocol):
    def which(self, program: str) -> str | None:
        """Return the path of `program`, or None if it is not installed."""

    def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Result:
        """Run a command that changes nothing."""

    def change(self, command: Sequence[str], *, root: str = "", stdin: bytes = b"") -> Result:
        """Run a command that changes a trust store; `root` says why it needs root, if it does."""


class SystemRunner:
    """Runs commands on this machine."""

    def __init__(self, explain: Callable[[str], None] = lambda text: None) -> None:
        self._explain = explain

    def which(self, program: str) -> str | None:
        return shutil.which(program) or shutil.which(program, path=_FOR_ROOT)

    def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Result:
        try:
            done = subprocess.run(
                list(command), input=stdin, capture_output=True, timeout=TIMEOUT, check=False
            )
        except FileNotFoundError:
            return Result(127, stderr=f"{command[0]} is not installed".encode())
        except subprocess.TimeoutExpired:
            return Result(124, stderr=f"{command[0]} did not finish in {TIMEOUT:.0f} s".encode())
        except OSError as error:
            return Result(126, stderr=f"{command[0]}: {error.strerror}".encode())
        return Result(done.returncode, done.stdout, done.stderr)

    def change(self, command: Sequence[str], *, root: str = "", stdin: bytes = b"") -> Result:
        if root and not is_root():
            self._explain(f"root is needed to {root}: sudo {shlex.join(command)}")
            if self.which("sudo") is None:
                return Result(127, stderr=f"sudo is not installed; as root, {root}".encode())
            command = ["sudo", "--", *command]
        return self.run(command, stdin=stdin)


class DryRunner:
    """Runs read-only commands through `base`, and prints the others instead of running them."""

    def __init__(self, base: Runner, show: Callable[[str], None]) -> None:
        self._base = base
        self._show = show

    def which(self, program: str) -> str | None:
        return self._base.which(program)

    def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Result:
        return self._base.run(command, stdin=stdin)

    def change(self, command: Sequence[str], *, root: str = "", stdin: bytes = b"") -> Result:
        sudo = ["sudo", "--"] if root and not is_root() else []
        self._show(shlex.join([*sudo, *command]) + (f"   # root: to {root}" if root else ""))
        return Result(0)


def is_root() -> bool:
    return sys.platform == "win32" or os.geteuid() == 0
