"""Others on the network or the machine: what they can reach, read and replace."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from mitmproxy import connection, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.addons import proxyauth, proxyserver
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons, tflow

from harness.fixtures import Launch
from harness.post import MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted
from harness.wires import Access
from secretgate import gate
from secretgate.demo.process import Failed
from secretgate.gate import Gate
from secretgate.launch.proxy import OwnProxy
from secretgate.proxy import access, options
from secretgate.settings import Settings
from secretgate.state import Places, StateError, load_key, private_folder

SEALED = Path(__file__).with_name("sealed_addon.py")
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")


def own_address() -> str | None:
    """Return an address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        address: str = probe.getsockname()[0]
        return None if address.startswith("127.") else address
    return None


@pytest.fixture
def context() -> taddons.context:
    return taddons.context(proxyserver.Proxyserver(), proxyauth.ProxyAuth())


OPEN = {
    "all addresses": {"listen_host": "0.0.0.0"},
    "all IPv6 addresses": {"listen_host": "::"},
    "one of them": {"listen_host": "192.0.2.7"},
    "a name": {"listen_host": "proxy.corp.example"},
    "in the mode": {"mode": ["regular@0.0.0.0:8080"]},
    "one mode of two": {"mode": ["regular@127.0.0.1:8080", "socks5@0.0.0.0:1080"]},
}


@pytest.mark.parametrize("how", OPEN)
def test_it_does_not_become_an_open_proxy(how: str, context: taddons.context) -> None:
    with context:
        context.options.update(**OPEN[how])
        with pytest.raises(exceptions.OptionsError, match="without a password"):
            access.check(context.options, ())
        access.check(context.options, ["10.0.0.0/8"])
        context.options.update(proxyauth="any")
        with pytest.raises(exceptions.OptionsError, match="not `any`"):
            access.check(context.options, ())
        context.options.update(proxyauth="user:word")
        access.check(context.options, ())


