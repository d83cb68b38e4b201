"""All trust stores, in the order of installation."""

from __future__ import annotations

from secretgate_ca.stores.anchors import Anchors
from secretgate_ca.stores.base import Machine, Root, State, Store, StoreError
from secretgate_ca.stores.java import Java
from secretgate_ca.stores.macos import Keychain
from secretgate_ca.stores.nss import Nss
from secretgate_ca.stores.windows import WindowsRoot

STORES: tuple[type[Store], ...] = (Anchors, Keychain, WindowsRoot, Nss, Java)
"""The system's store is first: on some systems, others follow it automatically."""

__all__ = ["STORES", "Machine", "Root", "State", "Store", "StoreError"]
