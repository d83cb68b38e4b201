"""What `secretgate serve` tells its user, and what it gives each worker."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.addons import proxyauth
from mitmproxy.tools import main
from typer.testing import CliRunner

from harness.command import environment
from secretgate.base_urls import chosen
from secretgate.cli import app
from secretgate.gateway.workers import WorkersError
from secretgate.hosts import Hosts
from secretgate.launch.directory import check
from secretgate.launch.plan import Plan, Wishes
from secretgate.launch.serving import Gateway, Serving
from secretgate.settings import Settings


def serving(listen: str = "127.0.0.1", **gateway: Any) -> Serving:
    given = {"workers": 1, "own_ports": False, "health_port": 0, "drain": None, "proxyauth": ""}
    ca: Any = SimpleNamespace(ca_cert=Path("/ca.pem"))
    return Serving(
        Gateway(first_port=8080, listen=listen, **{**given, **gateway}),
        Wishes(),
        Plan(Settings(), Hosts([]), {}),
        Path("/addon.py"),
        ca,
        Path("/bundle.pem"),
        chosen(["openai", "corp=openai-chat+https://llm.corp.example/v1"]),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("10.1.2.3", "http://10.1.2.3:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_the_hints_name_an_address_that_tools_can_use(listen: str, url: str) -> None:
    lines = [line.strip() for line in serving(listen).hints(web=False).splitlines()]
    assert f"export HTTPS_PROXY={url} HTTP_PROXY={url}" in lines
    assert f"export OPENAI_BASE_URL={url}/openai" in lines
    assert f"{url}/corp" in lines


def test_the_hints_have_a_place_for_the_password_that_is_asked_for() -> None:
    lines = [line.strip() for line in serving(proxyauth="jo:of-the-test").hints(False).splitlines()]
    url = "http://USER:PASSWORD@127.0.0.1:8080"
    assert f"export HTTPS_PROXY={url} HTTP_PROXY={url}" in lines
    assert "of-the-test" not in "".join(lines)


def test_workers_get_ports_of_their_own_if_wanted() -> None:
    one = serving(workers=3, own_ports=True, health_port=9080)
    for number in range(3):
        arguments = one.arguments(number)
        assert str(8080 + number) in arguments[arguments.index("--listen-port") + 1 :][:1]
        assert f"secretgate_health=127.0.0.1:{9080 + number}" in arguments
        assert "secretgate_drain=30" in arguments


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_an_address_that_this_machine_has_not_is_told_as_such(address: str) -> None:
    with pytest.raises(WorkersError, match="choose another address with --listen"):
        serving(address).gateway.kept()


def test_ports_that_are_taken_are_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            WorkersError, match=f":{port}: .*choose another port with --health-port"
        ):
            serving(health_port=port).gateway.kept()
    for given in ({}, {"workers": 2, "own_ports": True}, {"workers": 3}):
        gateway = serving(health_port=8080, **given).gateway
        with pytest.raises(WorkersError, match="both lead to port 8080"):
            gateway.kept()
    with pytest.raises(WorkersError, match="both lead to port 8081"):
        serving(workers=2, own_ports=True, health_port=8081).gateway.kept()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "users: there is no such file"),
        pytest.param(
            "alice:$apr1$" + "x" * 31,
            "users: only lines of `htpasswd -B`",
            marks=pytest.mark.skipif(
                not hasattr(proxyauth, "htpasswd"), reason="mitmproxy 11 reads such hashes too"
            ),
        ),
        ("alice", "users: only lines of `htpasswd -B`"),
    ],
)
def test_why_a_file_of_users_cannot_be_used_is_told(
    tmp_path: Path, written: str | None, said: str
) -> None:
    if written is not None:
        (tmp_path / "users").write_text(written)
    with pytest.raises(WorkersError, match=re.escape(said)) as error:
        check(f"@{tmp_path / 'users'}")
    assert "apr1" not in str(error.value)


def test_users_that_can_be_told_by_their_passwords(tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"# ours\nalice:{{SHA}}{'A' * 27}=\n")
    for users in (f"@{tmp_path / 'users'}", "alice:pass", "any", ""):
        check(users)
    for users in ("alice", "alice:pa:ss"):
        with pytest.raises(WorkersError, match="expected USER:PASSWORD") as error:
            check(users)
        assert "pa:ss" not in str(error.value)


@pytest.mark.parametrize("command", ["status", "doctor"])
@pytest.mark.parametrize("port", ["-5", "0", "65536"])
def test_a_port_that_none_can_have_is_refused(command: str, port: str) -> None:
    assert CliRunner().invoke(app, [command, "--port", port]).exit_code == 2


@pytest.mark.parametrize(("option", "verbosity"), [((), "warn"), (("--web",), "info")])
def test_mitmweb_may_log_the_address_that_opens_it(
    option: tuple[str, ...], verbosity: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    monkeypatch.setattr(main, "mitmweb" if option else "mitmdump", given.extend)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words = ["serve", "--port", port, *option]
    done = CliRunner().invoke(app, words, env=environment(tmp_path), prog_name="secretgate")
    assert done.exit_code == 0, done.stderr
    assert f"termlog_verbosity={verbosity}" in given


def test_what_mitmproxy_logs_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[bool] = []
    monkeypatch.setattr(main, "mitmdump", lambda _: at_once.append(sys.stdout.line_buffering))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    CliRunner().invoke(app, ["serve", "--port", port], env=environment(tmp_path))
    assert at_once == [True]
