"""What goes on beside the flows: changes of the policy are taken up, and what is past its time is forgotten."""

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
"""Seconds between two looks at the files of the policy."""
_SWEEP = 60
"""Seconds between two looks at what is past its time."""


def start(engine: Callable[[], Engine], forget: Callable[[], None]) -> list[asyncio.Task[None]]:
    work: list[Coroutine[Any, Any, None]] = [_follow_policy(engine), _sweep(engine, forget)]
    return [asyncio.create_task(each) for each in work]


async def _follow_policy(current: Callable[[], Engine]) -> None:
    """A change that cannot be used changes nothing."""
    watch, path = None, ""
    while True:
        engine = current()
        if path != engine.settings.policy:
            path = engine.settings.policy
            watch = Watch(Path(path).expanduser()) if path else None  # noqa: ASYNC240 - reads no file
        try:
            if watch is not None and watch.changed():
                engine.reload_policy()
                log.logger().info("policy reloaded", policy=path)
        except SettingsError as error:
            log.logger().error("the policy stays as it was", reason=str(error))
        except Exception as error:
            log.logger().error("the policy stays as it was", error=log.where(error))
        await asyncio.sleep(_POLICY_PERIOD)


async def _sweep(current: Callable[[], Engine], forget: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(min(_SWEEP, current().settings.remember / 4))
        try:
            forget()
        except Exception as error:
            log.logger().error(
                "what is past its time could not be forgotten", error=log.where(error)
            )
