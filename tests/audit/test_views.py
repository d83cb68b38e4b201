"""Markers, comments, the content view and the command, through mitmproxy's own interfaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import contentviews, http
from mitmproxy.test import taddons, tflow

from addon.kit import RULES, token
from secretgate import engine, gate
from secretgate.placeholders import Template
from secretgate.views.addon import Views
from secretgate.views.listing import listing
from secretgate_rules import Detector

SECRET = token("views")


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[taddons.context]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("SECRETGATE_HOME", str(home))
    monkeypatch.setattr(engine, "load_default", lambda barrier, **_: Detector(RULES, barrier))
    from mitmproxy.addons import proxyserver

    with taddons.context(proxyserver.Proxyserver()) as made:
        monkeypatch.setattr(
            made.master, "view", None, raising=False
        )  # as mitmproxy and mitmweb have
        made.options.update(confdir=str(home / "own"))
        made.gate = gate.Gate()
        made.views = Views(made.gate)
        made.master.addons.add(made.gate, made.views)
        made.configure(made.gate)
        yield made
        made.gate.reporter.trail.close()


def flow(text: str, host: str = "api.anthropic.com") -> http.HTTPFlow:
    one = tflow.tflow()
    one.request.method = "POST"
    one.request.host, one.request.path, one.request.scheme = host, "/v1/messages", "https"
    one.request.headers.clear()
    one.request.headers.update({"host": host, "content-type": "application/json"})
    body = {"model": "m", "messages": [{"role": "user", "content": text}] * 2}
    one.request.content = json.dumps(body).encode()
    return one


async def decided(context: Any, one: http.HTTPFlow) -> http.HTTPFlow:
    await context.gate.request(one)
    context.views.request(one)
    return one


@pytest.mark.parametrize(
    ("mode", "mark", "comment"),
    [
        ("redact", ":lock:", "secretgate: redacted test-token 2"),
        ("block", ":no_entry:", "secretgate: blocked test-token 2"),
        ("audit", ":eyes:", "secretgate: audited test-token 2"),
    ],
)
async def test_flows_are_marked_and_commented(
    mode: str, mark: str, comment: str, context: Any
) -> None:
    context.options.update(secretgate_mode=mode)
    one = await decided(context, flow(f"my {SECRET}"))
    assert (one.marked, one.comment) == (mark, comment)
    clean = await decided(context, flow("hello"))
    assert (clean.marked, clean.comment) == ("", "")


async def test_the_answer_is_told_of_too(context: Any) -> None:
    one = await decided(context, flow(f"my {SECRET}"))
    placeholder = json.loads(one.request.content)["messages"][0]["content"].removeprefix("my ")
    one.response = http.Response.make(200, b"", {"content-type": "application/json"})
    context.gate.responseheaders(one)
    stranger = "REDACTED<test-token:000000000000>"
    answer = {"content": [{"type": "text", "text": f"{placeholder} {stranger}"}]}
    assert callable(one.response.stream)
    for data in (json.dumps(answer).encode(), b""):
        one.response.stream(data)
    await context.gate.response(one)
    context.views.response(one)
    assert one.comment == "secretgate: redacted test-token 2; 1 put back; 1 not put back"


async def test_what_a_user_wrote_stays(context: Any) -> None:
    one = flow(f"my {SECRET}")
    one.marked, one.comment = ":star:", "look here"
    await decided(context, one)
    assert (one.marked, one.comment) == (":star:", "look here")


async def test_what_cannot_be_read_is_marked(context: Any) -> None:
    one = flow("hello")
    one.request.content = one.request.content[:-3]
    await decided(context, one)
    assert (one.marked, one.comment) == (":no_entry:", "secretgate: refused, unreadable")


def viewed(message: Any, one: http.HTTPFlow, view: str = "auto") -> str:
    """Return what mitmproxy displays, in either version of its interface."""
    if hasattr(contentviews, "prettify_message"):
        return str(contentviews.prettify_message(message, one, view).text)
    _, lines, error = contentviews.get_message_content_view(view, message, one)
    assert error is None
    return "\n".join("".join(text for _, text in line) for line in lines)


async def test_the_content_view_says_what_stands_where(context: Any) -> None:
    one = await decided(context, flow(f"my {SECRET}"))
    shown = viewed(one.request, one)
    assert shown.startswith("# 1 placeholder\n# REDACTED<test-token:")
    assert "in messages[0].content, messages[1].content" in shown
    assert '"role": "user"' in shown
    assert SECRET not in shown
    clean = await decided(context, flow("hello"))
    assert "placeholder" not in viewed(clean.request, clean)
    assert viewed(clean.request, clean, "secretgate").startswith("# 0 placeholders")


def test_a_body_that_is_no_json_is_listed_by_lines() -> None:
    name = "REDACTED<jwt:0123456789ab>"
    body = f"event: x\ndata: {{{name}\n\ndata: {name} {name}\n".encode()
    shown = listing(body, "application/json", Template())
    assert shown.startswith(f"# 1 placeholder\n# {name}  in line 2, line 4, line 4\n\nevent: x")


async def test_the_command(context: Any) -> None:
    await decided(context, flow(f"my {SECRET}"))
    told = "\n".join(context.master.commands.execute("secretgate.status"))
    assert "mode redact" in told
    assert "1 secret redacted (test-token 1)" in told
    assert "text searched for secrets" in told
