"""Requests that cannot be parsed: mitmproxy quotes them in what it logs and prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.post import MESSAGES
from harness.provider import Provider
from harness.proxy import Proxy
from harness.raw import Line
from harness.rogue import before
from harness.secrets import Planted

pytestmark = pytest.mark.e2e

HOST = MESSAGES[0]
HEAD = f"POST /v1/messages HTTP/1.1\r\nHost: {HOST}\r\n"
BROKEN = {
    "a head that breaks off": HEAD + "Authorization: Bearer {}\r\nUser-Ag",
    "a line that breaks off": "POST /v1/messages?note={}",
    "a header without a colon": HEAD + "Authorization Bearer {}\r\n\r\n",
    "the name of a header": HEAD + "X {}: 1\r\n\r\n",
    "the first line": "POST {}\r\n\r\n",
    "a port": "POST https://api.anthropic.com:{}/ HTTP/1.1\r\n\r\n",
    "a length": HEAD + "Content-Length: {}\r\n\r\n",
    "a coding": HEAD + "Transfer-Encoding: {}\r\n\r\n",
    "two lengths": HEAD + "Content-Length: 1\r\nContent-Length: {}\r\n\r\n",
    "a chunk": HEAD + "Transfer-Encoding: chunked\r\n\r\n{}\r\n\r\n",
}


def test_what_cannot_be_parsed_is_not_quoted(
    provider: Provider, tmp_path: Path, planted: Planted
) -> None:
    value = planted.values["GITHUB_TOKEN"]

    def served(proxy: Proxy, number: int) -> bool:
        return proxy.comes(lambda out: out.count(b"client disconnect") >= number)

    with before(provider, tmp_path, lambda wire: None) as (_, proxy):
        for number, (how, head) in enumerate(BROKEN.items(), 1):
            with Line(proxy, HOST) as line:
                line.send(head.format(value).encode())
                if "breaks off" not in how:
                    line.read()
            assert served(proxy, number), how
            assert not [name for name, text in proxy.written().items() if value.encode() in text]
        assert b"(not shown)" in b"".join(proxy.written().values())
