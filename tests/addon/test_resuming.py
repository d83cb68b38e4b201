"""A stream of OpenAI that the client goes on with by number, after events of ours were in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import http
from test_gate import flow

from addon.kit import token
from secretgate import gate

ID = "resp_0123456789abcdef"


def said(name: str) -> Iterator[dict[str, Any]]:
    """Yield the events of an answer of two texts, in the provider's count."""
    begun = {"id": ID, "object": "response", "status": "in_progress", "output": []}
    yield {"type": "response.created", "response": begun}
    for item, texts in (("m1", ["we use ", "the numbeR"]), ("m2", ["it is ", name, ", or"])):
        place = {"item_id": item, "output_index": int(item[1]), "content_index": 0}
        for text in texts:
            yield {"type": "response.output_text.delta", **place, "delta": text}
        yield {"type": "response.output_text.done", **place, "text": "".join(texts)}
    yield {"type": "response.completed", "response": begun | {"status": "completed"}}


def streamed(name: str, after: int = -1) -> bytes:
    events = list(enumerate(said(name)))[after + 1 :]
    return b"".join(
        b"data: %b\n\n" % json.dumps({**event, "sequence_number": number}).encode()
        for number, event in events
    )


def received(made: gate.Gate, one: http.HTTPFlow, raw: bytes, size: int) -> list[dict[str, Any]]:
    one.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
    made.responseheaders(one)
    assert callable(one.response.stream)
    out = b""
    for at in range(0, len(raw), size):
        out += b"".join(one.response.stream(raw[at : at + size]))
    out += b"".join(one.response.stream(b""))
    return [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")]


def asked(content: bytes, path: str, method: str = "POST") -> http.HTTPFlow:
    one = flow(content, "api.openai.com", path, authorization="Bearer of-one-user")
    one.request.method = method
    return one


async def begun(made: gate.Gate, size: int) -> tuple[str, list[dict[str, Any]]]:
    """Return the placeholder of a first request, and the events of its answer."""
    body = {"model": "m", "input": token(1), "stream": True, "background": True}
    one = asked(json.dumps(body).encode(), "/v1/responses")
    await made.request(one)
    name = json.loads(one.request.raw_content)["input"]
    return name, received(made, one, streamed(name), size)


async def resumed(made: gate.Gate, name: str, seen: int, size: int) -> list[dict[str, Any]]:
    one = asked(b"", f"/v1/responses/{ID}?stream=true&starting_after={seen}", "GET")
    await made.request(one)
    after = int(one.request.path.rpartition("=")[2])
    return received(made, one, streamed(name, after), size)


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["sequence_number"] for event in events]


def kinds(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return all that tells events apart but their numbers."""
    return [
        (each["type"], each.get("item_id"), each.get("delta"), each.get("text")) for each in events
    ]


@pytest.mark.parametrize("size", [1 << 20, 70])
@pytest.mark.parametrize("seen", range(11))
async def test_a_stream_goes_on_where_the_client_was(made: gate.Gate, seen: int, size: int) -> None:
    name, whole = await begun(made, size)
    assert numbers(whole) == list(range(len(list(said(name))) + 2))
    rest = await resumed(made, name, seen, size)
    assert numbers(rest) == list(range(seen + 1, seen + 1 + len(rest)))
    ours = len(whole) - seen - 1 - len(rest)
    # What was held back right there has gone with the connection.
    assert ours == whole[seen].get("delta", "").endswith(("numbe", ", o"))
    assert kinds(rest) == kinds(whole[seen + 1 + ours :])
    for later in rest[:-1]:
        last = later["sequence_number"]
        if not later.get("delta", "").endswith(("numbe", ", o")):
            again = await resumed(made, name, last, size)
            assert (numbers(again), kinds(again)) == (
                numbers(rest[last - seen :]),
                kinds(rest[last - seen :]),
            )


async def test_a_stream_without_events_of_ours_goes_on_as_it_was_asked_for(
    made: gate.Gate,
) -> None:
    path = f"/v1/responses/{ID}?stream=true&starting_after=7"
    one = asked(b"", path, "GET")
    await made.request(one)
    assert one.request.path == path
