"""`secretgate demo`: what newcomers see first must be true, quick and readable."""

from __future__ import annotations

import os
import subprocess
import sys
import time

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
    assert demo() == 1
    assert "could not be run" in capsys.readouterr().out
