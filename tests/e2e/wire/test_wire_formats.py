"""Every family through a real mitmdump: requests redacted, streams restored, errors readable."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.model import PLACEHOLDER
from harness.proxy import Proxy
from harness.wire_families import FAMILIES, Family
from harness.wire_formats import (
    Asked,
    Peer,
    Reply,
    Start,
    concrete,
    contents,
    converse,
    messages,
    multipart,
    pieces,
    post,
)
from secretgate import hosts
from secretgate.hosts import Treatment


@dataclass(frozen=True)
class Place:
    family: str
    host: str
    path: str
    body: Callable[[str], Any]
    kind: str = "text/event-stream"


GEMINI = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
AMAZON = "application/vnd.amazon.eventstream"
BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
PLACES = [
    Place("anthropic", "api.anthropic.com", "/v1/messages?beta=true", messages),
    Place("anthropic", "us-central1-aiplatform.googleapis.com", "/v1/projects/p/locations/l/publishers/anthropic/models/c:streamRawPredict", messages),
    Place("anthropic", "own.services.ai.azure.com", "/anthropic/v1/messages", messages),
    Place("chat", "api.openai.com", "/v1/chat/completions", messages),
    Place("chat", "own.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=1", messages),
    Place("perplexity", "api.perplexity.ai", "/chat/completions", messages),
    Place("responses", "chatgpt.com", "/backend-api/codex/responses", lambda text: {"input": text, "stream": True}, ""),
    Place("responses", "own.githubcopilot.com", "/responses", lambda text: {"input": text, "stream": True}),
    Place("gemini", "generativelanguage.googleapis.com", f"{GEMINI}?alt=sse", contents),
    Place("gemini array", "generativelanguage.googleapis.com", GEMINI, contents, "application/json"),
    Place("code assist", "cloudcode-pa.googleapis.com", "/v1internal:streamGenerateContent?alt=sse", lambda text: {"request": contents(text)}),
    Place("bedrock invoke", BEDROCK, "/model/anthropic.claude/invoke-with-response-stream", messages, AMAZON),
    Place("bedrock converse", BEDROCK, "/model/anthropic.claude/converse-stream", converse, AMAZON),
    Place("cohere", "api.cohere.com", "/v2/chat", messages),
    Place("cohere v1", "api.cohere.com", "/v1/chat", lambda text: {"message": text, "stream": True}, "application/stream+json"),
    Place("ollama", "ollama.com", "/api/chat", messages, "application/x-ndjson"),
    Place("ollama generate", "ollama.com", "/api/generate", lambda text: {"prompt": text}, "application/x-ndjson"),
    Place("dashscope", "dashscope.aliyuncs.com", "/api/v1/services/aigc/text-generation/generation", lambda text: {"input": {"prompt": text}, "parameters": {"incremental_output": True}}),
    Place("assistants", "api.openai.com", "/v1/threads/runs", lambda text: {"instructions": text, "stream": True}),
]  # fmt: skip


def told(family: Family, kind: str, size: int) -> Callable[[Asked], Reply]:
    """A model that repeats the placeholder it was shown."""

    def respond(asked: Asked) -> Reply:
        found = PLACEHOLDER.search(asked.body.decode())
        assert found
        arguments = json.dumps({"command": f"echo {found[0]}"})
        raw = family.write(
            list(pieces(f"You said {found[0]}!", size)), list(pieces(arguments, size))
        )
        return Reply(raw, kind, pieces=range(0, len(raw), 97))

    return respond


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.family} at {place.host}")
def test_a_streamed_answer_of_every_family(
    place: Place, size: int, proxy: Proxy, peer: Peer, token: str
) -> None:
    family = FAMILIES[place.family]
    peer.respond = told(family, place.kind, size)
    sent = json.dumps(place.body(f"my token is {token}, keep it")).encode()
    response = post(proxy, f"https://{place.host}{place.path}", sent)
    assert response.status_code == 200
    arrived = peer.asked[-1].body
    found = PLACEHOLDER.search(arrived.decode())
    assert found
    assert arrived == sent.replace(token.encode(), found[0].encode())
    text, arguments = family.read(response.content)
    assert text == f"You said {token}!"
    if family.arguments:
        assert json.loads(arguments) == {"command": f"echo {token}"}


COMPATIBLE = [
    (row.provider, concrete(row.hosts[0]), path)
    for row in hosts.builtin()
    for path in ("/v1/chat/completions", "/v1/messages")
    if (route := hosts.Hosts([row]).route([concrete(row.hosts[0])], path)) is not None
    and route.treatment is Treatment.CONTENT
]


@pytest.mark.parametrize(("provider", "host", "path"), COMPATIBLE)
def test_every_host_that_speaks_a_known_format(
    provider: str, host: str, path: str, proxy: Proxy, peer: Peer, token: str
) -> None:
    peer.respond = lambda asked: Reply(asked.body)
    response = post(proxy, f"https://{host}{path}", json.dumps(messages(f"token {token}")).encode())
    assert token.encode() not in peer.asked[-1].body
    assert PLACEHOLDER.search(peer.asked[-1].body.decode())
    assert token in response.text, provider


UPLOADS = [
    ("api.anthropic.com", "/v1/files", "multipart/form-data; boundary=b0", lambda token: multipart(f"key={token}\n".encode(), "text/plain")),
    ("api.openai.com", "/v1/files", "multipart/form-data; boundary=b0", lambda token: multipart(json.dumps({"custom_id": "1", "body": {"input": token}}).encode() + b"\n", "application/jsonl")),
    ("api.openai.com", "/v1/audio/transcriptions", "multipart/form-data; boundary=b0", lambda token: multipart(token.encode(), "text/plain")),
    ("api.openai.com", "/v1/moderations", "application/x-www-form-urlencoded", lambda token: f"input=it+is+{token}".encode()),
    ("generativelanguage.googleapis.com", "/upload/v1beta/files", "text/plain", lambda token: f"notes: {token}\n".encode()),
    ("api.anthropic.com", "/v1/messages", "application/json", lambda token: json.dumps({"messages": [{"content": [{"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": base64.b64encode(token.encode()).decode()}}]}]}).encode()),
    ("api2.cursor.sh", "/aiserver.v1.ChatService/Ask", "application/proto", lambda token: b"\x0a" + bytes([len(token) + 3]) + b"is " + token.encode()),
]  # fmt: skip


@pytest.mark.parametrize(("host", "path", "kind", "body"), UPLOADS)
def test_bodies_that_are_no_json(
    host: str,
    path: str,
    kind: str,
    body: Callable[[str], bytes],
    proxy: Proxy,
    peer: Peer,
    token: str,
) -> None:
    raw = body(token)
    assert post(proxy, f"https://{host}{path}", raw, kind).status_code == 200
    arrived = peer.asked[-1]
    assert token.encode() not in arrived.body
    assert base64.b64encode(token.encode()) not in arrived.body
    assert arrived.headers["content-length"] == str(len(arrived.body))
    clean = body("n" * len(token))
    post(proxy, f"https://{host}{path}", clean, kind)
    assert peer.asked[-1].body == clean


@pytest.mark.parametrize("kind", ["text/plain", "application/json", ""])
def test_an_upload_of_a_declared_size_is_refused(
    proxy: Proxy, peer: Peer, token: str, kind: str
) -> None:
    """Google's own SDK labels every upload `application/json`."""
    before = len(peer.asked)
    url = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1"
    headers = {"x-goog-upload-offset": "0", "x-goog-upload-command": "upload, finalize"}
    response = post(proxy, url, f"notes: {token}".encode(), kind, **headers)
    assert response.status_code == 403
    assert "size was declared" in response.json()["error"]["message"]
    assert peer.asked[before:] == []
    for clean in (b"notes: none", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b'{"half": "of'):
        assert post(proxy, url, clean, kind, **headers).status_code == 200
        assert peer.asked[-1].body == clean


