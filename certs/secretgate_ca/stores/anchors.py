"""The system-wide anchors on Linux: one row per family, as they differ only in paths and commands."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from secretgate_ca.bundle import parse
from secretgate_ca.stores.base import Machine, Root, helper, matching, must


@dataclass(frozen=True)
class Family:
    title: str
    anchors: str
    """The folder for certificates added by an administrator; its presence identifies the family."""
    suffix: str
    update: tuple[str, ...]
    bundle: str
    """The file that `update` writes and programs read."""
    package: str
    clear: tuple[str, ...] = ()
    """The command after a removal, for systems where `update` would leave dangling links."""


FAMILIES = (
    Family(
        "Red Hat, Fedora",
        "/etc/pki/ca-trust/source/anchors",
        ".pem",
        ("update-ca-trust", "extract"),
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "the package ca-certificates (dnf install ca-certificates)",
    ),
    Family(
        "Arch",
        "/etc/ca-certificates/trust-source/anchors",
        ".crt",
        ("trust", "extract-compat"),
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
        "the package p11-kit (pacman -S p11-kit ca-certificates-utils)",
    ),
    Family(
        "SUSE",
        "/etc/pki/trust/anchors",
        ".pem",
        ("update-ca-certificates",),
        "/var/lib/ca-certificates/ca-bundle.pem",
        "the package ca-certificates (zypper install ca-certificates)",
    ),
    Family(
        "Debian, Ubuntu, Alpine",
        "/usr/local/share/ca-certificates",
        ".crt",
        ("update-ca-certificates",),
        "/etc/ssl/certs/ca-certificates.crt",
        "the package ca-certificates (apt install ca-certificates, apk add ca-certificates)",
        clear=("update-ca-certificates", "--fresh"),
    ),
)
"""In order of precedence: the first family whose anchor folder exists is the system's."""


class Anchors:
    """The trust store of curl, git, Go, Python's `ssl` and most daemons on Linux."""

    name: ClassVar[str] = "system"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def places(self) -> Sequence[str]:
        family = self._family()
        return [f"{family.title}: {family.bundle}"] if family else []

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        family = self._present()
        try:
            pem = self._machine.at(family.bundle).read_bytes()
        except OSError:
            return frozenset()
        return matching(roots, (hashlib.sha256(der).hexdigest().upper() for der in parse(pem)))

    def install(self, place: str, root: Root) -> None:
        family = self._present()
        target = self._machine.at(family.anchors) / (root.label + family.suffix)
        update = self._update(family)
        change = self._machine.runner.change
        why = "add the CA to the system's trust store"
        must(change(["install", "-m", "0644", str(root.path), str(target)], root=why), why)
        must(change(update, root=why), why)

    def uninstall(self, place: str, root: Root) -> None:
        family = self._present()
        files = [str(file) for file in self._files(family, root)]
        update = self._update(family, family.clear)
        change = self._machine.runner.change
        why = "take the CA out of the system's trust store"
        if files:
            must(change(["rm", "-f", *files], root=why), why)
        must(change(update, root=why), why)

    def _update(self, family: Family, command: Sequence[str] = ()) -> list[str]:
        program, *rest = command or family.update
        return [helper(self._machine, program, family.package), *rest]

    def _family(self) -> Family | None:
        if not self._machine.platform.startswith("linux"):
            return None
        return next((f for f in FAMILIES if self._machine.at(f.anchors).is_dir()), None)

    def _present(self) -> Family:
        family = self._family()
        if family is None:
            raise LookupError("this trust store does not exist on this machine")
        return family

    def _files(self, family: Family, root: Root) -> list[Path]:
        found = []
        for file in sorted(self._machine.at(family.anchors).glob("*" + family.suffix)):
            try:
                held = list(parse(file.read_bytes()))
            except OSError:
                continue
            if held == [root.der]:
                found.append(file)
        return found
