"""A secret is kept in memory no longer than its time to live: afterwards nothing in the process holds it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from harness.fixtures import Launch
from harness.model import echo
from harness.post import CHAT, MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, plant
from harness.wires import WIRES, Access

HEAP = Path(__file__).with_name("heap_addon.py")
REMEMBER = 60


def held(proxy: Proxy, values: dict[str, str], later: float = 0) -> list[str]:
    """What holds one of the values in the memory of the proxy, after so many seconds."""
    inverted = [bytes(255 - byte for byte in value.encode()).hex() for value in values.values()]
    headers = {"x-inverted": json.dumps(inverted), **({"x-later": str(later)} if later else {})}
    with httpx.Client(proxy=proxy.url, trust_env=False, timeout=60) as client:
        found: list[str] = client.get("http://heap.test/", headers=headers).json()
    return found


def converse(poster: Poster, provider: Provider, planted: Planted) -> None:
    """Streams, whole answers, a WebSocket; secrets in bodies, names of members, targets and headers."""
    token = planted.values["GITHUB_TOKEN"]
    headers = {"x-note": f"the token is {token} so"}
    with provider.manner(script=echo):
        for http2 in (False, True):
            for target in (MESSAGES, CHAT):
                for stream in (False, True):
                    body = ask(target, f"{planted.env}\n{planted.pem}", stream=stream)
                    answer = poster.post(target, body, http2=http2, headers=headers)
                    assert token.encode() in answer.content
        odd = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], token: 1})
        poster.post((MESSAGES[0], f"{MESSAGES[1]}?note={token}"), odd.encode())
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = wire.conversation("Be brief.")
    with wire.transport(poster.access) as transport, provider.manner(script=echo):
        conversation.say(planted.env)
        assert token in json.dumps(transport(conversation.body()))


@pytest.mark.e2e
@pytest.mark.timeout(120)
@pytest.mark.parametrize("tool", ["mitmdump", "mitmweb"])
def test_a_value_that_ran_out_is_held_by_nothing(
    tool: str, launch: Launch, provider: Provider
) -> None:
    """mitmweb keeps all flows for as long as it runs: what is known of them must not stay with them."""
    planted = plant(909)
    web = {"web_open_browser": False, "web_port": 0} if tool == "mitmweb" else {}
    proxy = launch(
        tool=tool,
        options={"secretgate_remember": REMEMBER, **web},
        arguments=["-s", str(HEAP)],
    )
    converse(Poster(Access.through(proxy), provider), provider, planted)
    assert held(proxy, planted.secrets), "the search finds nothing where there is something"
    left = held(proxy, planted.secrets, REMEMBER + 1.0)
    assert left == []
