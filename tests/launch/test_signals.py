"""Signals that reach us are forwarded, whenever they arrive and whichever thread gets them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.command import environment
from secretgate.launch import signals
from secretgate.launch.signals import Relay, exit_code, in_foreground

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals"),
]

_COMMAND = "trap 'exit 7' USR1; echo ready; while :; do sleep 0.02; done"


def started() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sh", "-c", _COMMAND], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay()
    with made.catching():
        yield made


def waited(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process as `run` does, in one call; what is not forwarded ends it otherwise."""
    late = threading.Timer(10, process.kill)
    late.start()
    try:
        return exit_code(process.wait())
    finally:
        late.cancel()
        assert process.stdout
        process.stdout.close()


def test_a_signal_that_another_thread_gets_is_forwarded(relay: Relay) -> None:
    def hit_alone() -> None:
        time.sleep(0.3)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    process = started()
    relay.to(process)
    other = threading.Thread(target=hit_alone)
    other.start()
    assert waited(process) == 7
    other.join()


def test_a_signal_before_the_command_is_known_is_forwarded(relay: Relay) -> None:
    process = started()
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.2)
    relay.to(process)
    assert waited(process) == 7


def test_without_a_command_signals_are_forgotten() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with Relay().catching():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) is before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize(("foreground", "forwarded"), [(True, []), (False, [signal.SIGINT])])
def test_what_the_terminal_sends_to_both_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch, foreground: bool, forwarded: list[int]
) -> None:
    monkeypatch.setattr(signals, "in_foreground", lambda: foreground)
    sent: list[int] = []
    relay = Relay()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with relay.catching():
            relay.to(cast("subprocess.Popen[bytes]", SimpleNamespace(send_signal=sent.append)))
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert sent == forwarded


def test_windows_sends_what_keys_cause_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tcgetpgrp", "O_NOCTTY"):
        monkeypatch.delattr(os, name)
    assert in_foreground()


_INTERRUPTED = """
import sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from importlib.metadata import EntryPoint
EntryPoint("secretgate", sys.argv[2], "console_scripts").load()()
"""


@pytest.mark.parametrize("module", ["typer", "secretgate.cli", "secretgate.cli.options"])
def test_an_interrupt_while_it_starts_ends_it_quietly(tmp_path: Path, module: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    entry = project["project"]["scripts"]["secretgate"]
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, module, entry],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
