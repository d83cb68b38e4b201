"""WebSocket frames that clients may send: control frames with content, fragmented messages with
control frames in between, compression with a shared context.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence

import pytest

from harness.model import echo
from harness.provider import Provider
from harness.proxy import Proxy
from harness.raw import Line
from harness.secrets import Planted, joined, leaks

pytestmark = pytest.mark.e2e

HOST, PATH = "api.openai.com", "/v1/responses"
TEXT, GOES_ON, CLOSE, PING, PONG = 0x01, 0x00, 0x88, 0x89, 0x8A
LAST, PACKED = 0x80, 0x40


def frame(first: int, content: bytes) -> bytes:
    """Return a client's frame, masked with zeros."""
    size = len(content)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + bytes(4) + content


def message(text: str) -> bytes:
    return json.dumps({"type": "response.create", "model": "m", "input": text}).encode()


def _packed(texts: Sequence[str]) -> bytes:
    """Return messages compressed with a shared context: the second refers to the first."""
    packer = zlib.compressobj(9, wbits=-15)
    out = b""
    for text in texts:
        data = packer.compress(message(text)) + packer.flush(zlib.Z_SYNC_FLUSH)
        out += frame(LAST | PACKED | TEXT, data[:-4])
    return out


def _pieces(secret: str) -> bytes:
    whole = message(f"it is {secret} so")
    at = whole.index(secret.encode()) + 10
    between = frame(PING, b"x") + frame(GOES_ON, b"") + frame(PONG, b"y")
    return frame(TEXT, whole[:at]) + between + frame(LAST | GOES_ON, whole[at:])


def _letters(secret: str) -> bytes:
    whole = message(f"it is {secret} so")
    pieces = [whole[at : at + 1] for at in range(len(whole))]
    middle = b"".join(frame(GOES_ON, each) for each in pieces[1:-1])
    return frame(TEXT, pieces[0]) + middle + frame(LAST | GOES_ON, pieces[-1])


SENT: dict[str, Callable[[str], bytes]] = {
    "a ping": lambda secret: frame(PING, f"it is {secret} so".encode()),
    "a pong that nobody asked for": lambda secret: frame(PONG, secret.encode()),
    "a reason to close": lambda secret: frame(CLOSE, b"\x03\xe8" + f"it is {secret}".encode()),
    "a message in pieces, control frames between": _pieces,
    "a message letter by letter": _letters,
    "the same message twice, compressed": lambda secret: _packed([f"it is {secret}"] * 2),
    "a piece of a message in a ping between": lambda secret: (
        frame(TEXT, b'{"type":"x"') + frame(PING, secret.encode()) + frame(LAST | GOES_ON, b"}")
    ),
}


def upgraded(line: Line) -> None:
    line.send(
        f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    assert b" 101 " in line.read()


@pytest.mark.parametrize("how", SENT)
def test_no_frame_of_a_websocket_takes_a_secret_along(
    how: str, proxy: Proxy, provider: Provider, planted: Planted
) -> None:
    """Nor does mitmproxy's own log line about it."""
    secret = planted.values["GITHUB_TOKEN"]
    spoken = len(proxy.output)
    with provider.manner(script=echo), provider.recording() as arrived, Line(proxy, HOST) as line:
        upgraded(line)
        line.send(SENT[how](secret))
        line.read(quiet=0.5, limit=2)
    assert arrived
    assert leaks(joined(each.everything for each in arrived), planted.secrets) == []
    assert leaks(proxy.output[spoken:], planted.secrets) == []


def test_a_ping_without_a_secret_is_answered(proxy: Proxy) -> None:
    with Line(proxy, HOST) as line:
        upgraded(line)
        line.send(frame(PING, b"nothing but a ping"))
        assert b"nothing but a ping" in line.read()


def test_halves_in_two_messages_are_not_seen_and_not_mangled(
    proxy: Proxy, provider: Provider, planted: Planted
) -> None:
    """As the threat model says; a message that contains the whole secret does not leave."""
    secret = planted.values["GITHUB_TOKEN"]
    halves = [message(secret[:9]), message(secret[9:21])]
    with provider.recording() as arrived, Line(proxy, HOST) as line:
        upgraded(line)
        for each in (*halves, message(f"it is {secret}")):
            line.send(frame(LAST | TEXT, each))
            line.read(quiet=0.3, limit=2)
    (received,) = arrived
    assert received.messages[:2] == halves
    assert leaks(received.messages[2], planted.secrets) == []
