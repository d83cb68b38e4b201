"""The `cacerts` of every Java on the machine, changed with that Java's own `keytool`.

On Debian all Javas share one file that follows the system's anchors. It is listed once, and already
trusts the CA if the system's store does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from secretgate_ca.runner import Result
from secretgate_ca.stores.base import Machine, Root, helper, matching, must

PASSWORD = "changeit"  # noqa: S105 - public, see below
"""Not a secret: the default password of every Java's `cacerts`."""
HOMES = (
    "/usr/lib/jvm/*",
    "/usr/lib64/jvm/*",
    "/usr/java/*",
    "/opt/java/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
)
CACERTS = ("lib/security/cacerts", "jre/lib/security/cacerts")
PACKAGES = (
    "the Java runtime (default-jre-headless on Debian, java-latest-openjdk-headless on Fedora)"
)
_ENTRY = re.compile(
    rb"^(?P<alias>[^\n]+?), [^\n]*trustedCertEntry, *\n[^\n]*SHA-256[^\n]*: *(?P<hash>[0-9A-F:]{95})",
    re.MULTILINE,
)


class Java:
    """The trust store of programs on a JVM, including JetBrains IDEs."""

    name: ClassVar[str] = "java"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def places(self) -> Sequence[str]:
        files: dict[Path, str] = {}
        for home in self._homes():
            for file in (home / inside for inside in CACERTS):
                if file.is_file():
                    files.setdefault(file.resolve(), str(file.resolve()))
        return list(files.values())

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        return matching(roots, self._aliases(place))

    def install(self, place: str, root: Root) -> None:
        command = ["-importcert", "-noprompt", "-trustcacerts", "-alias", root.label]
        must(self._change(place, [*command, "-file", str(root.path)]), f"add the CA to {place}")

    def uninstall(self, place: str, root: Root) -> None:
        alias = self._aliases(place).get(root.sha256)
        if alias is not None:
            must(self._change(place, ["-delete", "-alias", alias]), f"take the CA out of {place}")

    def _change(self, place: str, command: Sequence[str]) -> Result:
        writable = os.access(place, os.W_OK) and os.access(Path(place).parent, os.W_OK)
        why = "" if writable else f"write {place}"
        return self._machine.runner.change([*self._keytool(place), *command], root=why)

    def _aliases(self, place: str) -> dict[str, str]:
        listed = self._machine.runner.run([*self._keytool(place), "-list"])
        must(listed, f"read {place}")
        return {
            entry["hash"].decode().replace(":", ""): entry["alias"].decode()
            for entry in _ENTRY.finditer(listed.stdout.replace(b"\r\n", b"\n"))
        }

    def _keytool(self, place: str) -> list[str]:
        program = self._beside(place) or helper(self._machine, "keytool", PACKAGES)
        return [program, "-J-Duser.language=en", "-keystore", place, "-storepass", PASSWORD]

    def _beside(self, place: str) -> str | None:
        file = "keytool.exe" if self._machine.platform == "win32" else "keytool"
        for home in self._homes():
            if any((home / inside).resolve() == Path(place) for inside in CACERTS):
                for program in (home / "bin" / file, home / "jre/bin" / file):
                    if program.is_file():
                        return str(program)
        return None

    def _homes(self) -> Iterator[Path]:
        if home := self._machine.environ.get("JAVA_HOME"):
            yield Path(home)
        if java := self._machine.runner.which("java"):
            yield Path(java).resolve().parent.parent
        for pattern in HOMES:
            yield from sorted(self._machine.root.glob(pattern.lstrip("/")))
