"""The canary on a bad day: faults in every hook, crashes, stored flows, debug output. Nothing that the process and its
children wrote, and nothing that the system shows of it, holds a planted value in any encoding."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import httpx
import pytest

from harness.fixtures import Launch
from harness.model import echo
from harness.post import CHAT, MESSAGES, RESPONSES, Poster, ask
from harness.provider import Provider
from harness.secrets import leaks, plant
from harness.wires import WIRES, Access

pytestmark = pytest.mark.e2e
FAULTS = Path(__file__).with_name("faulty_addon.py")
HOOKS = (
    "tls_clienthello",
    "requestheaders",
    "request",
    "responseheaders",
    "response",
    "websocket_message",
    "websocket_end",
    "error",
)


@pytest.mark.parametrize("mode", ["redact", "block"])
def test_nothing_written_on_a_bad_day_holds_a_value(
    mode: str, launch: Launch, provider: Provider
) -> None:
    planted = plant(815)
    proxy = launch(
        options={"secretgate_mode": mode, "termlog_verbosity": "debug", "flow_detail": 2},
        arguments=["-s", str(FAULTS), "-w", "flows"],
        environment={"PYTHONDEVMODE": "1"},
    )
    poster = Poster(Access.through(proxy), provider)
    system = f"x\n{planted.env}\n{planted.pem}"
    for hook in ("", *HOOKS):
        for target in (MESSAGES, CHAT, RESPONSES) if not hook else (MESSAGES,):
            path = f"{target[1]}?fault={hook}"
            body = ask(target, system, stream=True)
            with provider.manner(script=echo), contextlib.suppress(httpx.HTTPError, OSError):
                poster.post((target[0], path), body)
    conversation = WIRES[10].conversation(system)
    with (
        provider.manner(script=echo),
        contextlib.suppress(Exception),
        WIRES[10].transport(poster.access) as transport,
    ):
        conversation.say(planted.env)
        conversation.absorb(transport(conversation.body()))
    if sys.platform == "linux":
        folder = Path("/proc") / str(proxy.pid)
        shown = {name: (folder / name).read_bytes() for name in ("cmdline", "environ", "comm")}
        for name, data in shown.items():
            assert leaks(data, planted.secrets) == [], name
    proxy.stop()
    written = proxy.written()
    assert "flows" in written
    assert len(written["flows"]) > 1000
    assert written["(output)"].count(b"RuntimeError at engine") > 3
    for name, data in written.items():
        assert leaks(data, planted.secrets) == [], name
