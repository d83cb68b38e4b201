"""Data stored by a provider is restored when it is retrieved: batches, files, threads."""

from __future__ import annotations

import json

import pytest

from harness.model import PLACEHOLDER
from harness.proxy import Proxy
from harness.wire_families import FAMILIES
from harness.wire_formats import Peer, Reply, client, multipart, pieces, post

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
