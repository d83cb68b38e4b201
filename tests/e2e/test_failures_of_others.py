"""Known failures of similar tools, each as a test; a number stands for a failure, whatever its spelling.

The fourteenth, a proxy that writes secrets into files of its own, is in `test_silence.py`,
`test_stored_flows.py` and `attacks/test_canary.py`.
"""

from __future__ import annotations

import base64
import itertools
import json
import ssl
from typing import Any

import pytest

from harness import sse
from harness.clients import AnthropicConversation
from harness.dialects import Style, dump, sign
from harness.model import PLACEHOLDER, Call, Prompt, Text, call, saying
from harness.post import CHAT, GEMINI, MESSAGES, RESPONSES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, joined, leaks
from harness.wire import Gate, encoded
from harness.wires import WIRES, Access
from secretgate.demo.planted import Maker

pytestmark = pytest.mark.usefixtures("echoing")


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def message(*messages: dict[str, Any], **more: Any) -> bytes:
    return dump({"model": "m", "max_tokens": 9, **more, "messages": list(messages)})


def test_01_a_key_inside_a_signature_is_left_alone(poster: Poster, planted: Planted) -> None:
    blob = sign(b"anything")
    assert "AKIA" in blob
    token = planted.values["GITHUB_TOKEN"]
    bodies = {
        MESSAGES: {
            "messages": [
                user(token),
                {
                    "role": "assistant",
                    "content": [
                        {"type": "redacted_thinking", "data": blob},
                        {
                            "type": "web_search_tool_result",
                            "tool_use_id": "srvtoolu_1",
                            "content": [{"type": "web_search_result", "encrypted_content": blob}],
                        },
                    ],
                },
            ]
        },
        RESPONSES: {
            "input": [
                {"role": "user", "content": token},
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": blob},
                {"type": "compaction", "encrypted_content": blob},
            ]
        },
        GEMINI: {
            "contents": [
                {"role": "user", "parts": [{"text": token}]},
                {"role": "model", "parts": [{"text": "hi", "thoughtSignature": blob}]},
            ]
        },
    }
    for target, body in bodies.items():
        raw = dump(body)
        arrived = poster.post(target, raw).forwarded.raw
        assert arrived.count(blob.encode()) == raw.count(blob.encode()), target
        assert PLACEHOLDER.search(arrived.decode())


def test_02_a_secret_of_an_earlier_turn_does_not_leave_in_a_later_one(
    poster: Poster, planted: Planted
) -> None:
    history = [user(planted.env)]
    for turn in range(4):
        exchange = poster.post(MESSAGES, message(*history))
        assert exchange.leaks(planted.secrets) == [], turn
        history += [{"role": "assistant", "content": "fine"}, user("go on")]


def test_03_nothing_is_serialised_anew(poster: Poster, planted: Planted) -> None:
    token = planted.values["GITHUB_TOKEN"].encode()
    raw = (
        b'{"z":1.50,\n "a":"\\u003d\\/","messages":[{"content":"k %s","role":"user"}],"a":1e2}'
        % token
    )
    before, after = raw.split(token)
    arrived = poster.post(MESSAGES, raw).forwarded.raw
    assert arrived.startswith(before)
    assert arrived.endswith(after)


def test_04_placeholders_in_tool_arguments_are_restored_at_every_cut(
    poster: Poster, provider: Provider, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]

    def script(prompt: Prompt) -> list[Any]:
        return [call("bash", command=f'echo "{prompt.value("GITHUB_TOKEN")}"\n')]

    body = message(user(f"GITHUB_TOKEN={token}"), stream=True)
    for delta, escape in itertools.product(
        (1, 2, 3, 4, 5, 7, 11, 20, 36, 37, 38, 39, 40), (False, True)
    ):
        style = Style(delta=delta, escape=escape)
        with (
            provider.manner(script=script, style=style),
            poster.stream(MESSAGES, body) as response,
        ):
            answer = sse.anthropic(sse.payloads(response.iter_bytes()))
        assert answer["content"][0]["input"] == {"command": f'echo "{token}"\n'}, (delta, escape)


def test_05_restored_arguments_do_not_leave_as_history(
    poster: Poster, provider: Provider, planted: Planted
) -> None:
    env = planted.env

    def script(prompt: Prompt) -> list[Any]:
        return [call("write_file", content=json.dumps({"env": "\n".join(prompt.last)}))]

    conversation = AnthropicConversation("Be brief.")
    with WIRES[0].transport(poster.access) as transport, provider.recording() as arrived:
        conversation.say(env)
        with provider.manner(script=script, style=Style(delta=4)):
            items = conversation.absorb(transport(conversation.body()))
        assert isinstance(items[0], Call)
        assert json.loads(json.loads(items[0].arguments)["content"])["env"] == env
        conversation.results(["written"])
        with provider.manner(script=saying(Text("done"))):
            conversation.absorb(transport(conversation.body()))
    assert leaks(joined(each.everything for each in arrived), planted.secrets) == []
    given = [each.json["messages"] for each in arrived]
    generated = script(Prompt(0, (), (given[0][0]["content"],)))[0]
    sent = given[1][1]["content"][0]["input"]
    assert sent == json.loads(generated.arguments)


