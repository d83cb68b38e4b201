"""The template of placeholders changes: what was issued before is restored, and is no secret."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.test import taddons

from addon.kit import SCOPE, token
from addon.test_gate import answered, flow
from secretgate import engine, gate
from secretgate.inbound.restoration import Channel, Depth
from secretgate.placeholders import DEFAULT_TEMPLATE, Issued, Template
from secretgate.settings import Settings
from secretgate.state import Places

OTHER = "Mask_{rule}_{id}_"
VALUES = {DEFAULT_TEMPLATE: b"one value", OTHER: b"another value", "REDO[{id}]": b"a third"}


def asking(text: str, **more: Any) -> http.HTTPFlow:
    body = json.dumps({"model": "m", "input": text, **more}).encode()
    return flow(body, "api.openai.com", "/v1/responses", authorization="Bearer of-one-user")


def sent(one: http.HTTPFlow) -> str:
    said: str = json.loads(one.request.raw_content)["input"]
    return said


async def test_a_kept_conversation_goes_on_when_the_template_changes(
    made: gate.Gate, context: taddons.context
) -> None:
    first = asking(token(1))
    await made.request(first)
    former = sent(first)
    assert former.startswith("REDACTED<")
    assert answered(made, first, former) == token(1)

    context.options.update(secretgate_placeholder=OTHER)
    later = asking(f"{former}, {token(1)}, {token(2)}", previous_response_id="resp_0123456789")
    await made.request(later)
    begun, again, new = sent(later).split(", ")
    assert begun == former
    assert again.startswith("Mask_")
    assert new.startswith("Mask_")
    said = answered(made, later, f"{former}, {again}, {new}, {former.upper()}")
    assert said == f"{token(1)}, {token(1)}, {token(2)}, {token(1)}"
    assert made.counters.numbers()["redacted"] == {"test-token": 3}


def test_a_chain_in_the_store_outlives_the_template(tmp_path: Path) -> None:
    def begun(template: str) -> engine.Engine:
        settings = Settings(vault="sqlite", placeholder=template, known_environment=False)
        return engine.build(settings, Places(tmp_path, tmp_path), pytest.fail)

    one = begun(OTHER)
    name = one.namer.name("rule", b"value")
    one.vault.link(SCOPE, "resp_1", Issued(one.namer.template, {name: b"value"}))
    one.ledger.close()
    for template in (DEFAULT_TEMPLATE, "Third[{id}]"):
        two = begun(template)
        two.vault.refresh(SCOPE, ["resp_1"])
        chain = two.vault.chain(SCOPE, "resp_1")
        assert chain is not None
        issued = two.nothing_issued.joined(chain)
        assert Channel(issued, Depth.PLAIN).feed(b"it is " + name + b".") == b"it is value."
        two.ledger.close()


def test_a_former_placeholder_is_no_secret(tmp_path: Path) -> None:
    """Where it was not restored it is in the history, which must not change."""
    places = Places(tmp_path, tmp_path)
    for template in ("Xq7zPw4-{id}", DEFAULT_TEMPLATE):
        settings = Settings(known_environment=False, placeholder=template)
        built = engine.build(settings, places, pytest.fail)
        built.ledger.close()
    name = Template("Xq7zPw4-{id}").fill("rule", "3f9a1c04be77")
    assert not built.redactor.detector.find(b'password = "' + name + b'"')


@given(
    st.lists(st.sampled_from([*VALUES, "RED", "Ma", "\n", "<", "REDO", "x"]), max_size=6),
    st.lists(st.integers(0, 200)),
)
def test_several_templates_are_restored_however_the_text_is_cut(
    pieces: list[str], cuts: list[int]
) -> None:
    template = Template(*VALUES)
    names = {each: Template(each).fill("rule", "0" * 12) for each in VALUES}
    text = b" ".join(names.get(piece, piece.encode()) for piece in pieces)
    expected = b" ".join(VALUES.get(piece, piece.encode()) for piece in pieces)
    issued = Issued(template, {names[each]: value for each, value in VALUES.items()})
    channel = Channel(issued, Depth.PLAIN)
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    out = b"".join(channel.feed(text[a:b]) for a, b in itertools.pairwise(edges))
    assert out + channel.finish() == expected
