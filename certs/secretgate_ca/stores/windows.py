"""The ROOT store of the Windows user: requires no administrator rights and affects nobody else.

Windows shows a dialog with the certificate's fingerprint before a root is added or removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from secretgate_ca.stores.base import Machine, Root, must

PLACE = r"CurrentUser\Root"


class WindowsRoot:
    """The trust store of Edge, Chrome, PowerShell, .NET, Go and (by default) Firefox and git."""

    name: ClassVar[str] = "windows"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def places(self) -> Sequence[str]:
        return [PLACE] if self._machine.platform == "win32" else []

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        run = self._machine.runner.run
        program = self._program()
        return frozenset(
            root.sha256
            for root in roots
            if run([program, "-user", "-store", "Root", root.sha1]).code == 0
        )

    def install(self, place: str, root: Root) -> None:
        change = self._machine.runner.change
        command = [self._program(), "-user", "-addstore", "Root", str(root.path)]
        must(change(command), f"add the CA to {place}")

    def uninstall(self, place: str, root: Root) -> None:
        change = self._machine.runner.change
        command = [self._program(), "-user", "-delstore", "Root", root.sha1]
        must(change(command), f"take the CA out of {place}")

    def _program(self) -> str:
        """Return the full path of certutil, because NSS has another program of this name."""
        return self._machine.environ.get("SystemRoot", r"C:\Windows") + r"\System32\certutil.exe"
