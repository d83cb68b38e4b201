"""Dispatches mitmproxy events only to addons that have a hook for them; adds addons after all others.

mitmproxy invokes each of its about forty addons for each of the eight events of a request, with a
coroutine and a context manager each, and most have no hook for the event. How an addon with a hook
is invoked, and how its exceptions are handled, remains mitmproxy's.
"""

from __future__ import annotations

import functools
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import AddonManager, safecall
from mitmproxy.exceptions import AddonHalt
from mitmproxy.hooks import Hook


def only_who_listens(manager: AddonManager) -> None:
    """Dispatch selectively from now on, until `everybody` is called."""
    manager.trigger_event = functools.partial(_trigger, manager)  # type: ignore[method-assign]


def add_last(addon: Any) -> None:
    """Add an addon of mitmproxy's own, after all others.

    If the script is loaded again, the one that it added before goes.
    """
    manager: AddonManager = ctx.master.addons
    earlier = manager.get(getattr(addon, "name", type(addon).__name__.lower()))
    if earlier is not None:
        manager.remove(earlier)
    manager.add(addon)


def everybody(manager: AddonManager) -> None:
    """Restore mitmproxy's own dispatch."""
    vars(manager).pop("trigger_event", None)


async def _trigger(manager: AddonManager, event: Hook) -> None:
    name = event.name
    for addon in manager.chain:
        if not (hasattr(addon, name) or (hasattr(addon, "addons") and _within(addon, name))):
            continue
        try:
            with safecall():
                await manager.invoke_addon(addon, event)
        except AddonHalt:
            return


def _within(addon: Any, name: str) -> bool:
    """Whether an addon nested in this one, at any depth, has the hook."""
    for inner in addon.addons:
        if hasattr(inner, name) or (hasattr(inner, "addons") and _within(inner, name)):
            return True
    return False
