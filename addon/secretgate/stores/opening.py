"""Which store the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from secretgate.placeholders import Namer
from secretgate.settings import LOCAL_VAULTS, Settings, SettingsError
from secretgate.stores import Store
from secretgate.stores.sqlite import SQLiteStore


def open_store(settings: Settings, file: Path, namer: Namer, warn: Callable[[str], None]) -> Store:
    """The ledger is in `file` unless the store is shared by machines. A server that does not answer yet
    is no error."""
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
        # The message may quote the URL, which holds a password.
        raise SettingsError("vault: the URL cannot be read; see docs/team-gateway.md") from None


def installation(namer: Namer) -> str:
    """What tells installations with other keys apart, and says nothing about the key."""
    return namer.digest(b"installation").hex()[:12]