def test_a_signed_request_without_credentials_is_refused_in_amazons_words(
    proxy: Proxy, peer: Peer, token: str
) -> None:
    before = len(peer.asked)
    url = f"https://{BEDROCK}/model/m/converse"
    signature = "AWS4-HMAC-SHA256 Credential=AKID/20261101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
    response = post(proxy, url, json.dumps(converse(token)).encode(), authorization=signature)
    assert response.status_code == 403
    assert response.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert "AWS_BEARER_TOKEN_BEDROCK" in response.json()["message"]
    assert peer.asked[before:] == []
    clean = json.dumps(converse("hello")).encode()
    assert post(proxy, url, clean, authorization=signature).status_code == 200
    assert peer.asked[-1].body == clean
    assert peer.asked[-1].headers["authorization"] == signature


@pytest.mark.parametrize(
    ("agent", "status"),
    [("claude-cli/2.1.330", 400), ("codex_cli_rs/0.169.0", 400), ("curl/8", 403)],
)
def test_a_refusal_has_the_status_that_the_client_shows(
    agent: str, status: int, start: Start, peer: Peer, token: str
) -> None:
    before = len(peer.asked)
    url = "https://api.anthropic.com/v1/messages"
    body = json.dumps(messages(token)).encode()
    response = post(start(mode="block"), url, body, **{"user-agent": agent})
    assert response.status_code == status
    assert response.json()["type"] == "error"
    assert "secret detected" in response.json()["error"]["message"]
    assert token not in response.text
    assert peer.asked[before:] == []
    chosen = post(start(mode="block", block_status="451"), url, body, **{"user-agent": agent})
    assert chosen.status_code == 451


@pytest.mark.parametrize("place", ["option", "file"])
def test_the_ca_signs_for_a_host_that_the_user_adds(
    place: str, start: Start, peer: Peer, token: str, tmp_path: Path
) -> None:
    """mitmproxy sets the options of its command line only after the CA has been created."""
    added = {"hosts": "llm.example.org=openai-chat"}
    if place == "file":
        file = tmp_path / "secretgate.yaml"
        file.write_text("hosts: [{host: llm.example.org, dialect: openai-chat}]\n")
        added = {"config": str(file)}
    body = json.dumps(messages(token)).encode()
    assert post(start(**added), "https://llm.example.org/v1/chat/completions", body).is_success
    assert peer.asked[-1].host == "llm.example.org"
    assert token.encode() not in peer.asked[-1].body


def test_a_local_server_of_the_users_is_covered_without_tls(start: Start, token: str) -> None:
    proxy = start(hosts="localhost=ollama,127.0.0.1=openai-chat", mode="block")
    body = json.dumps(messages(token)).encode()
    refused = post(proxy, "http://localhost:11434/api/chat", body)
    assert (refused.status_code, [*refused.json()]) == (403, ["error"])
    assert "secret detected" in refused.json()["error"]
    studio = post(proxy, "http://127.0.0.1:1234/v1/chat/completions", body)
    assert "secret detected" in studio.json()["error"]["message"]
