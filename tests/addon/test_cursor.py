"""Cursor over HTTP/1.1: one request opens an answer, and others bring the client's messages."""

from __future__ import annotations

import pytest
from mitmproxy import http
from test_gate import flow
from test_wire_calls import chat, messages, text_of
from test_wire_readers import envelope, field

from addon.kit import token
from secretgate import gate

RUN = b"0b5e7c4e-1111-4222-8333-444455556666"
CALL = "application/connect+proto"


def sent(path: str, content: bytes) -> http.HTTPFlow:
    return flow(content, "api2.cursor.sh", path, **{"content-type": "application/proto"})


@pytest.mark.parametrize("run", [RUN, b"7" + RUN[1:]], ids=["its own", "another"])
async def test_an_answer_knows_what_came_after_it_was_opened(made: gate.Gate, run: bytes) -> None:
    opened = sent("/agent.v1.AgentService/RunSSE", field(1, RUN))
    await made.request(opened)
    opened.response = http.Response.make(200, b"", {"content-type": CALL})
    made.responseheaders(opened)
    more = field(1, chat(f"use {token(1)}").hex().encode()) + field(2, field(1, run))
    added = sent("/aiserver.v1.BidiService/BidiAppend", more)
    await made.request(added)
    inner = bytes.fromhex(added.request.raw_content.split(b"\x12")[0][3:].decode())
    said = text_of(inner)
    assert token(1) not in said
    assert callable(opened.response.stream)
    answer = b"".join(opened.response.stream(envelope(chat(said))))
    (read,) = messages(answer + b"".join(opened.response.stream(b"")))
    assert text_of(read) == (f"use {token(1)}" if run == RUN else said)
