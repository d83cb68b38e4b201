"""The files that secretgate keeps, and the key from which its placeholders and digests are derived.

Everything is located in two platform folders (configuration and state), or in `SECRETGATE_HOME`
alone if that is set. Folders have mode 0700 and files 0600.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

KEY_BYTES = 32
_MOST_TEMPLATES = 8
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_OWN = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


class StateError(Exception):
    """A file on disk is not in the required state; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one installation."""

    config: Path
    state: Path

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> Places:
        if home := environment.get("SECRETGATE_HOME"):
            # Programs in other folders are told of these files too.
            folder = Path(os.path.expanduser(home)).absolute()  # noqa: PTH111 - Path's fails
            return cls(folder, folder)
        return cls(
            Path(platformdirs.user_config_dir("secretgate", appauthor=False)),
            Path(platformdirs.user_state_dir("secretgate", appauthor=False)),
        )

    @property
    def settings(self) -> Path:
        return self.config / "secretgate.yaml"

    @property
    def ca(self) -> Path:
        return self.config / "ca"

    @property
    def key(self) -> Path:
        return self.config / "placeholder.key"

    @property
    def ledger(self) -> Path:
        return self.state / "ledger.sqlite3"

    @property
    def templates(self) -> Path:
        return self.state / "placeholders.json"

    @property
    def logs(self) -> Path:
        return self.state / "logs"


def private_folder(folder: Path) -> Path:
    """Create a folder that only its owner can access, like those above it that are missing.

    An existing one that others can read is closed to them; one that they could have written to is
    rejected. Raises `StateError`.
    """
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{folder} cannot be created: {error.strerror}; set SECRETGATE_HOME, or the setting that "
            "names this folder, to another one"
        ) from None
    facts = folder.stat()
    _check_private(folder, facts, 0o022, "chmod 700")
    if os.name == "posix" and stat.S_IMODE(facts.st_mode) & 0o055:
        try:
            folder.chmod(0o700)
        except OSError as error:
            raise StateError(
                f"{folder} can be read by others and cannot be closed: {error.strerror}"
            ) from None
    return folder


def _check_private(path: Path, facts: os.stat_result, forbidden: int, remedy: str) -> None:
    if os.name != "posix":
        return
    if facts.st_uid != os.geteuid():
        raise StateError(
            f"{path} belongs to another user: run this as that user, or set SECRETGATE_HOME to a folder "
            "of your own"
        )
    if stat.S_IMODE(facts.st_mode) & forbidden:
        raise StateError(f"{path} is open to other users: run `{remedy} '{path}'`")


def private_file(path: Path, flags: int) -> int:
    """Open a file that only its owner can access, and return the descriptor.

    An existing one that others can read is closed to them; a link, anything but a regular file, and
    a file that others could have written to are rejected. Raises `StateError`.
    """
    try:
        descriptor = os.open(path, flags | _OWN, 0o600)
    except OSError:
        if path.is_symlink():
            raise StateError(
                f"{path} is a link, and links are not followed: put the file itself there, or remove the link"
            ) from None
        raise
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise StateError(f"{path} is not a regular file: move it away")
        _check_private(path, facts, 0o022, "chmod 600")
        if os.name == "posix" and stat.S_IMODE(facts.st_mode) & 0o055:
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def load_key(path: Path) -> bytes:
    """Return the installation's key: 32 random bytes, generated on the first run."""
    private_folder(path.parent)
    while True:
        try:
            descriptor = os.open(path, _READ)
        except FileNotFoundError:
            try:
                _make_key(path)
            except OSError as error:
                raise StateError(
                    f"{path} cannot be created: {error.strerror}; set SECRETGATE_HOME to another folder"
                ) from None
            continue
        except OSError as error:
            raise StateError(f"{path} cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StateError(f"{path} is not a regular file: move it away to get a new key")
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            _check_private(path, facts, 0o077, "chmod 600")
            key = file.read(KEY_BYTES + 1)
        if len(key) != KEY_BYTES:
            raise StateError(
                f"{path} is not a key of {KEY_BYTES} bytes: delete it to get a new one "
                "(placeholders of running conversations change with it)"
            )
        return key


def former_templates(path: Path, template: str, default: str) -> list[str]:
    """Return the templates of placeholders that were in force before, the latest first.

    They are kept in a file, which exists once the template is not the `default`. Raises
    `StateError` if others could have written to it.
    """
    kept: list[str] = []
    with (
        contextlib.suppress(OSError, msgspec.MsgspecError),
        os.fdopen(private_file(path, os.O_RDONLY), "rb") as file,
    ):
        kept = msgspec.json.decode(file.read(), type=list[str])
    used = list(dict.fromkeys((template, *kept, default)))[:_MOST_TEMPLATES]
    if used not in (kept, [default]):
        # If it cannot be written, they are recognised until the next start.
        with contextlib.suppress(OSError, StateError):
            private_folder(path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(private_file(path, flags), "wb") as file:
                file.write(msgspec.json.encode(used))
    return used[1:]


def _make_key(path: Path) -> None:
    """Write a new key atomically, without replacing one that another worker has just written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
