"""The canary: after busy traffic, nothing written by the process contains a planted value."""

from __future__ import annotations

import contextlib
import re

import httpx
import pytest

from harness import scenario
from harness.dialects import Style
from harness.fixtures import Launch
from harness.model import agent, echo
from harness.post import CHAT, GEMINI, MESSAGES, RESPONSES, Poster, ask
from harness.provider import Provider
from harness.secrets import leaks, plant
from harness.wires import WIRES, Access

OUR_FRAME = re.compile(rb'File "[^"]*/(?:addon|rules|certs|site-packages)/secretgate[^"]*", line')
"""A traceback line in our code."""


@pytest.mark.parametrize("mode", ["redact", "block", "audit"])
def test_nothing_written_holds_a_value(mode: str, launch: Launch, provider: Provider) -> None:
    planted = plant(4711)
    proxy = launch(options={"secretgate_mode": mode, "termlog_verbosity": "debug"})
    poster = Poster(Access.through(proxy), provider)
    if mode == "redact":
        for wire in (WIRES[1], WIRES[10], WIRES[14]):
            conversation = wire.conversation(scenario.system(planted))
            with (
                provider.manner(script=agent(), style=Style(delta=3)),
                wire.transport(poster.access) as transport,
            ):
                scenario.hold(conversation, transport, planted)
    for target in (MESSAGES, CHAT, RESPONSES, GEMINI):
        body = ask(target, f"{planted.env}\n{planted.pem}", stream=True)
        with provider.manner(script=echo):
            poster.post(target, body)
            poster.post(target, body[:-2])
            poster.post(target, body, headers={"content-encoding": "gzip"})
            poster.post((target[0], "/v1/unknown"), body)
        with provider.manner(error=(400, "no: {last}")):
            poster.post(target, body)
        with (
            provider.manner(script=echo, die=4),
            contextlib.suppress(httpx.HTTPError),
            poster.stream(target, body) as response,
        ):
            response.read()
    proxy.stop()
    written = proxy.written()
    assert len(written) > 2
    for name, data in written.items():
        assert leaks(data, planted.secrets) == [], name
        assert leaks(name.encode(), planted.secrets) == [], name
    assert not OUR_FRAME.search(proxy.output)
