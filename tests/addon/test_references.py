"""Ids of what a provider keeps: which a request names, and answers during which more is issued."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from wire_support import SCOPE, Gate, dump, secret

from harness.families.base import sse
from secretgate.inbound.responses import Readers, respond
from secretgate.outbound import references
from secretgate.vault import IssuedMeanwhile

GATE = Gate()
KEY = secret(1)


@pytest.mark.parametrize(
    ("dialect", "path", "body", "named"),
    [
        ("openai-responses", "/v1/responses/resp_012345?stream=true", {}, {"resp_012345"}),
        ("openai-responses", "/v1/responses", {"conversation": {"id": "conv_1"}}, {"conv_1"}),
        ("gemini", "/v1beta/batches/abcdefgh:cancel", {}, {"abcdefgh"}),
        ("gemini", "/x", {"cachedContent": "projects/p/cachedContents/1"}, {"1"}),
        ("anthropic", "/x", {"container": {"id": "container_1"}}, {"container_1"}),
        ("anthropic", "/x", {"container": 7}, set()),
        ("ollama", "/x", {"container": "container_1"}, set()),
    ],
)
def test_ids_in_paths_and_beside_the_messages(
    dialect: str, path: str, body: object, named: set[str]
) -> None:
    request = GATE.request(dialect, path=path)
    assert named <= {*references.links(request, dump(body))}
    steps = {*path.partition("?")[0].replace(":", "/").split("/")}
    assert {*references.links(request, b"{")} <= steps | {references.FILES, references.ITEMS}


@pytest.mark.parametrize(
    ("dialect", "path", "body", "named"),
    [
        ("anthropic", "/v1/sessions/sesn_1/events", {}, ["sesn_1"]),
        ("anthropic", "/v1/messages", {}, []),
        ("cohere", "/v1/chat", {"conversation_id": "talk-1"}, ["talk-1"]),
        ("generic", "/v1/vector_stores/vs_1/files", {}, ["vs_1"]),
    ],
)
def test_ids_of_what_a_request_adds_to(
    dialect: str, path: str, body: object, named: list[str]
) -> None:
    assert references.added_to(GATE.request(dialect, path=path), dump(body)) == named


def test_answers_of_an_mcp_server_may_come_on_a_connection_opened_before() -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": {"a": KEY}}}
    where = {"path": "/messages/?session_id=0123abcd", "headers": {"mcp-session-id": "abc"}}
    assert GATE.requests.decide(GATE.request("mcp", content=dump(call), **where)).content
    streams = {
        "abc": GATE.request("mcp", method="GET", headers={"mcp-session-id": "abc"}),
        "0123abcd": GATE.request("mcp", method="GET", path="/sse?sessionId=0123abcd"),
        references.SERVER: GATE.request("mcp", method="GET", path="/sse"),
    }
    for session, stream in streams.items():
        assert references.added_to(stream, None) == [session]
        meanwhile = IssuedMeanwhile(GATE.vault, SCOPE, [session], GATE.nothing_issued)
        assert meanwhile.issued.value(GATE.name(KEY).encode()) == KEY.encode()
    other = GATE.request("mcp", method="GET", headers={"mcp-session-id": "other"})
    assert not IssuedMeanwhile(
        GATE.vault, SCOPE, references.added_to(other, None), GATE.nothing_issued
    ).issued


def test_ids_of_files_anywhere() -> None:
    request = GATE.request("openai-responses", path="/v1/responses")
    tools = [{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}]
    item = {"type": "input_file", "file_id": "file-3"}
    said = {"text": '"file_id": "file-4"', "file_id": {"not": "an id"}}
    body = {"tools": tools, "input": [{"content": [item, said]}]}
    assert set(references.files(request, dump(body))) == {"vs_1", "vs_2", "file-3"}


def test_an_answer_that_began_before_a_secret_was_sent_restores_it() -> None:
    """An agent's events are often listened to before the first message is sent."""
    meanwhile = IssuedMeanwhile(GATE.vault, SCOPE, ["sesn_1"], GATE.nothing_issued)
    way = respond(
        {"content-type": "text/event-stream"},
        Readers(
            GATE.request("anthropic").route.dialect,
            meanwhile.issued,
            pytest.fail,
            later=lambda: meanwhile.issued,
        ),
        stream=True,
    )
    assert way is not None
    ping = sse([{"type": "ping"}])
    assert way.feed(ping) == ping
    GATE.vault.link(SCOPE, "sesn_1", GATE.issued(KEY))
    raw = sse([{"type": "agent.message", "content": [{"text": GATE.name(KEY)}]}])
    out = way.feed(raw) + way.finish()
    assert json.loads(out.partition(b":")[2])["content"][0]["text"] == KEY
    assert meanwhile.issued is meanwhile.issued


def test_items_of_earlier_answers_newest_first() -> None:
    request = GATE.request("openai-responses", path="/v1/responses")
    body = {
        "input": [
            {"type": "item_reference", "id": "msg_1"},
            {
                "type": "message",
                "id": "msg_2",
                "content": '{"id": "msg_3", "type": "item_reference"}',
            },
            {"id": "fc_4", "type": "item_reference"},
        ]
    }
    for raw in (dump(body), json.dumps(body, indent=2).encode()):
        assert references.items(request, raw) == ["fc_4", "msg_1"]
        assert references.items(GATE.request("openai-chat"), raw) == []


@pytest.mark.parametrize("own", [{}, {"type": None}])
def test_items_that_are_referred_to_without_a_type(own: dict[str, Any]) -> None:
    request = GATE.request("openai-responses", path="/v1/responses")
    said = {"type": "message", "id": "msg_2", "content": [{"text": '{"id": "msg_3"}'}]}
    body = {"input": [{"id": "msg_1", **own}, said, {**own, "id": "msg_4"}]}
    for raw in (dump(body), json.dumps(body, indent=2).encode()):
        assert references.items(request, raw) == ["msg_4", "msg_1"]


def test_items_are_searched_for_once_an_answer_named_some() -> None:
    gate = Gate()
    request = gate.request("openai-responses", path="/v1/responses")
    body = dump({"input": [{"type": "item_reference", "id": "msg_1"}]})
    gate.vault.link(SCOPE, "msg_1", gate.issued(KEY))
    asked = gate.requests.decide(replace(request, content=body))
    assert not asked.issued
    gate.vault.link(SCOPE, references.ITEMS, gate.nothing_issued)
    asked = gate.requests.decide(replace(request, content=body))
    assert asked.issued.value(gate.name(KEY).encode()) == KEY.encode()


def test_an_item_is_read_by_itself() -> None:
    request = GATE.request("openai-responses", path="/v1/responses")
    endless = b'{"type": "item_reference", "name": "%b", "id": "msg_1"}' % (b"x" * 2000)
    assert references.items(request, endless + b', {"id": "msg_2", "role": "user"}') == []


def test_answers_name_their_items() -> None:
    dialect = GATE.request("openai-responses").route.dialect
    item = {"type": "response.output_item.done", "item": {"id": "msg_1"}}
    whole = {"response": {"id": "resp_1", "output": [{"id": "rs_1"}, {"id": "msg_1"}]}}
    assert [*dialect.links(item)] == ["msg_1"]
    assert [*dialect.links(whole)] == ["resp_1", "rs_1", "msg_1"]
