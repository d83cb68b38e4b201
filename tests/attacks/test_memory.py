"""A secret stays in memory no longer than its lifetime; afterwards no object contains it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from mitmproxy import version

from harness.fixtures import Launch
from harness.model import echo
from harness.post import CHAT, GEMINI, GEMINI_SSE, MESSAGES, RESPONSES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, plant
from harness.wire import Gate
from harness.wires import WIRES, Access

HEAP = Path(__file__).with_name("heap_addon.py")
REMEMBER = 60


def held(proxy: Proxy, values: dict[str, str], later: float = 0) -> list[str]:
    """Return what holds one of the values in the proxy's memory after `later` seconds."""
    inverted = [bytes(255 - byte for byte in value.encode()).hex() for value in values.values()]
    headers = {"x-inverted": json.dumps(inverted), **({"x-later": str(later)} if later else {})}
    with httpx.Client(proxy=proxy.url, trust_env=False, timeout=60) as client:
        answer = client.get("http://heap.test/", headers=headers)
        assert answer.status_code == 200, answer.text
        found: list[str] = answer.json()
    return found


def converse(poster: Poster, provider: Provider, planted: Planted, passes: bool) -> None:
    """Send secrets in bodies, member names, targets, headers, files and a WebSocket.

    `passes` says whether the mode forwards them as placeholders.
    """
    token = planted.values["GITHUB_TOKEN"]
    headers = {"x-note": f"the token is {token} so"}
    text = f"{planted.env}\n{planted.pem}"
    with provider.manner(script=echo):
        for http2 in (False, True):
            for target in (MESSAGES, CHAT, RESPONSES, GEMINI, GEMINI_SSE):
                for stream in (False, True):
                    more = {"stream": stream} if target not in (GEMINI, GEMINI_SSE) else {}
                    answer = poster.post(
                        target, ask(target, text, **more), http2=http2, headers=headers
                    )
                    assert (token.encode() in answer.content) is passes
        odd = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], token: 1})
        poster.post((MESSAGES[0], f"{MESSAGES[1]}?note={token}"), odd.encode())
        poster.post((MESSAGES[0], f"/v1/messages/batches/{token}"), odd.encode())
        encoded = base64.b64encode(text.encode()).decode()
        poster.post(MESSAGES, ask(MESSAGES, f"{encoded} {quote(text)} {text.encode().hex()}"))
        poster.post(MESSAGES, ask(MESSAGES, text)[:-2])
        poster.post(MESSAGES, gzip.compress(odd.encode()), headers={"content-encoding": "gzip"})
        files, kind = _upload(text, token)
        poster.post(("api.openai.com", "/v1/files"), files, headers={"content-type": kind})
        poster.post(("mcp-proxy.anthropic.com", "/mcp"), _call(text))
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = wire.conversation("Be brief.")
    with (
        wire.transport(poster.access) as transport,
        provider.manner(script=echo),
        contextlib.nullcontext() if passes else contextlib.suppress(Exception),
    ):
        conversation.say(planted.env)
        assert (token in json.dumps(transport(conversation.body()))) is passes


def break_off(poster: Poster, provider: Provider, planted: Planted) -> None:
    """Let a provider reset its answer, and a client leave in the middle of one."""
    body = ask(MESSAGES, planted.env, stream=True)
    with provider.manner(script=echo, die=2), contextlib.suppress(httpx.HTTPError):
        poster.post(MESSAGES, body)
    gate = Gate(after=2)
    with provider.manner(script=echo, gate=gate), poster.stream(MESSAGES, body) as response:
        next(response.iter_bytes())


def _upload(text: str, token: str) -> tuple[bytes, str]:
    lines = [
        "--of-the-test",
        f'Content-Disposition: form-data; name="file"; filename="{token}.env"',
        "",
        text,
        "--of-the-test--",
        "",
    ]
    return "\r\n".join(lines).encode(), "multipart/form-data; boundary=of-the-test"


def _call(text: str) -> bytes:
    given = {"name": "write", "arguments": {"text": text}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": given}).encode()


@pytest.mark.e2e
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("tool", "mode"), [("mitmdump", "redact"), ("mitmweb", "redact"), ("mitmweb", "block")]
)
def test_a_value_that_ran_out_is_held_by_nothing(
    tool: str, mode: str, launch: Launch, provider: Provider
) -> None:
    """mitmweb keeps all flows while it runs; what is known about them must not stay with them."""
    planted = plant(909)
    web = {"web_open_browser": False, "web_port": 0} if tool == "mitmweb" else {}
    if web and not version.VERSION.startswith("11.0"):
        web["store_streamed_bodies"] = True
    proxy = launch(
        tool=tool,
        options={"secretgate_remember": REMEMBER, "secretgate_mode": mode, **web},
        arguments=["-s", str(HEAP)],
    )
    poster = Poster(Access.through(proxy), provider)
    converse(poster, provider, planted, mode == "redact")
    break_off(poster, provider, planted)
    if mode == "redact":
        assert held(proxy, planted.secrets), "the search finds nothing where there is something"
    left = held(proxy, planted.secrets, REMEMBER + 1.0)
    assert left == []
