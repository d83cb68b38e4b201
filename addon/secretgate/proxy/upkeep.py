"""Background tasks: reload a changed policy, and remove expired data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from secretgate import log
from secretgate.engine import Engine
from secretgate.policy.watching import Watch
from secretgate.settings import SettingsError

_POLICY_PERIOD = 1.0
"""Seconds between checks of the policy files."""
_SWEEP = 60
"""Maximum number of seconds between removals of expired data."""


def start(engine: Callable[[], Engine]) -> list[asyncio.Task[None]]:
    """Start the background tasks and return them, to be cancelled by the caller."""
    work: list[Coroutine[Any, Any, None]] = [_follow_policy(engine), _sweep(engine)]
    return [asyncio.create_task(each) for each in work]


async def _follow_policy(current: Callable[[], Engine]) -> None:
    """Reload the policy when it changes; one that is invalid leaves the old one in force."""
    watch, path = None, ""
    while True:
        engine = current()
        if path != engine.settings.policy:
            path = engine.settings.policy
            watch = Watch(Path(path).expanduser()) if path else None  # noqa: ASYNC240 - reads no file
        try:
            if watch is not None and watch.changed():
                engine.reload_policy(log.logger().warning)
                log.logger().info("policy reloaded", policy=path)
        except SettingsError as error:
            log.logger().error("the policy was not reloaded", reason=str(error))
        except Exception as error:
            log.logger().error("the policy was not reloaded", error=log.where(error))
        await asyncio.sleep(_POLICY_PERIOD)


async def _sweep(current: Callable[[], Engine]) -> None:
    while True:
        await asyncio.sleep(min(_SWEEP, current().settings.remember / 4))
        try:
            current().forget()
        except Exception as error:
            log.logger().error("expired data could not be removed", error=log.where(error))
