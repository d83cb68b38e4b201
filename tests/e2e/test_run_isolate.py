"""`secretgate run --isolate`: the command can reach the proxy and nothing else."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.command import ASK, MESSAGES, environment, secretgate
from harness.corporate import CorporateProxy
from harness.provider import Provider
from harness.secrets import Planted
from secretgate.launch.isolation import IsolationError, isolation, profile

linux = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

PAST = """
import os, socket, sys
def tried(what):
    try: what()
    except OSError as error: return type(error).__name__
    return "REACHED"
for host, port in [tuple(each.rsplit(":", 1)) for each in sys.argv[1:]]:
    print(tried(lambda: socket.create_connection((host, int(port)), 3)))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(tried(lambda: udp.sendto(b"x", ("192.0.2.1", 53))))
print([name for _, name in socket.if_nameindex()])
print(os.getuid(), open("/proc/self/status").read().split("CapEff:")[1].split()[0])
"""


@pytest.fixture
def env(tmp_path: Path, provider: Provider) -> Iterator[dict[str, str]]:
    with CorporateProxy(provider.port) as corporate:
        yield environment(tmp_path, HTTPS_PROXY=corporate.url, SSL_CERT_FILE=str(provider.trusted))


@pytest.fixture
def run(tmp_path: Path, env: dict[str, str]) -> Callable:
    def start(*command: str, **changes: str):
        return secretgate(["run", "--isolate", "--", *command], {**env, **changes}, tmp_path)

    probe = start("true")
    if probe.returncode == 2 and "cannot be done here" in probe.stderr:
        pytest.skip(probe.stderr)
    return start


@linux
def test_the_proxy_is_reached(run: Callable, provider: Provider, planted: Planted) -> None:
    token = planted.values["GITHUB_TOKEN"]
    with provider.recording() as arrived:
        done = run(sys.executable, "-c", ASK, MESSAGES, f"keep {planted.env}")
    assert done.returncode == 0, done.stderr
    assert token not in arrived[0].raw.decode()
    assert token in done.stdout
    assert "secrets redacted" in done.stderr


@linux
def test_nothing_else_is_reached(run: Callable, provider: Provider) -> None:
    """Neither this machine's loopback nor another host, by TCP or UDP."""
    with socket.create_server(("127.0.0.1", 0)) as server, provider.recording() as arrived:
        server.settimeout(0.1)
        here = f"127.0.0.1:{server.getsockname()[1]}"
        done = run(sys.executable, "-c", PAST, here, f"127.0.0.1:{provider.port}", "192.0.2.1:443")
        with pytest.raises(TimeoutError):
            server.accept()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:4] == ["ConnectionRefusedError", "ConnectionRefusedError", "OSError", "OSError"]
    assert lines[4] == "['lo']"
    assert lines[5].split()[0] == str(os.getuid())
    if os.getuid():
        assert int(lines[5].split()[1], 16) == 0
    assert not arrived


@linux
def test_it_does_not_turn_to_the_network_when_the_variables_are_gone(
    run: Callable, provider: Provider
) -> None:
    script = 'unset $(env | grep -i proxy | cut -d= -f1); exec "$0" "$@"'
    with provider.recording() as arrived:
        done = run("sh", "-c", script, sys.executable, "-c", ASK, MESSAGES, "hello")
    assert done.returncode == 1
    assert not arrived


@linux
@pytest.mark.parametrize("code", [0, 9])
def test_exit_codes_and_arguments_pass(run: Callable, code: int) -> None:
    done = run("sh", "-c", 'printf "%s|" "$@"; exit ' + str(code), "x", "a b", "", "--", "-P")
    assert (done.stdout, done.returncode) == ("a b||--|-P|", code)


@linux
def test_where_namespaces_are_forbidden_the_run_is_refused(
    env: dict[str, str], tmp_path: Path
) -> None:
    """An `unshare` that fails, as if an administrator forbids it: the command does not run."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes\n"
        "class Libc:\n"
        "    def unshare(self, flags): ctypes.set_errno(1); return -1\n"
        "real = ctypes.CDLL\n"
        "ctypes.CDLL = lambda name, **more: Libc() if name is None else real(name, **more)\n"
    )
    path = f"{tmp_path}{os.pathsep}{env.get('PYTHONPATH', '')}"
    done = secretgate(
        ["run", "--isolate", "--", "echo", "ran"], {**env, "PYTHONPATH": path}, tmp_path
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--isolate: not possible here (unshare: Operation not permitted)" in done.stderr


def test_elsewhere_it_is_refused() -> None:
    with pytest.raises(IsolationError, match="not supported on win32"):
        isolation("127.0.0.1", 1, "win32")


def test_the_sandbox_of_macos_names_the_proxys_port() -> None:
    text = profile(4711)
    assert text.count("(") == text.count(")")
    assert '(deny network-outbound)(allow network-outbound (remote ip "localhost:4711"))' in text
