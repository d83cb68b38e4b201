"""What every trust store answers to: where it is on this machine, and check, install, uninstall.

A *store* is a kind (`nss`), a *place* one instance of it (a Firefox profile). Stores know nothing
of each other, run commands only through the machine's runner and look for a root by what it is, not
by a name somebody else could have given to another certificate.
"""

from __future__ import annotations

import enum
import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from secretgate_ca.files import CAError
from secretgate_ca.runner import Result, Runner


class State(enum.Enum):
    TRUSTED = "trusted"
    MISSING = "missing"
    STALE = "stale"
    """An earlier CA of ours is trusted there, the present one is not."""
    UNKNOWN = "unknown"
    """It could not be read; the message says what is needed."""


class StoreError(CAError):
    """A store could not be read or changed; says which, why, and what to do."""


@dataclass(frozen=True)
class Root:
    """A root certificate of ours, with the file it is in."""

    path: Path
    der: bytes = field(repr=False)
    name: str
    """The common name, which is different for every CA that is made."""

    @classmethod
    def of(cls, certificate: x509.Certificate, path: Path) -> Root:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        name = str(common[0].value) if common else "secretgate"
        return cls(path, certificate.public_bytes(Encoding.DER), name)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def sha1(self) -> str:
        """The name some stores give to a certificate; nothing here relies on its strength."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def label(self) -> str:
        """A file name or alias for it."""
        return f"secretgate-{self.sha256[:12].lower()}"


@dataclass(frozen=True)
class Machine:
    """Where a store looks: all that a test replaces."""

    runner: Runner
    home: Path
    environ: Mapping[str, str]
    platform: str = sys.platform
    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """An absolute path of the system, below `root`."""
        return self.root / path.lstrip("/")


class Store(Protocol):
    name: ClassVar[str]

    def __init__(self, machine: Machine) -> None: ...

    def places(self) -> Sequence[str]:
        """The instances on this machine, for people to read; none: there is no such store here."""

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        """The SHA-256 fingerprints of those of `roots` that are trusted there."""

    def install(self, place: str, root: Root) -> None:
        """Make `root` trusted there."""

    def uninstall(self, place: str, root: Root) -> None:
        """Take `root` out of there."""


def must(result: Result, what: str) -> Result:
    """`result`, or an error that says what was being done and what the program answered."""
    if result.code:
        raise StoreError(f"could not {what}: {result.complaint}")
    return result


def helper(machine: Machine, program: str, packages: str) -> str:
    """Where `program` is, or an error that names the package to install."""
    found = machine.runner.which(program)
    if found is None:
        raise StoreError(f"{program} is not installed; it is in {packages}")
    return found


def matching(roots: Iterable[Root], present: Iterable[str]) -> frozenset[str]:
    """The fingerprints of `roots` that are among `present`."""
    return frozenset(root.sha256 for root in roots) & frozenset(present)
