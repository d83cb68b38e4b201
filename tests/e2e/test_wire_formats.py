"""Every family through a real mitmdump: its request redacted, its stream restored, its clients answered."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from harness.model import PLACEHOLDER
from harness.proxy import Proxy
from harness.secrets import Planted
from harness.wire_families import FAMILIES, Family
from harness.wire_formats import Asked, Duplex, Peer, Reply, pieces
from secretgate import hosts
from secretgate.hosts import Treatment

GEMINI_LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def concrete(host: str) -> str:
    """A host of a glob."""
    if host.startswith("*."):
        return "own" + concrete(host[1:])
    google = host.endswith("googleapis.com")
    return host.replace("*", "us-central1" if google else "us-east-1")


NAMED = ("api2.cursor.sh", "agentn.global.api5.cursor.sh")
ALL = sorted({*NAMED, *(concrete(host) for host in hosts.ca_domains())})


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    made = Peer(tmp_path_factory.mktemp("peer"), ALL)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _plain(peer: Peer) -> None:
    peer.respond = lambda asked: Reply(b"{}")
    peer.talk = lambda message: [message]


Start = Callable[..., Proxy]


@pytest.fixture(scope="module")
def start(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    running: dict[str, Proxy] = {}

    def given(**options: str) -> Proxy:
        key = json.dumps(options)
        if key not in running:
            shown = {f"secretgate_{name}": value for name, value in options.items()}
            home = tmp_path_factory.mktemp("proxy")
            running[key] = Proxy(peer, home, options=shown).start()  # type: ignore[arg-type]
        return running[key]

    yield given
    for proxy in running.values():
        proxy.stop()


@pytest.fixture(scope="module")
def proxy(start: Start) -> Proxy:
    return start()


@pytest.fixture(scope="module")
def token(planted: Planted) -> str:
    return planted.values["GITHUB_TOKEN"]


def client(proxy: Proxy, http2: bool = False) -> httpx.Client:
    return httpx.Client(
        proxy=proxy.url, verify=proxy.context(), http2=http2, timeout=10, trust_env=False
    )


def post(
    proxy: Proxy, url: str, content: bytes, kind: str = "application/json", **headers: str
) -> httpx.Response:
    with client(proxy) as each:
        return each.post(url, content=content, headers={"content-type": kind, **headers})


@dataclass(frozen=True)
class Place:
    family: str
    host: str
    path: str
    body: Callable[[str], Any]
    kind: str = "text/event-stream"


def messages(text: str) -> Any:
    return {"stream": True, "messages": [{"role": "user", "content": text}]}


def contents(text: str) -> Any:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def converse(text: str) -> Any:
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


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


def multipart(content: bytes, kind: str) -> bytes:
    head = f'--b0\r\nContent-Disposition: form-data; name="file"; filename="x"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + content + b"\r\n--b0--\r\n"


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


def test_an_upload_of_a_declared_size_is_refused(proxy: Proxy, peer: Peer, token: str) -> None:
    before = len(peer.asked)
    url = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1"
    headers = {"x-goog-upload-offset": "0", "x-goog-upload-command": "upload, finalize"}
    response = post(proxy, url, f"notes: {token}".encode(), "text/plain", **headers)
    assert response.status_code == 403
    assert "size was declared" in response.json()["error"]["message"]
    assert peer.asked[before:] == []
    assert post(proxy, url, b"notes: none", "text/plain", **headers).status_code == 200


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


# WebSockets


def dial(proxy: Proxy, host: str, path: str, **headers: str) -> ClientConnection:
    return connect(
        f"wss://{host}{path}",
        ssl=proxy.context(),
        proxy=proxy.url,
        open_timeout=10,
        additional_headers=headers,
    )


def test_gemini_live_speaks_json_in_binary_messages(proxy: Proxy, peer: Peer, token: str) -> None:
    def talk(message: str | bytes) -> list[str | bytes]:
        assert isinstance(message, bytes)
        found = PLACEHOLDER.search(message.decode())
        assert found
        said = [*pieces(f"it is {found[0]}", 4), found[0][:5]]
        parts = [{"serverContent": {"modelTurn": {"parts": [{"text": piece}]}}} for piece in said]
        return [
            json.dumps(part).encode()
            for part in [*parts, {"serverContent": {"turnComplete": True}}]
        ]

    peer.talk = talk
    with dial(proxy, "generativelanguage.googleapis.com", GEMINI_LIVE) as socket:
        turn = {"clientContent": {"turns": contents(f"my token: {token}")["contents"]}}
        socket.send(json.dumps(turn).encode())
        text = ""
        while True:
            message = socket.recv(timeout=10)
            assert isinstance(message, bytes)
            content = json.loads(message)["serverContent"]
            if content.get("turnComplete"):
                break
            text += content["modelTurn"]["parts"][0]["text"]
    assert text.startswith(f"it is {token}REDA")
    (arrived,) = peer.asked[-1].messages
    assert isinstance(arrived, bytes)
    assert token.encode() not in arrived


def test_many_messages_at_once_keep_their_order(proxy: Proxy, peer: Peer, token: str) -> None:
    def talk(message: str | bytes) -> list[str | bytes]:
        found = PLACEHOLDER.search(str(message))
        if not found:
            return []
        said = f"{found[0]} and {found[0][:9]}"
        family = FAMILIES["responses"]
        payloads = family.write(list(pieces(said, 3)), ["{}"]).decode().split("\n\n")
        return [payload.partition("data: ")[2] for payload in payloads if payload]

    peer.talk = talk
    with dial(proxy, "api.openai.com", "/v1/responses") as socket:
        for _ in range(5):
            socket.send(json.dumps({"type": "response.create", "input": f"it: {token}"}))
            events = []
            while not events or events[-1]["type"] != "response.completed":
                events.append(json.loads(socket.recv(timeout=10)))
            raw = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
            text, _ = FAMILIES["responses"].read(raw)
            assert text.startswith(f"{token} and REDACTED<")


def test_a_binary_protocol_on_a_covered_host_ends_with_a_reason(
    proxy: Proxy, peer: Peer, token: str
) -> None:
    before = len(peer.asked)
    with dial(proxy, "ampcode.com", "/api/thread-actors", **{"user-agent": "amp/1.0"}) as socket:
        socket.send(b"\x01\x00\xff\xfe" + token.encode())
        error = json.loads(socket.recv(timeout=10))
        assert "cannot read" in error["error"]["message"]
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
    (asked,) = peer.asked[before:]
    assert asked.messages == []


def test_policy_may_let_a_binary_protocol_pass(start: Start, peer: Peer) -> None:
    with dial(start(on_unreadable="pass"), "ampcode.com", "/api/thread-actors") as socket:
        socket.send(b"\x01\x00\xff\xfe")
        assert socket.recv(timeout=10) == b"\x01\x00\xff\xfe"


# Connect and gRPC


def envelope(message: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(message)) + message


def say(text: str) -> bytes:
    raw = text.encode()
    return b"\x0a" + bytes([len(raw)]) + raw


@pytest.mark.parametrize("kind", ["application/connect+proto", "application/grpc"])
def test_a_call_on_which_both_sides_talk_is_never_held_back(
    kind: str, proxy: Proxy, peer: Peer, token: str
) -> None:
    headers = {"content-type": kind}
    with Duplex(
        proxy, "agentn.global.api5.cursor.sh", "/agent.v1.AgentService/Run", headers
    ) as call:
        first = envelope(say("hello"))
        call.send(first)
        assert call.read(len(first)) == first
        second = envelope(say(f"my token is {token}"))
        call.send(second[:9])
        call.send(second[9:])
        assert call.read(len(first + second)) == first + second
        beat = envelope(b"")
        call.send(beat)
        assert call.read(len(first + second + beat)) == first + second + beat
        call.send(envelope(say("bye")), end=True)
        assert call.read(1 << 20) == first + second + beat + envelope(say("bye"))
    arrived = peer.asked[-1].body
    assert token.encode() not in arrived
    assert PLACEHOLDER.search(arrived.decode("latin-1"))


def test_compressed_messages_of_a_call(proxy: Proxy, peer: Peer, token: str) -> None:
    headers = {"content-type": "application/connect+proto", "connect-content-encoding": "gzip"}
    with Duplex(proxy, "own.cursor.sh", "/aiserver.v1.ChatService/Stream", headers) as call:
        call.send(envelope(gzip.compress(say(token)), 1), end=True)
        call.read(1 << 20)
    arrived = peer.asked[-1].body
    assert PLACEHOLDER.fullmatch(gzip.decompress(arrived[5:])[2:].decode())


@pytest.mark.parametrize("mode", ["block", "redact"])
def test_a_call_that_must_not_go_on_ends(mode: str, start: Start, peer: Peer, token: str) -> None:
    before = len(peer.asked)
    headers = {"content-type": "application/connect+proto"}
    bad = envelope(say(token)) if mode == "block" else b"\xff" * 20 + token.encode()
    with Duplex(
        start(mode=mode), "own.cursor.sh", "/aiserver.v1.ChatService/Stream", headers
    ) as call:
        call.send(envelope(say("fine")))
        assert call.read(5)
        call.send(bad)
        call.read(1 << 20)
        assert call.ended
    for asked in peer.asked[before:]:
        assert token.encode() not in asked.body


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


def test_a_local_server_of_the_users_is_covered_without_tls(start: Start, token: str) -> None:
    proxy = start(hosts="localhost=ollama,127.0.0.1=openai-chat", mode="block")
    body = json.dumps(messages(token)).encode()
    refused = post(proxy, "http://localhost:11434/api/chat", body)
    assert (refused.status_code, [*refused.json()]) == (403, ["error"])
    assert "secret detected" in refused.json()["error"]
    studio = post(proxy, "http://127.0.0.1:1234/v1/chat/completions", body)
    assert "secret detected" in studio.json()["error"]["message"]
