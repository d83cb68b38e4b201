"""Workers are stopped whenever the signal comes, also while one of them is being started."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import pytest

from secretgate.gateway.workers import Plan, Workers

WORKER = 'import time; print(\'{"ready": [["127.0.0.1", 1]]}\', flush=True); time.sleep(60)'


@pytest.mark.e2e
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
async def test_a_signal_while_a_worker_is_being_started_stops_that_one_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = asyncio.create_subprocess_exec
    started: list[asyncio.subprocess.Process] = []

    async def slowly(*_: str, **options: Any) -> asyncio.subprocess.Process:
        if started:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.2)
        process = await start(sys.executable, "-c", WORKER, **options)
        started.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    workers = Workers(Plan(2, lambda _: [], shared=False, drain=0), lambda _: None)
    assert await asyncio.wait_for(workers.run(), 20) == 0
    assert [process.returncode for process in started] == [-signal.SIGTERM] * 2
