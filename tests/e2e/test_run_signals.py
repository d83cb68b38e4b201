"""`secretgate run`: signals, the terminal, and what happens when the proxy or we are killed."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.command import ASK, CLI, MESSAGES, secretgate
from harness.provider import Provider

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and terminals")


def started(env: dict[str, str], cwd: Path, *command: str, **options: object):
    return subprocess.Popen(
        [*CLI, "run", "--verbose", "--", *command],
        env=env,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_if_the_proxy_dies_the_connections_fail(
    env: dict[str, str], provider: Provider, tmp_path: Path
) -> None:
    """The command kills its proxy, then sends requests; nothing arrives, not even directly."""
    kill = f"""
import os, signal, subprocess, time
listing = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout
(pid,) = [int(line.split()[0]) for line in listing.splitlines()
          if "-m secretgate.launch" + ".mitm" in line and line.split()[1] == str(os.getppid())]
os.kill(pid, signal.SIGKILL)
while os.path.exists(f"/proc/{{pid}}/exe"): time.sleep(0.01)
{ASK}"""
    with provider.recording() as arrived:
        done = secretgate(
            ["run", "--", sys.executable, "-c", kill, MESSAGES, "hello"], env, tmp_path
        )
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
    assert not arrived
    assert "the proxy ended before the command did" in done.stderr


def test_if_we_are_killed_the_proxy_ends(env: dict[str, str], tmp_path: Path) -> None:
    process = started(env, tmp_path, "sleep", "30", process_group=0)
    assert process.stderr
    port = int(re.search(r"127\.0\.0\.1:(\d+)", process.stderr.readline())[1])  # type: ignore[index]
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    deadline = time.monotonic() + 10
    while listening(port):
        assert time.monotonic() < deadline, "the proxy lives on"
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def heeded(name: str) -> Iterator[None]:
    """A signal that the tests inherited as ignored (`nohup`) is ignored by child processes too."""
    number = getattr(signal, name)
    before = signal.getsignal(number)
    if before == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
    yield
    signal.signal(number, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT"])
def test_a_signal_sent_to_us_reaches_the_command(
    env: dict[str, str], tmp_path: Path, name: str
) -> None:
    script = f"trap 'echo got it; exit 7' {name[3:]}; echo ready; while :; do sleep 0.05; done"
    process = started(env, tmp_path, "sh", "-c", script, start_new_session=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(getattr(signal, name))
    out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == ("got it\n", 7)


def test_the_terminal_is_the_commands(env: dict[str, str], tmp_path: Path) -> None:
    """With a real terminal, Ctrl-C reaches the command once, the proxy survives, no log is shown."""
    child = f"""
import json, os, signal, sys, time, urllib.request
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print(json.dumps([os.isatty(n) for n in (0, 1, 2)]), flush=True)
print("ready", flush=True)
while not seen: time.sleep(0.02)
time.sleep(0.3)
sys.argv[1:] = [{MESSAGES!r}, "hello"]
{ASK}
print("interrupts", len(seen), flush=True)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execvpe(CLI[0], [*CLI, "run", "--", sys.executable, "-c", child], env)
    shown = b""
    while b"ready" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    text = shown.decode()
    assert os.waitstatus_to_exitcode(status) == 0, text
    lines = [line for line in text.replace("^C", "").splitlines() if line]
    assert json.loads(lines[0]) == [True, True, True]
    assert lines[1] == "ready"
    assert lines[-2] == "interrupts 1"
    assert lines[-1].startswith("secretgate: 1 request")
    assert len(lines) == 5