@pytest.mark.parametrize("host", ["", "127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback_needs_no_password(host: str, context: taddons.context) -> None:
    with context:
        context.options.update(listen_host=host)
        access.check(context.options, ())


PEERS = {
    ("127.0.0.1", ()): True,
    ("::1", ()): True,
    ("::ffff:127.0.0.1", ()): True,
    ("10.1.2.3", ()): False,
    ("fe80::1%eth0", ()): False,
    ("::ffff:10.1.2.3", ()): False,
    ("", ()): False,
    ("10.1.2.3", ("10.0.0.0/8",)): True,
    ("::ffff:10.1.2.3", ("10.0.0.0/8",)): True,
    ("11.1.2.3", ("10.0.0.0/8",)): False,
    ("fd00::5", ("10.0.0.0/8", "fd00::/8")): True,
    ("11.1.2.3", ("all",)): True,
}


@pytest.mark.parametrize(("peer", "clients"), PEERS, ids=str)
def test_who_is_admitted(peer: str, clients: tuple[str, ...], context: taddons.context) -> None:
    client: connection.Client = tflow.tclient_conn()
    client.peername, client.sockname = (peer, 1234), ("192.0.2.7", 8080)
    client.proxy_mode = mode_specs.ProxyMode.parse("regular")
    with context:
        assert access.admits(client, clients) is PEERS[peer, clients]
        context.options.update(proxyauth="user:word")
        assert access.admits(client, clients)


@pytest.mark.parametrize(("mode", "admitted"), [("transparent", True), ("regular", False)])
def test_what_this_machine_redirects_to_itself_is_admitted(
    mode: str, admitted: bool, context: taddons.context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from the machine's own address, and seems to arrive where it was sent to."""
    monkeypatch.setattr(access, "_of_this_machine", lambda address: str(address) == "192.0.2.8")
    client: connection.Client = tflow.tclient_conn()
    client.peername, client.sockname = ("192.0.2.8", 1234), ("198.51.100.7", 443)
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    with context:
        assert access.admits(client, ()) is admitted
        client.peername = ("192.0.2.9", 1234)
        assert not access.admits(client, ())


@pytest.mark.parametrize(
    ("mode", "protocol", "port", "refused"),
    [
        ("local", "udp", 443, True),
        ("wireguard", "udp", 443, True),
        ("wireguard", "udp", 53, False),
        ("wireguard", "tcp", 443, False),
        ("reverse:http3://192.0.2.1", "udp", 443, False),
    ],
)
def test_quic_that_was_captured_is_refused(
    mode: str, protocol: str, port: int, refused: bool, context: taddons.context
) -> None:
    client: connection.Client = tflow.tclient_conn()
    client.peername, client.sockname = ("127.0.0.1", 1234), ("198.51.100.7", port)
    client.proxy_mode = mode_specs.ProxyMode.parse(mode)
    client.transport_protocol = protocol
    with context:
        access.turn_away(client, ())
    assert bool(client.error) is refused


@pytest.mark.e2e
def test_a_proxy_that_would_be_open_does_not_start(launch: Launch) -> None:
    with pytest.raises(Failed, match="without a password"):
        launch(options={"listen_host": "0.0.0.0"})


def test_a_machine_that_is_no_client_gets_nothing(
    context: taddons.context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client: connection.Client = tflow.tclient_conn()
    client.peername, client.sockname = ("10.1.2.3", 1234), ("192.0.2.7", 8080)
    client.proxy_mode = mode_specs.ProxyMode.parse("regular")
    settings = SimpleNamespace(settings=Settings())
    monkeypatch.setattr(Gate, "engine", lambda gate: settings)
    with context:
        Gate().client_connected(client)
    assert client.error
    said = capsys.readouterr()
    assert "proxyauth" in said.out + said.err


@pytest.mark.e2e
def test_a_password_is_asked_for(launch: Launch, provider: Provider) -> None:
    proxy = launch(options={"listen_host": "0.0.0.0", "proxyauth": "user:word"})
    poster = Poster(Access.through(proxy), provider)
    with provider.recording() as arrived, pytest.raises(httpx.ProxyError, match="407"):
        poster.post(MESSAGES, ask(MESSAGES, "hello"))
    assert arrived == []


@pytest.mark.e2e
def test_without_being_told_it_listens_on_loopback(proxy: Proxy) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has loopback only")
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((address, proxy.port), timeout=2)


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_the_process_cannot_be_dumped_and_shows_nothing(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    proxy = launch(arguments=["-s", str(SEALED)])
    Poster(Access.through(proxy), provider).post(MESSAGES, ask(MESSAGES, planted.env))
    with httpx.Client(proxy=proxy.url, trust_env=False, timeout=60) as client:
        assert client.get("http://sealed.test/").text == "0"
    folder = Path("/proc") / str(proxy.pid)
    limits = (folder / "limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    # A process that is not dumpable belongs to root, so no process of the same user may attach.
    assert (folder / "mem").stat().st_uid == 0
    command = (folder / "cmdline").read_bytes()
    assert command
    assert not [name for name, value in planted.secrets.items() if value.encode() in command]


def test_it_is_sealed_before_any_setting_is_read(
    context: taddons.context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files with known values are read together with the settings."""
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path))
    order: list[str] = []
    loading = options.load

    def loaded(*arguments: Any, **named: Any) -> Settings:
        order.append("settings")
        return loading(*arguments, **named)

    monkeypatch.setattr(gate, "seal_process", lambda: order.append("sealed"))
    monkeypatch.setattr(options, "load", loaded)
    with context:
        Gate().load(Loader(context.master))
    assert order[0] == "sealed"
    assert "settings" in order


@POSIX
@pytest.mark.e2e
def test_what_is_kept_is_its_owners_alone(proxy: Proxy, poster: Poster, planted: Planted) -> None:
    poster.post(MESSAGES, ask(MESSAGES, planted.env))
    kept = Places.find({"SECRETGATE_HOME": str(proxy.home / "secretgate")})
    assert kept.key.exists()
    assert kept.ledger.exists()
    assert [path for path in kept.ca.iterdir() if b"PRIVATE" in path.read_bytes()]
    for path in [kept.config, *kept.config.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        certificates = "ca" in path.parts and path.is_file() and b"PRIVATE" not in path.read_bytes()
        if not certificates:
            assert mode & 0o077 == 0, path


@POSIX
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o705])
def test_a_folder_that_others_can_read_is_closed(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(mode)
    private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_could_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StateError, match="chmod 700"):
        load_key(folder / "placeholder.key")


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "home" / "placeholder.key"
    load_key(key)
    key.chmod(mode)
    with pytest.raises(StateError, match="chmod 600"):
        load_key(key)


@POSIX
def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"x" * 32)
    elsewhere.chmod(0o600)
    home = private_folder(tmp_path / "home")
    (home / "placeholder.key").symlink_to(elsewhere)
    with pytest.raises(StateError, match="cannot be read"):
        load_key(home / "placeholder.key")
    (home / "dangling.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StateError):
        load_key(home / "dangling.key")
    assert not (tmp_path / "nowhere").exists()


@POSIX
@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a socket"])
def test_what_is_no_file_is_no_key(tmp_path: Path, kind: str) -> None:
    key = private_folder(tmp_path / "home") / "placeholder.key"
    with contextlib.ExitStack() as stack:
        if kind == "a pipe":
            os.mkfifo(key, 0o600)
        elif kind == "a folder":
            key.mkdir(0o700)
        else:
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            os.chdir(key.parent)
            listening.bind(key.name)
        with pytest.raises(StateError):
            load_key(key)


@POSIX
def test_a_key_swapped_while_it_is_read_is_judged_by_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced between open and check; the checks are of the open file."""
    key = private_folder(tmp_path / "home") / "placeholder.key"
    bad = tmp_path / "home" / "bad"
    load_key(key)
    good = key.read_bytes()
    bad.write_bytes(b"b" * 32)
    bad.chmod(0o644)
    real = os.open

    def swapping(path: object, *arguments: object) -> int:
        descriptor: int = real(path, *arguments)  # type: ignore[arg-type]
        if path == key:
            bad.replace(key)
        return descriptor

    monkeypatch.setattr("secretgate.state.os.open", swapping)
    assert load_key(key) == good


@pytest.mark.e2e
def test_keys_of_tls_are_written_for_nobody_who_did_not_ask(
    launch: Launch, provider: Provider, tmp_path: Path
) -> None:
    """A browser's variable, inherited, is refused; mitmproxy's own is reported at startup."""
    keys = tmp_path / "keys.log"
    with pytest.raises(Failed, match="SSLKEYLOGFILE is set"):
        launch(environment={"SSLKEYLOGFILE": str(keys)})
    assert not keys.exists()
    proxy = launch(environment={"MITMPROXY_SSLKEYLOGFILE": str(keys)})
    Poster(Access.through(proxy), provider).post(MESSAGES, ask(MESSAGES, "hello"))
    assert b"CLIENT_" in keys.read_bytes()
    assert b"TLS keys are written to a file" in proxy.output


def test_the_proxy_of_one_command_writes_no_keys_of_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, str]] = []

    class Process:
        stdin = None
        stdout = io.BytesIO()

    def started(*_: object, env: dict[str, str], **__: object) -> Process:
        given.append(env)
        return Process()

    monkeypatch.setattr("secretgate.launch.proxy.subprocess.Popen", started)
    OwnProxy.start(tmp_path / "log", {"SSLKEYLOGFILE": "keys", "PATH": "/bin"})
    assert given == [{"PATH": "/bin", "PYTHONUNBUFFERED": "1"}]
