"""The certificate databases of Firefox, and of Chromium on Linux: one per profile, without root.

Firefox installed as snap or flatpak keeps its profiles elsewhere; the table below lists the
folders. On Windows, Firefox reads the system's roots itself and there is no NSS `certutil`, so this
store is not offered there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from secretgate_ca.bundle import parse
from secretgate_ca.stores.base import Machine, Root, helper, matching, must

DATABASE = "cert9.db"
PACKAGES = (
    "libnss3-tools (apt), nss-tools (dnf), nss (pacman), mozilla-nss-tools (zypper), nss (brew)"
)
PROFILES = (
    ".mozilla/firefox/*",
    ".config/mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox/*",
    ".librewolf/*",
    ".var/app/io.gitlab.librewolf-community/.librewolf/*",
    "Library/Application Support/Firefox/Profiles/*",
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    "snap/chromium/current/.local/share/pki/nssdb",
    ".var/app/*/.pki/nssdb",
    ".var/app/*/data/pki/nssdb",
)
"""Globs for folders with a database, relative to the home folder."""
CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "brave-browser",
    "vivaldi",
)
CHROMIUM_DATABASE = ".pki/nssdb"
"""The database that Chromium creates when it needs one, and reads from then on."""


class Nss:
    """The trust store of Firefox and, on Linux, of Chromium and its relatives."""

    name: ClassVar[str] = "nss"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def places(self) -> Sequence[str]:
        if self._machine.platform == "win32":
            return []
        found = [str(folder) for folder in self._folders()]
        chromium = str(self._machine.home / CHROMIUM_DATABASE)
        if chromium not in found and self._needs_chromium_database(found):
            found.append(chromium)
        return found

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        if not (Path(place) / DATABASE).exists():
            return frozenset()
        trusted = (root for root in roots if self._trusted(place, root))
        held = (der for root in trusted for der in self._certificates(place, root.name))
        return matching(roots, (hashlib.sha256(der).hexdigest().upper() for der in held))

    def install(self, place: str, root: Root) -> None:
        change = self._machine.runner.change
        what = f"add the CA to {place}"
        program = self._program()
        if not (Path(place) / DATABASE).exists():
            must(change(["mkdir", "-p", "-m", "0700", place]), what)
            must(change([program, "-N", "-d", f"sql:{place}", "--empty-password"]), what)
        command = [program, "-A", "-d", f"sql:{place}", "-t", "C,,", "-n", root.name]
        must(change([*command, "-i", str(root.path)]), what)

    def uninstall(self, place: str, root: Root) -> None:
        if root.der not in self._certificates(place, root.name):
            return
        change = self._machine.runner.change
        command = [self._program(), "-D", "-d", f"sql:{place}", "-n", root.name]
        must(change(command), f"take the CA out of {place}")

    def _trusted(self, place: str, root: Root) -> bool:
        listed = self._machine.runner.run([self._program(), "-L", "-d", f"sql:{place}"])
        must(listed, f"read the certificate database {place}")
        for line in listed.stdout.decode(errors="replace").splitlines():
            name, _, flags = line.rstrip().rpartition(" ")
            if name.strip() == root.name:
                return "C" in flags.split(",")[0]
        return False

    def _certificates(self, place: str, name: str) -> list[bytes]:
        run = self._machine.runner.run
        return list(
            parse(run([self._program(), "-L", "-d", f"sql:{place}", "-n", name, "-a"]).stdout)
        )

    def _program(self) -> str:
        return helper(self._machine, "certutil", PACKAGES)

    def _folders(self) -> Iterator[Path]:
        for pattern in PROFILES:
            for folder in sorted(self._machine.home.glob(pattern)):
                if (folder / DATABASE).is_file():
                    yield folder

    def _needs_chromium_database(self, found: Sequence[str]) -> bool:
        if not self._machine.platform.startswith("linux"):
            return False
        home = self._machine.home
        has_one = any(place.endswith("pki/nssdb") for place in found)
        return not has_one and home.is_dir() and any(map(self._machine.runner.which, CHROMIUMS))
