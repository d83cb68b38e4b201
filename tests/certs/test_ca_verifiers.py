"""A real mitmdump and real clients, which accept a CA only for the hosts that it permits.

They refuse the same proxy with a CA that permits another domain, so a stolen key is useless there.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ca_verifiers import HOST, VERIFIERS, Proxy, curl, openssl, python_strict

from harness.programs import free_port
from secretgate_ca import Authority, ensure_ca, write_bundle

pytestmark = pytest.mark.e2e
DOMAINS = (
    HOST,
    "*.githubcopilot.com",
    "*.openai.azure.com",
    "*-aiplatform.googleapis.com",
    "bedrock-runtime.*.amazonaws.com",
)
MITMDUMP = os.environ.get("SECRETGATE_TEST_MITMDUMP", str(Path(sys.executable).parent / "mitmdump"))


def start(
    authority: Authority, *, leaves: bool, seen: Path = Path(os.devnull)
) -> tuple[subprocess.Popen[bytes], Proxy]:
    port = free_port()
    process = subprocess.Popen(
        [
            MITMDUMP,
            "-q",
            "--listen-host",
            "127.0.0.1",
            "-p",
            str(port),
            "--set",
            f"confdir={authority.confdir}",
            "--set",
            "connection_strategy=lazy",
            "-s",
            str(Path(__file__).with_name("answering_addon.py")),
        ],
        env={
            **os.environ,
            "SECRETGATE_TEST_LEAVES": str(int(leaves)),
            "SECRETGATE_TEST_SEEN": str(seen),
            "PYTHONPATH": str(Path(__file__).parents[2] / "certs"),
        },
        stdout=subprocess.DEVNULL,
    )
    for _ in range(150):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, Proxy(port, authority.ca_cert, write_bundle(authority))
        time.sleep(0.1)
    process.kill()
    raise AssertionError("mitmdump did not start listening")


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Proxy]]:
    """A proxy with a CA that permits the host, one that does not, and one with mitmproxy's leaves.

    The second proxy does what a thief would try: it signs for the host all the same.
    """
    folder = tmp_path_factory.mktemp("cas")
    permits = ensure_ca(folder / "permits", DOMAINS)
    other = ensure_ca(folder / "other", ["other.example"])
    plain = ensure_ca(folder / "plain", DOMAINS)
    started = {
        "permits": start(permits, leaves=True),
        "other": start(other, leaves=False),
        "plain": start(plain, leaves=False),
    }
    yield {name: proxy for name, (_, proxy) in started.items()}
    for process, _ in started.values():
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("verify", VERIFIERS, ids=lambda v: v.__name__)
def test_it_works_with_a_ca_that_permits_the_host_and_refuses_another(
    proxies: dict[str, Proxy], tmp_path: Path, verify: Callable[[Proxy, Path], str]
) -> None:
    for name, expected in (("permits", "accepted"), ("other", "refused")):
        home = tmp_path / name
        home.mkdir()
        assert verify(proxies[name], home) == expected, name


@pytest.mark.parametrize("verify", [curl, openssl, python_strict], ids=lambda v: v.__name__)
def test_plain_mitmdump_works_with_the_folder_too(
    proxies: dict[str, Proxy], tmp_path: Path, verify: Callable[[Proxy, Path], str]
) -> None:
    assert verify(proxies["plain"], tmp_path) == "accepted"


def test_the_leaves_carry_both_key_identifiers(proxies: dict[str, Proxy], tmp_path: Path) -> None:
    command = ["openssl", "s_client", "-proxy", f"127.0.0.1:{proxies['permits'].port}"]
    command += ["-connect", f"{HOST}:443", "-servername", HOST]
    shown = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=30).stdout
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectKeyIdentifier,authorityKeyIdentifier"],
        input=shown,
        capture_output=True,
        check=True,
    ).stdout
    assert b"Subject Key Identifier" in text
    assert b"Authority Key Identifier" in text
