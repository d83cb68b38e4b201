"""Data stored by a provider is restored when it is retrieved: batches, files, threads."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import quote

import httpx
import pytest

from harness.model import PLACEHOLDER
from harness.proxy import Proxy
from harness.secrets import plant
from harness.wire_families import FAMILIES
from harness.wire_formats import Peer, Reply, Start, client, multipart, pieces, post

JSON = {"content-type": "application/json"}

# What a provider keeps


def test_the_results_of_a_batch_are_restored_long_after_it_was_sent(
    proxy: Proxy, peer: Peer, token: str
) -> None:
    url = "https://api.anthropic.com/v1/messages/batches"
    params = {"model": "m", "messages": [{"role": "user", "content": f"token {token}"}]}
    peer.respond = lambda asked: Reply(b'{"id":"msgbatch_0123456789","type":"message_batch"}')
    post(proxy, url, json.dumps({"requests": [{"custom_id": "1", "params": params}]}).encode())
    found = PLACEHOLDER.search(peer.asked[-1].body.decode())
    assert found
    tool = {"type": "tool_use", "id": "t", "name": "n", "input": {"key": found[0]}}
    content = [
        {"type": "thinking", "thinking": found[0], "signature": "s"},
        {"type": "text", "text": found[0]},
        tool,
    ]
    line = {"custom_id": "1", "result": {"type": "succeeded", "message": {"content": content}}}
    raw = json.dumps(line).encode() + b"\n"
    peer.respond = lambda asked: Reply(
        raw + raw, "application/x-jsonl", pieces=range(0, len(raw), 9)
    )
    with client(proxy) as each:
        lines = each.get(f"{url}/msgbatch_0123456789/results").content.splitlines()
        strange = each.get(f"{url}/msgbatch_9999999999/results").content
    assert strange == raw + raw
    assert len(lines) == 2
    for each_line in lines:
        thinking, text, call = json.loads(each_line)["result"]["message"]["content"]
        assert (thinking["thinking"], text["text"], call["input"]["key"]) == (
            found[0],
            token,
            token,
        )


def test_a_batch_of_files_is_restored_in_its_output_file(
    proxy: Proxy, peer: Peer, token: str
) -> None:
    line = json.dumps(
        {"custom_id": "1", "body": {"messages": [{"role": "user", "content": token}]}}
    ).encode()
    peer.respond = lambda asked: Reply(b'{"id":"file-in0123456789","object":"file"}')
    post(
        proxy,
        "https://api.openai.com/v1/files",
        multipart(line, "application/jsonl"),
        "multipart/form-data; boundary=b0",
    )
    found = PLACEHOLDER.search(peer.asked[-1].body.decode())
    assert found
    peer.respond = lambda asked: Reply(
        b'{"id":"batch_0123456789","output_file_id":"file-out0123456789"}'
    )
    post(proxy, "https://api.openai.com/v1/batches", b'{"input_file_id":"file-in0123456789"}')
    arguments = json.dumps({"key": found[0]})
    message = {
        "content": found[0],
        "tool_calls": [{"id": "c", "function": {"name": "n", "arguments": arguments}}],
    }
    result = {
        "custom_id": "1",
        "response": {"status_code": 200, "body": {"choices": [{"message": message}]}},
    }
    peer.respond = lambda asked: Reply(
        json.dumps(result).encode() + b"\n", "application/octet-stream"
    )
    with client(proxy) as each:
        got = each.get("https://api.openai.com/v1/files/file-out0123456789/content").json()
    said = got["response"]["body"]["choices"][0]["message"]
    assert said["content"] == token
    assert json.loads(said["tool_calls"][0]["function"]["arguments"]) == {"key": token}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/octet-stream", "application/x-sh", "application/json", ""]
)
def test_a_file_of_text_comes_back_as_it_was(
    proxy: Proxy, peer: Peer, token: str, kind: str
) -> None:
    url = "https://api.anthropic.com/v1/files"
    peer.respond = lambda asked: Reply(b'{"id":"file_0123456789","type":"file"}')
    script = f"#!/bin/sh\nexport GITHUB_TOKEN={token}\n".encode()
    post(proxy, url, multipart(script, "text/plain"), "multipart/form-data; boundary=b0")
    kept = peer.asked[-1].body.partition(b"\r\n\r\n")[2].partition(b"\r\n--b0")[0]
    assert PLACEHOLDER.search(kept.decode())
    peer.respond = lambda asked: Reply(kept, kind, pieces=range(0, len(kept), 7))
    with client(proxy) as each:
        assert each.get(f"{url}/file_0123456789/content").content == script
        assert each.get(f"{url}/file_9999999999/content").content == kept


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/json"])
@pytest.mark.parametrize(
    "first", ["database:", "data: 1", "events", ": x", "[default]", "{{ x }}", '{"a": 1']
)
def test_a_file_may_begin_like_a_stream(
    proxy: Proxy, peer: Peer, token: str, kind: str, first: str
) -> None:
    url = "https://api.anthropic.com/v1/files"
    peer.respond = lambda asked: Reply(b'{"id":"file_0123456780","type":"file"}')
    text = f"{first}\nexport GITHUB_TOKEN={token}\n".encode()
    post(proxy, url, multipart(text, "text/plain"), "multipart/form-data; boundary=b0")
    kept = peer.asked[-1].body.partition(b"\r\n\r\n")[2].partition(b"\r\n--b0")[0]
    peer.respond = lambda asked: Reply(kept, kind, pieces=range(0, len(kept), 7))
    with client(proxy) as each:
        assert each.get(f"{url}/file_0123456780/content").content == text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("stored", [True, False])
def test_a_chat_completion_is_restored_later_if_it_is_stored(
    proxy: Proxy, peer: Peer, token: str, stored: bool, streamed: bool
) -> None:
    url = "https://api.openai.com/v1/chat/completions"
    identity = f"chatcmpl-{stored}{streamed}0123456789"
    messages = [{"role": "user", "content": f"token {token}"}]
    asked = {"model": "m", "messages": messages, "store": stored, "stream": streamed}
    answer = {"id": identity, "choices": [{"index": 0, "delta" if streamed else "message": {}}]}
    said = json.dumps(answer).encode()
    if streamed:
        events = b"data: " + said + b"\n\n"
        peer.respond = lambda _: Reply(events * 3 + b"data: [DONE]\n\n", "text/event-stream")
    else:
        peer.respond = lambda _: Reply(said)
    post(proxy, url, json.dumps(asked).encode())
    found = PLACEHOLDER.search(peer.asked[-1].body.decode())
    assert found
    kept = {"object": "list", "data": [{"id": "msg", "role": "user", "content": found[0]}]}
    peer.respond = lambda _: Reply(json.dumps(kept).encode())
    with client(proxy) as each:
        got = each.get(f"{url}/{identity}/messages").json()
    assert got["data"][0]["content"] == (token if stored else found[0])


def test_a_thread_is_restored_in_its_runs(proxy: Proxy, peer: Peer, token: str) -> None:
    url = "https://api.openai.com/v1/threads/thread_0123456789"
    peer.respond = lambda asked: Reply(b'{"id":"msg_0123456789","thread_id":"thread_0123456789"}')
    post(proxy, f"{url}/messages", json.dumps({"role": "user", "content": token}).encode())
    found = PLACEHOLDER.search(peer.asked[-1].body.decode())
    assert found
    family = FAMILIES["assistants"]
    raw = family.write(list(pieces(f"it is {found[0]}", 4)), ["{}"])
    peer.respond = lambda asked: Reply(raw, "text/event-stream")
    text, _ = family.read(
        post(proxy, f"{url}/runs", b'{"assistant_id":"asst_1","stream":true}').content
    )
    assert text == f"it is {token}"


class Kept(NamedTuple):
    """Something given to a provider, and a later request that refers to it."""

    url: str
    given: str
    """The path and body of the first request; `TOKEN` stands for a secret."""
    answer: str
    asked: str
    """The path and body of the second request; without a body it is a GET."""


_FILE = "multipart"
_ANTHROPIC = "https://api.anthropic.com/v1"
_OPENAI = "https://api.openai.com/v1"
_GEMINI = "https://generativelanguage.googleapis.com"
_MISTRAL = "https://api.mistral.ai/v1"
_AGENT = "https://bedrock-agent-runtime.us-east-1.amazonaws.com"
_SESSION = "/agents/A/agentAliases/B/sessions/session-0001/text"
_COHERE = '/v1/chat {"conversation_id": "talk-0001", "message": '
_IN_TURN = '{"messages": [{"role": "user", "content": [%s]}]}'
KEPT = {
    "Anthropic, a file": Kept(_ANTHROPIC, f"/files {_FILE}", '{"id": "file_011CNha8iC"}', "/messages " + _IN_TURN % '{"type": "document", "source": {"type": "file", "file_id": "file_011CNha8iC"}}'),
    "Anthropic, a skill": Kept(_ANTHROPIC, f"/skills {_FILE}", '{"id": "skill_0123456789"}', '/messages {"container": {"skills": [{"skill_id": "skill_0123456789"}]}, "messages": []}'),
    "Anthropic, a container": Kept(_ANTHROPIC, '/messages {"messages": [{"role": "user", "content": "TOKEN"}]}', '{"type": "message", "container": {"id": "container_01"}}', '/messages {"container": "container_01", "messages": []}'),
    "Anthropic, a thread": Kept(_ANTHROPIC, '/messages {"thread": {"type": "create"}, "messages": [{"role": "user", "content": "TOKEN"}]}', '{"type": "message", "id": "msg_0123456789"}', '/messages {"thread": {"type": "continue", "previous_message_id": "msg_0123456789"}, "messages": []}'),
    "Anthropic, a session": Kept(_ANTHROPIC, '/sessions/sesn_0123456789/events {"events": [{"content": "TOKEN"}]}', "{}", "/sessions/sesn_0123456789/stream"),
    "OpenAI, a file": Kept(_OPENAI, f"/files {_FILE}", '{"id": "file-0123456789"}', '/responses {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-0123456789"}]}]}'),
    "OpenAI, a file in a chat": Kept(_OPENAI, f"/files {_FILE}", '{"id": "file-0123456788"}', "/chat/completions " + _IN_TURN % '{"type": "file", "file": {"file_id": "file-0123456788"}}'),
    "OpenAI, a file in a store": Kept(_OPENAI, f"/files {_FILE}", '{"id": "file-0123456787"}', '/vector_stores {"file_ids": ["file-0123456787"]}'),
    "OpenAI, a conversation": Kept(_OPENAI, '/conversations/conv_0123456789/items {"items": [{"content": "TOKEN"}]}', "{}", '/responses {"conversation": "conv_0123456789", "input": "go"}'),
    "OpenAI, an assistant": Kept(_OPENAI, '/assistants {"instructions": "TOKEN"}', '{"id": "asst_0123456789"}', '/threads/runs {"assistant_id": "asst_0123456789"}'),
    "Perplexity, an answer in the background": Kept("https://api.perplexity.ai/async/chat", '/completions {"request": {"messages": [{"role": "user", "content": "TOKEN"}]}}', '{"id": "0123-4567-89ab", "status": "CREATED"}', "/completions/0123-4567-89ab"),
    "xAI, a deferred answer": Kept("https://api.x.ai/v1", '/chat/completions {"deferred": true, "messages": [{"role": "user", "content": "TOKEN"}]}', '{"request_id": "0123-4567-89ab"}', "/chat/deferred-completion/0123-4567-89ab"),
    "OpenAI, an item of an answer": Kept(_OPENAI, '/responses {"input": "TOKEN"}', '{"id": "resp_0123456789", "output": [{"id": "msg_0123456789", "type": "message"}]}', '/responses {"input": [{"type": "item_reference", "id": "msg_0123456789"}, {"role": "user", "content": "go"}]}'),
    "Mistral, a conversation": Kept(_MISTRAL, '/conversations {"inputs": "TOKEN"}', '{"conversation_id": "conv_0123456789"}', '/conversations/conv_0123456789 {"inputs": "go"}'),
    "Mistral, an agent": Kept(_MISTRAL, '/agents {"instructions": "TOKEN"}', '{"id": "ag_0123456789"}', '/conversations {"agent_id": "ag_0123456789", "inputs": "go"}'),
    "Gemini, a cache": Kept(_GEMINI, '/v1beta/cachedContents {"contents": [{"parts": [{"text": "TOKEN"}]}]}', '{"name": "cachedContents/abcdef0123"}', '/v1beta/models/g:generateContent {"cachedContent": "cachedContents/abcdef0123", "contents": []}'),
    "Gemini, a file": Kept(_GEMINI, f"/upload/v1beta/files {_FILE}", '{"file": {"name": "files/abcdef0123"}}', '/v1beta/models/g:generateContent {"contents": [{"parts": [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abcdef0123"}}]}]}'),
    "Gemini, a batch": Kept(_GEMINI, '/v1beta/models/g:batchGenerateContent {"batch": {"inputConfig": {"requests": {"requests": [{"request": {"contents": [{"parts": [{"text": "TOKEN"}]}]}}]}}}}', '{"name": "batches/abcdef0123"}', "/v1beta/batches/abcdef0123"),
    "Gemini, an interaction": Kept(_GEMINI, '/v1beta/interactions {"input": "TOKEN"}', '{"id": "v1_abcdef0123"}', '/v1beta/interactions {"previous_interaction_id": "v1_abcdef0123", "input": "go"}'),
    "Cohere, a conversation": Kept("https://api.cohere.com", f'{_COHERE}"TOKEN"}}', "{}", f'{_COHERE}"go"}}'),
    "Bedrock, an agent": Kept(_AGENT, f'{_SESSION} {{"inputText": "TOKEN"}}', "{}", f'{_SESSION} {{"inputText": "go"}}'),
    "Bedrock, a knowledge base": Kept(_AGENT, '/retrieveAndGenerate {"input": {"text": "TOKEN"}}', '{"sessionId": "0123456789"}', '/retrieveAndGenerate {"sessionId": "0123456789", "input": {"text": "go"}}'),
    "DashScope, an application": Kept("https://dashscope.aliyuncs.com/api/v1/apps/A", '/completion {"input": {"prompt": "TOKEN"}}', '{"output": {"session_id": "0123456789"}}', '/completion {"input": {"prompt": "go", "session_id": "0123456789"}}'),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_what_was_given_to_a_provider_is_restored_where_it_is_referred_to(
    proxy: Proxy, peer: Peer, token: str, name: str
) -> None:
    kept = KEPT[name]
    path, _, body = kept.given.partition(" ")
    sent = body.replace("TOKEN", token).encode()
    kind = "application/json"
    if body == _FILE:
        kind = "multipart/form-data; boundary=b0"
        sent = multipart(f"the key is {token}\n".encode(), "text/plain")
    peer.respond = lambda asked: Reply(kept.answer.encode())
    post(proxy, kept.url + path, sent, kind)
    found = PLACEHOLDER.search(peer.asked[-1].body.decode())
    assert found
    said = json.dumps({"said": found[0]}).encode()
    peer.respond = lambda asked: Reply(said)
    path, _, body = kept.asked.partition(" ")

    def ask(path: str, body: str) -> bytes:
        with client(proxy) as each:
            answer = each.request(
                "POST" if body else "GET",
                kept.url + path,
                content=body.encode() or None,
                headers={"content-type": "application/json"},
            )
        content: bytes = answer.content
        return content

    assert json.loads(ask(path, body)) == {"said": token}
    digits = str.maketrans("0123456789", "9876543210")
    other = kept.asked[len("/v1beta") :].translate(digits)
    path, _, body = (kept.asked[: len("/v1beta")] + other).partition(" ")
    assert ask(path, body) == said


def test_a_url_to_go_on_at_is_sent_back_as_the_provider_wrote_it(
    proxy: Proxy, peer: Peer, token: str
) -> None:
    """A resumable upload: its URL may look like a secret, and its answer repeats what began it."""
    base = "https://generativelanguage.googleapis.com/upload/v1beta/files"
    upload = f"{base}?upload_id={plant(7).values['GITHUB_TOKEN']}&upload_protocol=resumable"
    peer.respond = lambda asked: Reply(b"", headers=[("x-goog-upload-url", upload)])
    begin = {"file": {"displayName": f"the key {token}"}}
    answer = post(proxy, base, json.dumps(begin).encode(), **{"x-goog-upload-command": "start"})
    assert answer.headers["x-goog-upload-url"] == upload
    kept = peer.asked[-1].body
    assert PLACEHOLDER.search(kept.decode())
    peer.respond = lambda asked: Reply(kept)
    headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    answer = post(proxy, upload, b"some notes", "text/plain", **headers)
    assert peer.asked[-1].path == upload.removeprefix("https://generativelanguage.googleapis.com")
    assert answer.json() == begin
    other = upload.replace("upload_id=", "upload_id=0")
    assert PLACEHOLDER.search(post(proxy, other, b"some notes", "text/plain", **headers).text)


def test_a_redirect_gives_no_secret_away(proxy: Proxy, peer: Peer, token: str) -> None:
    url = "https://api.openai.com/v1/responses"
    peer.respond = lambda asked: Reply(b"{}")
    post(proxy, url, json.dumps({"input": token}).encode())
    found = PLACEHOLDER.search(peer.asked[-1].body.decode())
    assert found
    for status, target in (
        (302, "https://elsewhere.example.org/"),
        (307, "/v1/files?token="),
        (302, "//elsewhere.example.org/"),
    ):
        location = f"{target}{quote(found[0])}"
        reply = Reply(b"{}", status=status, headers=[("location", location)])
        peer.respond = lambda asked, reply=reply: reply
        answer = post(proxy, url, json.dumps({"input": token}).encode())
        assert answer.headers["location"] == location


AWAY = ("https://elsewhere.example.org/v1/x", "//elsewhere.example.org/", "https://auth.openai.com/oauth/token")  # fmt: skip


@pytest.mark.parametrize("location", AWAY)
@pytest.mark.parametrize(("method", "status"), [("POST", 307), ("POST", 308), ("PUT", 302)])
def test_a_redirect_does_not_take_secrets_elsewhere(
    proxy: Proxy, peer: Peer, token: str, method: str, status: int, location: str
) -> None:
    """Clients send the body there again as they have it, and nobody would read it."""
    url = "https://api.openai.com/v1/responses"
    reply = Reply(b"moved", "text/html", status, [("location", location)])
    peer.respond = lambda asked: reply
    body = json.dumps({"input": token}).encode()
    with client(proxy) as each:
        answer = each.request(method, url, content=body, headers=JSON)
        clean = each.request(method, url, content=b'{"input": "hi"}', headers=JSON)
    assert (answer.status_code, "location" in answer.headers) == (502, False)
    assert "redirect" in answer.json()["error"]["message"]
    assert (clean.status_code, clean.headers["location"]) == (status, location)


@pytest.mark.parametrize(
    ("status", "location"),
    [(307, "/v1/other"), (307, "https://api.anthropic.com/v1/messages"), (302, AWAY[0])],
)
def test_other_redirects_pass(
    proxy: Proxy, peer: Peer, token: str, status: int, location: str
) -> None:
    peer.respond = lambda asked: Reply(b"", status=status, headers=[("location", location)])
    answer = post(
        proxy, "https://api.openai.com/v1/responses", json.dumps({"input": token}).encode()
    )
    assert (answer.status_code, answer.headers["location"]) == (status, location)


def test_a_client_of_a_base_url_is_led_back_to_it(start: Start, peer: Peer, token: str) -> None:
    """Without a proxy, it would go on at the provider itself, and upload files there unread."""
    proxy = start(base_urls="gemini,corp=https://llm.example.org/api")
    upload = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=u123456789"
    peer.respond = lambda asked: Reply(b"{}", headers=[("x-goog-upload-url", upload)])
    with httpx.Client(trust_env=False, follow_redirects=True) as each:
        begun = each.post(f"{proxy.url}/gemini/upload/v1beta/files", json={"file": {}})
        url = begun.headers["x-goog-upload-url"]
        assert url.startswith(f"{proxy.url}/gemini/upload/")
        each.post(url, content=f"a key: {token}", headers={"content-type": "text/plain"})
        assert PLACEHOLDER.search(peer.asked[-1].body.decode())
        for location in ("/api/new", "https://llm.example.org/api/new"):
            moved = Reply(b"", status=307, headers=[("location", location)])
            peer.respond = lambda asked, moved=moved: (
                moved if asked.path == "/api/old" else Reply(asked.body)
            )
            answer = each.post(f"{proxy.url}/corp/old", json={"input": token})
            assert (peer.asked[-1].path, answer.json()) == ("/api/new", {"input": token})
            assert PLACEHOLDER.search(peer.asked[-1].body.decode())
        for location in ("https://api.openai.com/v1/responses", "https://llm.example.org/x"):
            moved = Reply(b"", status=308, headers=[("location", location)])
            peer.respond = lambda asked, moved=moved: moved
            assert each.post(f"{proxy.url}/corp/old", json={"input": token}).status_code == 502
