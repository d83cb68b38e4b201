"""`secretgate demo`: what newcomers see first must be true, quick and readable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from secretgate.cli.demo import demo
from secretgate.demo import scene

_RUN = "from secretgate.cli.demo import demo; raise SystemExit(demo())"


def test_it_holds_and_is_quick_and_readable() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        timeout=60,
    )
    shown = done.stdout.decode()
    assert done.returncode == 0, shown
    assert time.monotonic() - started < 15
    assert done.stderr == b""
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "REDACTED<github-pat:" in shown
    assert "It held." in shown


def test_it_is_shown_where_the_terminal_knows_only_ascii() -> None:
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, env=plain, timeout=60)
    assert done.returncode == 0
    assert b"It held." in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_it_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    run = "from secretgate.cli import main; main()"
    # A test run in the background may have been told to ignore it.
    as_usual = partial(signal.signal, number, signal.SIG_DFL)
    started = subprocess.Popen(
        [sys.executable, "-c", run, "demo"],
        preexec_fn=as_usual,  # noqa: PLW1509 - sets one signal
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert eventually(lambda: any(tmp_path.glob("*/tmp"))), "the proxy was not started"
    started.send_signal(number)
    assert started.wait(30) in (128 + number, -number)
    assert [*tmp_path.iterdir()] == []
    assert eventually(lambda: ended(started.pid)), "a process of it is left"


def eventually(holds: Callable[[], bool]) -> bool:
    last = time.monotonic() + 20
    while not holds() and time.monotonic() < last:
        time.sleep(0.02)
    return holds()


def ended(group: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_every_check_passes() -> None:
    outcome = scene.play()
    assert [check.claim for check in outcome.checks if not check.passed] == []
    assert sum(row.secret for row in outcome.rows) == 10
    assert not any(row.sent in row.received for row in outcome.rows if row.secret)


def test_without_the_gate_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scene, "_addon", lambda: None)
    assert demo() == 1
    shown = capsys.readouterr().out
    assert "It did NOT hold" in shown
    assert "GITHUB_TOKEN" in shown


def test_a_proxy_that_does_not_start_is_reported(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    broken = tmp_path_factory.mktemp("broken") / "addon.py"
    broken.write_text("raise SystemError('as the test wants')")
    monkeypatch.setattr(scene, "_addon", lambda: broken)
    assert demo() == 2
    assert "could not be run" in capsys.readouterr().out
