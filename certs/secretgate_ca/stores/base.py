"""The interface of trust stores: their places on this machine, and check, install and uninstall.

A *store* is a kind of trust store (`nss`), a *place* one instance of it (a Firefox profile). Stores
are independent of each other, run commands only through the machine's runner, and identify a root
by its content, not by a name that another certificate could also have.
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
    """An earlier CA of ours is trusted there, the current one is not."""
    UNKNOWN = "unknown"
    """The store could not be read; the message says what is needed."""


class StoreError(CAError):
    """A store could not be read or changed; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Root:
    """A root certificate of ours, with its file."""

    path: Path
    der: bytes = field(repr=False)
    name: str
    """The common name, which is unique for every CA created."""

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
        """The identifier that some stores use for a certificate; not relied on for security."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def label(self) -> str:
        """The certificate's file name or alias in a store."""
        return f"secretgate-{self.sha256[:12].lower()}"


@dataclass(frozen=True)
class Machine:
    """The environment in which stores look; tests replace it."""

    runner: Runner
    home: Path
    environ: Mapping[str, str]
    platform: str = sys.platform
    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """Return an absolute system path, relocated below `root`."""
        return self.root / path.lstrip("/")


class Store(Protocol):
    name: ClassVar[str]

    def __init__(self, machine: Machine) -> None: ...

    def places(self) -> Sequence[str]:
        """Return the store's instances on this machine for display; empty if it does not exist here."""

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        """Return the SHA-256 fingerprints of those of `roots` that are trusted there."""

    def install(self, place: str, root: Root) -> None:
        """Make `root` trusted there; raise StoreError."""

    def uninstall(self, place: str, root: Root) -> None:
        """Remove `root` from there; raise StoreError."""


def must(result: Result, what: str) -> Result:
    """Return `result`, or raise StoreError with the action and the program's message if it failed."""
    if result.code:
        raise StoreError(f"could not {what}: {result.complaint}")
    return result


def helper(machine: Machine, program: str, packages: str) -> str:
    """Return the path of `program`; raise StoreError with the packages that contain it."""
    found = machine.runner.which(program)
    if found is None:
        raise StoreError(f"{program} is not installed; it is in {packages}")
    return found


def matching(roots: Iterable[Root], present: Iterable[str]) -> frozenset[str]:
    """Return the fingerprints of `roots` that are among `present`."""
    return frozenset(root.sha256 for root in roots) & frozenset(present)
