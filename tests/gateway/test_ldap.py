"""Users of a directory: mitmproxy asks a real LDAP server whether a password is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from harness.directory import Directory
from harness.model import PLACEHOLDER, echo
from harness.post import MESSAGES, RESPONSES, Poster, ask
from harness.programs import installed
from harness.provider import Provider
from harness.proxy import Proxy
from harness.wires import Access
from secretgate.demo.planted import Maker
from secretgate.launch.directory import check

pytestmark = pytest.mark.e2e

_MAKE = Maker(91)
USERS = {name: _MAKE.password() for name in ("alice", "bob")}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    folder = tmp_path_factory.mktemp("directory")
    made = Directory(installed("slapd"), folder, USERS, _MAKE.password())
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def worker(
    directory: Directory, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    made = Proxy(
        provider,
        tmp_path_factory.mktemp("worker"),
        options={"proxyauth": directory.proxyauth("uid")},
    )
    yield made.start()
    made.stop()


def poster(worker: Proxy, provider: Provider, user: str, password: str = "") -> Poster:
    url = f"http://{user}:{password or USERS[user]}@127.0.0.1:{worker.port}"
    return Poster(Access(worker.context, url, None, {}), provider)


def test_each_user_of_the_directory_has_secrets_of_their_own(
    worker: Proxy, provider: Provider
) -> None:
    """Both use one API key; bob knows alice's placeholder and the id of her conversation."""
    value = Maker(92).github()
    with provider.manner(script=echo):
        said = ask(RESPONSES, f"token {value}", store=True)
        hers = poster(worker, provider, "alice").post(RESPONSES, said)
        assert value.encode() not in hers.forwarded.everything
        placeholder = PLACEHOLDER.search(hers.forwarded.raw.decode())
        assert placeholder
        link = json.loads(hers.content)["id"]
        said = ask(RESPONSES, f"what is {placeholder[0]}?", previous_response_id=link)
        for user, expected in (("bob", placeholder[0]), ("alice", value)):
            got = poster(worker, provider, user).post(RESPONSES, said)
            assert got.status == 200
            assert f"what is {expected}?".encode() in got.content, user


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", "wrong"), ("alice", USERS["bob"]), ("*", USERS["alice"]), ("carol", "any")],
)
def test_nobody_else_gets_through(
    worker: Proxy, provider: Provider, user: str, password: str
) -> None:
    with provider.recording() as received, pytest.raises(httpx.ProxyError, match="407"):
        poster(worker, provider, user, password).post(MESSAGES, ask(MESSAGES, "nothing to see"))
    assert received == []


def test_nobody_gets_through_while_the_directory_is_away(
    directory: Directory, worker: Proxy, provider: Provider
) -> None:
    said = ask(MESSAGES, "nothing to see")
    directory.stop()
    try:
        with provider.recording() as received, pytest.raises(httpx.ProxyError, match="407"):
            poster(worker, provider, "alice").post(MESSAGES, said)
        assert received == []
    finally:
        directory.start()
    # mitmproxy does not connect to it again; a new process does.
    worker.stop()
    worker.start()
    assert poster(worker, provider, "alice").post(MESSAGES, said).status == 200


def test_no_password_is_written_down(directory: Directory, worker: Proxy) -> None:
    written = {str(name): content for name, content in worker.written().items()}
    for name, password in (*USERS.items(), (directory.reader, directory.password)):
        holds = [where for where, content in written.items() if password.encode() in content]
        assert holds == [], name


def test_a_directory_that_can_be_asked_is_accepted(directory: Directory) -> None:
    check(directory.proxyauth())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda spec, port: spec.replace("ldap:", "ldapx:"), "expected ldaps:HOST"),
        (lambda spec, port: spec.replace("search_filter_key", "key"), "expected ldaps:HOST"),
        (lambda spec, port: spec.replace(f":{port}:", ":1:"), "cannot be asked"),
        (lambda spec, port: spec.replace("cn=reader", "cn=nobody"), "refuses cn=nobody"),
    ],
)
def test_serve_says_what_is_wrong_with_a_directory_and_not_its_password(
    directory: Directory, tmp_path: Path, changed: Callable[[str, int], str], said: str
) -> None:
    spec = changed(directory.proxyauth(), directory.port)
    command = [sys.executable, "-c", "from secretgate.cli import main; main()", "serve"]
    own = {"SECRETGATE_PROXYAUTH": spec, "SECRETGATE_HOME": str(tmp_path / "home")}
    environment = {**os.environ, **own}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert said.encode() in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert directory.password.encode() not in done.stdout + done.stderr
