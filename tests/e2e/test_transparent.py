"""mitmproxy's modes for clients that know nothing of the proxy: their packets are led to it.

The tests run in a network of their own, where they may change the rules.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy_rs import wireguard

from harness.model import PLACEHOLDER, echo
from harness.post import MESSAGES, ask
from harness.programs import free_port, installed
from harness.provider import UNCOVERED, Provider
from harness.proxy import Proxy
from secretgate.demo.planted import Maker

INSIDE = "SECRETGATE_TEST_NETWORK"
ADDRESS = "198.51.100.7"
"""Where the providers seem to be (a network for documentation)."""
GATEWAY = "198.51.100.1/24"
INTERFACE = "tun7"
RULE = ("OUTPUT", "-d", ADDRESS, "-p", "tcp", "-j", "REDIRECT")
WG_PORT = 51899
PACKAGES = {"ip": "iproute2", "wg": "wireguard-tools"}
MODES = [
    "transparent",
    *(["tun"] if hasattr(mode_specs, "TunMode") else []),
    "wireguard",
]

inside = pytest.mark.skipif(
    INSIDE not in os.environ, reason="run by the first test, in a network of its own"
)


@pytest.mark.skipif(INSIDE in os.environ, reason="starts what is below")
def test_in_a_network_of_its_own() -> None:
    if shutil.which("unshare") is None or os.geteuid():
        pytest.skip("needs unshare, and root")
    for name in ("iptables", "ip", "wg", "wireguard-go"):
        _program(name)
    pytest_again = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        ["unshare", "--net", *pytest_again, __file__],
        env={**os.environ, INSIDE: "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said
    assert f"{4 * len(MODES) - 1} passed" in said, said


@pytest.fixture(scope="module", params=MODES)
def proxy(
    request: pytest.FixtureRequest,
    provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    """A proxy that gets what is sent to `ADDRESS`: redirected by the kernel, or through an interface."""
    mode = request.param
    run("ip", "link", "set", "lo", "up")
    home = tmp_path_factory.mktemp(mode)
    more = {
        "transparent": "transparent",
        "tun": f"tun:{INTERFACE}",
        "wireguard": f"wireguard@{WG_PORT}",
    }
    first = [] if mode == "transparent" else ["--mode", f"regular@{free_port()}"]
    made = Proxy(provider, home, arguments=[*first, "--mode", more[mode]]).start()
    with LED[mode](made):
        yield made
    made.stop()


@contextlib.contextmanager
def redirected(proxy: Proxy) -> Iterator[None]:
    rule = [*RULE, "--to-ports", str(proxy.port)]
    run("ip", "address", "add", ADDRESS, "dev", "lo")
    run("iptables", "-t", "nat", "-A", *rule)
    yield
    run("iptables", "-t", "nat", "-D", *rule)
    run("ip", "address", "del", ADDRESS, "dev", "lo")


@contextlib.contextmanager
def routed(proxy: Proxy) -> Iterator[None]:
    run("ip", "address", "add", GATEWAY, "dev", INTERFACE)
    run("ip", "link", "set", INTERFACE, "up")
    yield
    run("ip", "link", "set", INTERFACE, "down")


@contextlib.contextmanager
def tunnelled(proxy: Proxy) -> Iterator[None]:
    """Be the WireGuard client for which mitmproxy makes a key."""
    (file,) = proxy.home.rglob("wireguard.conf")
    keys = json.loads(file.read_text())
    settings = file.with_name("client.conf")
    settings.write_text(
        f"[Interface]\nPrivateKey = {keys['client_key']}\n"
        f"[Peer]\nPublicKey = {wireguard.pubkey(keys['server_key'])}\n"
        f"AllowedIPs = 198.51.100.0/24\nEndpoint = 127.0.0.1:{WG_PORT}\n"
    )
    with subprocess.Popen([installed("wireguard-go"), "-f", INTERFACE]) as client:
        while not Path(f"/var/run/wireguard/{INTERFACE}.sock").exists():
            assert client.poll() is None
            time.sleep(0.05)
        run("wg", "setconf", INTERFACE, str(settings))
        run("ip", "address", "add", "10.0.0.1/32", "dev", INTERFACE)
        run("ip", "link", "set", INTERFACE, "up")
        run("ip", "route", "add", "198.51.100.0/24", "dev", INTERFACE)
        yield
        client.terminate()


LED = {"transparent": redirected, "tun": routed, "wireguard": tunnelled}


def run(*command: str) -> None:
    subprocess.run([_program(command[0]), *command[1:]], check=True, timeout=20)


def _program(name: str) -> str:
    return installed(name, PACKAGES.get(name, name))


def post(host: str, context: ssl.SSLContext, path: str, content: bytes) -> tuple[int, bytes]:
    """Connect to the address as if it were the host's."""
    connection = http.client.HTTPSConnection(host, context=context, timeout=20)
    plain = socket.create_connection((ADDRESS, 443), timeout=20)
    connection.sock = context.wrap_socket(plain, server_hostname=host)
    try:
        connection.request("POST", path, content, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@inside
def test_a_secret_is_replaced_and_comes_back(proxy: Proxy, provider: Provider) -> None:
    value = Maker(61).github()
    with provider.manner(script=echo), provider.recording() as received:
        status, content = post(
            MESSAGES[0], proxy.context(), MESSAGES[1], ask(MESSAGES, f"token {value}")
        )
    assert status == 200
    assert PLACEHOLDER.search(received[0].raw.decode())
    assert value.encode() not in received[0].everything
    assert value.encode() in content


@inside
def test_other_hosts_keep_their_own_certificate(proxy: Proxy, provider: Provider) -> None:
    value = Maker(62).github()
    own = ssl.create_default_context(cafile=str(provider.trusted))
    with provider.recording() as received:
        post(UNCOVERED, own, "/v1/messages", ask(MESSAGES, f"token {value}"))
    assert value.encode() in received[0].raw


@inside
def test_without_tls_a_covered_host_is_read_too(proxy: Proxy, provider: Provider) -> None:
    """The proxy answers; nothing reaches the provider as it is."""
    value = Maker(63).github()
    connection = http.client.HTTPConnection(ADDRESS, 80, timeout=20)
    with provider.recording() as received:
        connection.request(
            "POST",
            MESSAGES[1],
            ask(MESSAGES, f"token {value}"),
            {"host": MESSAGES[0], "content-type": "application/json"},
        )
        connection.getresponse().read()
    connection.close()
    assert all(value.encode() not in each.everything for each in received)


@inside
def test_quic_is_refused_so_that_clients_use_tcp(proxy: Proxy, provider: Provider) -> None:
    """Other datagrams arrive. (The kernel redirects TCP only.)"""
    if "transparent" in proxy.arguments:
        pytest.skip("gets no datagrams")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
    ):
        there.bind(("127.0.0.1", provider.port))
        there.settimeout(20)
        for port in (443, 5555):
            here.sendto(b"to port %d" % port, (ADDRESS, port))
        assert there.recv(100) == b"to port 5555"
        there.settimeout(0.5)
        with pytest.raises(TimeoutError):
            there.recv(100)