KINDS: dict[str, Any] = {
    "mcp_tool_result": {"content": [{"type": "text", "text": "{}"}]},
    "bash_code_execution_tool_result": {"content": {"stdout": "{}", "stderr": ""}},
    "text_editor_code_execution_tool_result": {"content": {"content": "{}"}},
    "web_fetch_tool_result": {"content": {"content": {"source": {"type": "text", "data": "{}"}}}},
    "document": {
        "source": {"type": "text", "media_type": "text/plain", "data": "{}"},
        "title": "{}",
    },
    "search_result": {"source": "x", "title": "{}", "content": [{"type": "text", "text": "{}"}]},
    "server_tool_use": {"name": "x", "input": {"deep": [{"er": "{}"}]}},
    "compaction": {"content": "{}"},
    "of_next_year": {"some": {"field": ["{}"]}},
}


def filled(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return value.replace("{}", text)
    if isinstance(value, dict):
        return {key: filled(each, text) for key, each in value.items()}
    return [filled(each, text) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS)
def test_06_every_kind_of_block_is_read(kind: str, poster: Poster, planted: Planted) -> None:
    block = {"type": kind, **filled(KINDS[kind], f"x {planted.values['GITHUB_TOKEN']} y")}
    exchange = poster.post(MESSAGES, message(user([block])))
    assert exchange.leaks(planted.secrets) == []
    assert PLACEHOLDER.search(exchange.forwarded.raw.decode())


def test_06_tool_definitions_are_read(poster: Poster, planted: Planted) -> None:
    token = planted.values["STRIPE_SECRET_KEY"]
    schema = {"type": "object", "properties": {"key": {"default": token, "description": token}}}
    tools = [{"name": "pay", "description": f"use {token}", "input_schema": schema}]
    exchange = poster.post(MESSAGES, message(user("hi"), tools=tools))
    assert exchange.leaks(planted.secrets) == []
    assert exchange.forwarded.raw.decode().count("REDACTED<") == 3


def test_07_zstd_bodies_of_codex_are_read(poster: Poster, planted: Planted) -> None:
    target = ("chatgpt.com", "/backend-api/codex/responses")
    parts = [{"type": "input_text", "text": planted.env}]
    body = dump({"model": "m", "input": [{"type": "message", "role": "user", "content": parts}]})
    headers = {"content-encoding": "zstd", "authorization": "Bearer of-the-test"}
    exchange = poster.post(target, encoded(body, "zstd"), headers=headers)
    assert exchange.status == 200
    assert exchange.leaks(planted.secrets) == []
    assert PLACEHOLDER.search(exchange.forwarded.content.decode())


def test_08_a_stream_is_not_held_back(poster: Poster, provider: Provider) -> None:
    gate = Gate(after=1)
    with (
        provider.manner(script=saying(Text("first second")), style=Style(delta=6), gate=gate),
        poster.stream(MESSAGES, ask(MESSAGES, "hi", stream=True)) as response,
    ):
        pieces, seen = response.iter_bytes(), b""
        while b"first" not in seen:
            seen += next(pieces)
        gate.open()
        assert b"second" in b"".join(pieces)


def test_09_strict_clients_accept_the_leaf(poster: Poster, proxy: Proxy) -> None:
    def strictly() -> ssl.SSLContext:
        context = proxy.context()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    strict = Poster(Access(strictly, proxy.url), poster.provider)
    for target in (MESSAGES, CHAT, GEMINI):
        assert strict.post(target, ask(target, "hi")).status == 200


HARMLESS = (
    "Error: connection refused",
    "max_tokens: 4096, token_count=1234567890, tokens_used: 99887766",
    "password = os.environ['DB_PASSWORD']\npassword: ${DB_PASSWORD}\ntoken = get_token(user_id)",
    "the password is changeme; postgres:postgres@localhost is the default",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b\nsha256:" + "ab12" * 16,
    '"integrity": "sha512-' + base64.b64encode(bytes(range(64))).decode() + '"',
    "id 123e4567-e89b-12d3-a456-426614174000 in us-east-1",
    "key REDACTED<github-pat:0123456789ab> was redacted before",
    "sk-your-key-here, sk_live_xxxxxxxxxxxxxxxxxxxxxxxx, AKIAIOSFODNN7EXAMPLE, <your-api-key>",
)


@pytest.mark.parametrize("text", HARMLESS)
def test_10_what_is_no_secret_is_not_touched(text: str, poster: Poster) -> None:
    body = message(user(text))
    assert poster.post(MESSAGES, body).forwarded.raw == body


def test_11_a_placeholder_of_another_client_is_not_restored(
    poster: Poster, provider: Provider, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    first = poster.post(
        MESSAGES, message(user(f"my token is {token}")), headers={"x-api-key": "a" * 40}
    )
    placeholder = PLACEHOLDER.search(first.forwarded.raw.decode())
    assert placeholder
    assert token in first.content.decode()
    body = message(user(f"what is {placeholder[0]}?"))
    second = poster.post(MESSAGES, body, headers={"x-api-key": "b" * 40})
    assert token not in second.content.decode()
    assert placeholder[0] in second.content.decode()


def test_12_the_three_hundredth_secret_is_redacted_too(poster: Poster) -> None:
    make = Maker(99)
    secrets = {f"token {number}": make.github() for number in range(300)}
    text = "\n".join(f"export T{at}={value}" for at, value in enumerate(secrets.values()))
    exchange = poster.post(MESSAGES, message(user(text)))
    assert exchange.leaks(secrets) == []
    assert len(set(PLACEHOLDER.findall(exchange.forwarded.raw.decode()))) == 300
    assert all(value in exchange.content.decode() for value in secrets.values())


def test_13_a_bodyless_get_gains_no_content_length(poster: Poster) -> None:
    for target in (("api.anthropic.com", "/v1/models"), ("chatgpt.com", "/backend-api/me")):
        for http2 in (False, True):
            exchange = poster.post(target, b"", method="GET", http2=http2)
            assert exchange.forwarded.header("content-length") is None


def test_15_the_requests_own_credentials_are_not_redacted(poster: Poster, planted: Planted) -> None:
    own, other = planted.values["ANTHROPIC_API_KEY"], planted.values["GITHUB_TOKEN"]
    servers = [{"type": "url", "url": "https://mcp.example.com", "authorization_token": other}]
    body = message(user(f"deploy with ANTHROPIC_API_KEY={own}"), mcp_servers=servers)
    for header in ({"x-api-key": own}, {"authorization": f"Bearer {own}"}):
        assert poster.post(MESSAGES, body, headers=header).forwarded.raw == body


def test_15_token_endpoints_are_left_alone(poster: Poster) -> None:
    make = Maker(7)
    form = f"grant_type=refresh_token&refresh_token=sk-ant-ort01-{make.text(95)}AA&client_id=x"
    targets = (
        ("platform.claude.com", "/v1/oauth/token"),
        ("api.anthropic.com", "/v1/oauth/token"),
        ("auth.openai.com", "/oauth/token"),
    )
    for target in targets:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        exchange = poster.post(target, form.encode(), headers=kind)
        assert exchange.forwarded.raw == form.encode(), target


def test_16_the_head_of_the_prompt_is_not_rewritten(poster: Poster, planted: Planted) -> None:
    for turn in range(3):
        block = (
            f"x-anthropic-billing-header: cc_version=2.1.330.{turn}af; cc_entrypoint=cli; "
            f"cch={turn}3f0a; cc_prompt_id=123e4567-e89b-12d3-a456-42661417400{turn}; "
            f"cc_prev_req=req_011CV{Maker(turn).text(19)};"
        )
        system = [{"type": "text", "text": block}, {"type": "text", "text": planted.env}]
        body = message(user("hi"), system=system)
        exchange = poster.post(MESSAGES, body)
        assert exchange.forwarded.json["system"][0]["text"] == block
        assert exchange.leaks(planted.secrets) == []


def test_17_a_signed_body_is_refused_rather_than_broken(poster: Poster, planted: Planted) -> None:
    target = ("bedrock-runtime.us-east-1.amazonaws.com", "/model/anthropic.claude/invoke")
    signature = (
        "AWS4-HMAC-SHA256 Credential=AKIAX/20261121/us-east-1/bedrock/aws4_request, Signature=0a"
    )
    headers = {"authorization": signature, "x-amz-content-sha256": "0" * 64}
    clean = message(user("hello"), anthropic_version="bedrock-2023-05-31")
    assert poster.post(target, clean, headers=headers).forwarded.raw == clean
    body = message(user(planted.env), anthropic_version="bedrock-2023-05-31")
    exchange = poster.post(target, body, headers=headers)
    assert exchange.refused
    assert "sign" in exchange.content.decode()


def test_18_a_protocol_that_is_not_read_is_not_passed(poster: Poster, planted: Planted) -> None:
    target = ("api2.cursor.sh", "/aiserver.v1.ChatService/StreamUnifiedChatWithTools")
    token = planted.values["GITHUB_TOKEN"].encode()
    inner = b"\x0a" + bytes([len(token)]) + token
    body = b"\x00" + len(inner).to_bytes(4, "big") + inner
    exchange = poster.post(
        target, body, http2=True, headers={"content-type": "application/connect+proto"}
    )
    assert exchange.leaks(planted.secrets) == []
