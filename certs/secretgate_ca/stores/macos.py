"""The login keychain of macOS: trusted for TLS servers only, for this user only, without root.

macOS asks for the user's password in a dialog when trust settings change, which no program can (or
should) answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from secretgate_ca.stores.base import Machine, Root, matching, must

SECURITY = "/usr/bin/security"
_HASH = re.compile(rb"SHA-256 hash: ([0-9A-Fa-f]{64})")


class Keychain:
    """The trust store of Safari, Chrome, Go, Swift and, if configured, Node and Rust programs."""

    name: ClassVar[str] = "macos"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def places(self) -> Sequence[str]:
        if self._machine.platform != "darwin":
            return []
        return [str(self._machine.home / "Library/Keychains/login.keychain-db")]

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        run = self._machine.runner.run
        listed = run([SECURITY, "find-certificate", "-a", "-Z", "-c", "secretgate", place])
        held = matching(roots, (m.decode().upper() for m in _HASH.findall(listed.stdout)))
        return frozenset(
            root.sha256 for root in roots if root.sha256 in held and self._trusted(root)
        )

    def install(self, place: str, root: Root) -> None:
        command = [SECURITY, "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", place]
        change = self._machine.runner.change
        must(change([*command, str(root.path)]), f"make the CA trusted in {place}")

    def uninstall(self, place: str, root: Root) -> None:
        change = self._machine.runner.change
        command = [SECURITY, "delete-certificate", "-Z", root.sha256, "-t", place]
        must(change(command), f"take the CA out of {place}")

    def _trusted(self, root: Root) -> bool:
        command = [SECURITY, "verify-cert", "-c", str(root.path), "-p", "ssl", "-l", "-L", "-q"]
        return self._machine.runner.run(command).code == 0
