"""Selects the store that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from secretgate.placeholders import Namer
from secretgate.settings import LOCAL_VAULTS, Settings, SettingsError
from secretgate.stores import Store
from secretgate.stores.sqlite import SQLiteStore


def open_store(settings: Settings, file: Path, namer: Namer, warn: Callable[[str], None]) -> Store:
    """Return the store, which is the SQLite ledger in `file` unless it is shared between machines.

    A server that cannot be reached yet is not an error. Raises SettingsError if the `redis` package
    is missing or the URL is invalid.
    """
    if settings.vault in LOCAL_VAULTS:
        return SQLiteStore(file, settings.remember, warn)
    try:
        from secretgate.stores.redis import RedisStore
    except ImportError:
        raise SettingsError(
            "vault: the redis package is missing: pip install 'secretgate-mitmproxy[redis]'"
        ) from None
    try:
        return RedisStore(
            settings.vault, installation(namer), settings.remember, settings.vault_timeout
        )
    except (ValueError, TypeError):
        # Do not chain: the message may quote the URL, which contains a password.
        raise SettingsError(
            "vault: the URL cannot be read: it must look like redis://:PASSWORD@HOST:PORT/NUMBER, with %XX "
            "for special characters of the password"
        ) from None


def installation(namer: Namer) -> str:
    """Return an id that tells installations with different keys apart without revealing the key."""
    return namer.digest(b"installation").hex()[:12]
