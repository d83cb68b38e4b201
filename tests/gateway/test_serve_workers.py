"""`secretgate serve --workers`: several processes from one command, on one port or one each."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.command import CLI, environment, secretgate
from harness.corporate import CorporateProxy
from harness.post import MESSAGES, ask
from harness.programs import free_port, read
from harness.provider import Provider

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="workers share a port on Linux"),
]


class Supervised:
    """A running command; `said` waits for a line on its standard error."""

    def __init__(
        self, home: Path, upstream: CorporateProxy, trusted: Path, *more: str, **variables: str
    ) -> None:
        self.port, self.health = free_port(), free_port()
        command = [*CLI, "serve", "--port", str(self.port), "--health-port", str(self.health)]
        env = environment(home, HTTPS_PROXY=upstream.url, SSL_CERT_FILE=str(trusted), **variables)
        self.process = subprocess.Popen(
            [*command, *more],
            env=env,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: list[str] = []
        self._read = 0
        self._come = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._come:
                self._lines.append(line)
                self._come.notify_all()

    def said(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """Wait for the next line that matches; return the match."""
        found: list[re.Match[str]] = []

        def has_come() -> bool:
            while self._read < len(self._lines):
                self._read += 1
                match = re.search(pattern, self._lines[self._read - 1])
                if match:
                    found.append(match)
                    return True
            return False

        with self._come:
            assert self._come.wait_for(has_come, timeout), "".join(self._lines)
        return found[0]

    def post(self, user: str = "") -> int:
        """Send a message through the first provider's prefix; return the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            head = {"content-type": "application/json", "x-api-key": "of-the-test"}
            if user:
                head["proxy-authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
            url = f"http://127.0.0.1:{self.port}/anthropic/v1/messages"
            connection.request("POST", url, ask(MESSAGES, "hello"), head)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def upstream(provider: Provider) -> Iterator[CorporateProxy]:
    with CorporateProxy(provider.port) as corporate:
        yield corporate


@contextlib.contextmanager
def serving(
    tmp_path: Path, upstream: CorporateProxy, provider: Provider, *more: str, **variables: str
) -> Iterator[Supervised]:
    made = Supervised(tmp_path, upstream, provider.trusted, "--base-url", *more, **variables)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait(10)


def test_workers_share_a_port_and_one_that_dies_is_started_again(
    tmp_path: Path, upstream: CorporateProxy, provider: Provider
) -> None:
    with serving(tmp_path, upstream, provider, "--workers", "2") as served:
        workers = [int(served.said(r"process (\d+), is on 127")[1]) for _ in range(2)]
        assert len(set(workers)) == 2
        for number in range(2):
            status, body = read(served.health + number, "/readyz")
            assert status == 200
            assert json.loads(body)["ready"] is True
        assert all(served.post() == 200 for _ in range(8))
        os.kill(workers[0], signal.SIGKILL)
        served.said(r"died \(exit code -9\)")
        assert all(served.post() == 200 for _ in range(8))
        again = int(served.said(r"process (\d+), is on 127")[1])
        assert again not in workers
        assert all(served.post() == 200 for _ in range(8))
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(20) == 0
        for worker in (again, workers[1]):
            with pytest.raises(ProcessLookupError):
                os.kill(worker, 0)


def test_all_are_renewed_one_after_the_other_without_a_refusal(
    tmp_path: Path, upstream: CorporateProxy, provider: Provider
) -> None:
    with serving(tmp_path, upstream, provider, "--workers", "2", "--drain", "5") as served:
        before = {int(served.said(r"process (\d+), is on 127")[1]) for _ in range(2)}
        over = threading.Event()
        answers: list[int] = []

        def keep_asking() -> None:
            while not over.is_set():
                # Closing a listener resets the connections in its queue; clients then retry.
                with contextlib.suppress(ConnectionError, http.client.RemoteDisconnected):
                    answers.append(served.post())

        asking = threading.Thread(target=keep_asking)
        asking.start()
        served.process.send_signal(signal.SIGHUP)
        after = {int(served.said(r"process (\d+), is on 127")[1]) for _ in range(2)}
        served.said("all workers have been replaced")
        over.set()
        asking.join(20)
        assert not before & after
        assert len(answers) > 5
        assert set(answers) == {200}


def test_each_has_a_port_of_its_own_where_that_is_asked_for(
    tmp_path: Path, upstream: CorporateProxy, provider: Provider
) -> None:
    with serving(tmp_path, upstream, provider, "--workers", "2", "--own-ports") as served:
        ports = {int(served.said(r"is on 127\.0\.0\.1:(\d+)")[1]) for _ in range(2)}
        assert ports == {served.port, served.port + 1}
        for port in ports:
            assert read(port, "/healthz")[0] == 200


def test_passwords_show_in_no_process_list(
    tmp_path: Path, upstream: CorporateProxy, provider: Provider
) -> None:
    password = "of-the-test-" + base64.b32encode(os.urandom(10)).decode()
    known = {"SECRETGATE_PROXYAUTH": f"somebody:{password}"}
    with serving(tmp_path, upstream, provider, "--workers", "2", **known) as served:
        for _ in range(2):
            served.said(r"is on 127")
        shown = b""
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                shown += each.read_bytes()
        assert b"secretgate.launch.mitm" in shown
        assert password.encode() not in shown
        assert served.post(f"somebody:{password}") == 200
        assert served.post() == 407
        assert read(served.health, "/readyz")[0] == 200


def test_a_second_command_does_not_get_into_the_port(
    tmp_path: Path, upstream: CorporateProxy, provider: Provider
) -> None:
    with serving(tmp_path, upstream, provider, "--workers", "2") as served:
        served.said(r"is on 127")
        env = environment(tmp_path / "other")
        done = secretgate(["serve", "--workers", "2", "--port", str(served.port)], env, tmp_path)
        assert done.returncode == 2
        assert f"cannot listen on 127.0.0.1:{served.port}" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--web",), "leave --workers out"),
        (("--listen", "0.0.0.0"), "without a password"),
        (("--mode", "encrypt"), "encrypt"),
    ],
)
def test_what_cannot_begin_says_why_and_ends(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    command = ["serve", "--workers", "2", "--port", str(free_port()), *options]
    done = secretgate(command, environment(tmp_path), tmp_path)
    assert done.returncode == 2
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_the_workers_end_with_the_command(
    tmp_path: Path, upstream: CorporateProxy, provider: Provider
) -> None:
    with serving(tmp_path, upstream, provider, "--workers", "2") as served:
        workers = [int(served.said(r"process (\d+), is on 127")[1]) for _ in range(2)]
        handles = [os.pidfd_open(worker) for worker in workers]
        served.process.kill()
        served.process.wait(10)
        import select

        for handle in handles:
            assert select.select([handle], [], [], 20)[0], "a worker goes on alone"
            os.close(handle)
