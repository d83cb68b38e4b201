"""The counters as displayed agree with the traffic: status, audit reports, local page."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.command import environment, secretgate
from harness.fixtures import Launch
from harness.model import Text, echo
from harness.post import CHAT, GEMINI, MESSAGES, RESPONSES, Poster, Target, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import plant
from harness.wires import Access
from secretgate.coverage import NAMES, size
from secretgate.launch.running import status

pytestmark = pytest.mark.e2e
TARGETS = (MESSAGES, CHAT, RESPONSES, GEMINI)
STRANGER = "REDACTED<github-pat:0123456789ab>"
TOKEN = b"grant_type=refresh_token&refresh_token=of-the-test"
LITERAL = re.compile(rb'"((?:[^"\\]|\\.)*+)"(\s*:)?')


def literals(raw: bytes) -> tuple[int, int]:
    """Return the bytes in JSON strings, as (values, names), by an independent parser."""
    found = [(len(text), bool(name)) for text, name in LITERAL.findall(raw)]
    return sum(n for n, name in found if not name), sum(n for n, name in found if name)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[1])
def test_every_string_is_in_one_class_and_nothing_else_is(
    target: Target, proxy: Proxy, poster: Poster
) -> None:
    def counted() -> dict[str, int]:
        told = status(proxy.host, proxy.port)
        assert told
        coverage: dict[str, int] = told["counters"]["coverage"]
        return coverage

    body = ask(
        target, 'odd "text" \\ with\nescapes \u00e9 \U0001f511' * 9, more={"x": ["y", 1, None]}
    )
    before = counted()
    poster.post(target, body)
    grown = {name: count - before[name] for name, count in counted().items()}
    values, names = literals(body)
    classed = grown["scanned"] + grown["opaque"] + grown["binary"] + grown["skipped"]
    assert values <= classed <= values + names
    assert (grown["total"], grown["unreadable"]) == (len(body), 0)


def shown_in_lines(text: str) -> tuple[dict[str, int], dict[str, str]]:
    """Return counts and sizes by their label, from text for terminals."""
    numbers: dict[str, int] = {}
    for count, what in re.findall(r"(\d[\d,]*) ([a-z][a-z ]+[a-z])", re.sub(" +", " ", text)):
        numbers.setdefault(what, int(count.replace(",", "")))
    sizes = {
        each: found[1]
        for each, name in NAMES.items()
        if (found := re.search(rf"([\d.]+ k?B) .*{re.escape(name)}", text))
    }
    return numbers, sizes


def shown_on_a_page(html: str) -> tuple[dict[str, int], dict[str, str]]:
    html = unescape(html)
    pairs = re.findall(r"<dt>([^<]+)</dt><dd>(\d[\d,]*)</dd>", html)
    numbers = {name: int(count.replace(",", "")) for name, count in pairs}
    rows = re.findall(r"<tr><th[^>]*>(?:<svg.*?</svg>)?([^<]+)</th><td[^>]*>([^<]+)</td>", html)
    by_name = {name: each for each, name in NAMES.items()}
    return numbers, {by_name[name]: told for name, told in rows if name in by_name}


def figure(numbers: dict[str, int], *names: str) -> int:
    """Return the number with one of these labels; exactly one must be present."""
    found = [numbers[name] for name in names if name in numbers]
    assert len(found) == 1, (names, numbers)
    return found[0]


@pytest.fixture(scope="module")
def places(
    launch: Launch, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, tuple[dict[str, int], dict[str, str]]]]:
    """What was sent and answered, and what each display shows of it."""
    proxy, planted = launch(), plant(12)
    poster = Poster(Access.through(proxy), provider)
    sent = {"requests": 0, "total": 0, "unreadable": 0, "refused": 0, "skipped": 0, "strange": 0}
    with provider.manner(script=echo):
        for target in TARGETS:
            body = ask(target, planted.values["GITHUB_TOKEN"])
            assert poster.post(target, body).status == 200
            broken = ask(target, "hello " * 40)[:-2]
            assert poster.post(target, broken).refused
            sent["requests"] += 2
            sent["total"] += len(body) + len(broken)
            sent["unreadable"] += len(broken)
            sent["refused"] += 1
    with provider.manner(script=lambda prompt: [Text(f"it is {STRANGER}")]):
        for target in TARGETS[:3]:
            body = ask(target, "what is it?")
            assert STRANGER.encode() in poster.post(target, body).content
            sent["requests"] += 1
            sent["total"] += len(body)
            sent["strange"] += 1
    poster.post(("api.anthropic.com", "/v1/oauth/token"), TOKEN)
    sent["requests"] += 1
    sent["total"] += len(TOKEN)
    sent["skipped"] += len(TOKEN)
    home: Path = tmp_path_factory.mktemp("shown")
    env = environment(home, SECRETGATE_HOME=str(proxy.home / "secretgate"), COLUMNS="150")
    with httpx.Client(proxy=proxy.url, trust_env=False, timeout=60) as client:
        page = client.get("http://secretgate.internal/").text
    told = secretgate(["status", "--port", str(proxy.port)], env, home)
    raw = json.loads(secretgate(["status", "--port", str(proxy.port), "--json"], env, home).stdout)
    proxy.stop()
    report = secretgate(["audit", "report"], env, home)
    assert (told.returncode, report.returncode) == (0, 0), told.stderr + report.stderr
    made = secretgate(["audit", "report", "--html", str(home / "report.html")], env, home)
    assert made.returncode == 0, made.stderr
    return (
        {**sent, **{f"told {name}": n for name, n in raw["counters"]["coverage"].items()}},
        {
            "status": shown_in_lines(told.stdout),
            "page": shown_on_a_page(page),
            "report": shown_in_lines(report.stdout),
            "report as a page": shown_on_a_page((home / "report.html").read_text()),
        },
    )


PLACES = ("status", "page", "report", "report as a page")


@pytest.mark.parametrize("place", PLACES)
def test_bytes_are_shown_by_class(place: str, places: Any) -> None:
    sent, shown = places
    _, sizes = shown[place]
    assert sizes["unreadable"] == size(sent["unreadable"])
    assert sizes["skipped"] == size(sent["skipped"])
    for name in ("scanned", "opaque", "binary"):
        assert sizes[name] == size(sent[f"told {name}"]), name
    assert sent["told total"] == sent["total"]
    assert sent["told scanned"] > 0


@pytest.mark.parametrize("place", PLACES)
def test_numbers_are_shown(place: str, places: Any) -> None:
    sent, shown = places
    numbers, _ = shown[place]
    assert figure(numbers, "requests") == sent["requests"]
    assert figure(numbers, "unreadable", "requests unreadable") == sent["refused"]
    assert figure(numbers, "refused", "requests refused") == sent["refused"]
    not_put_back = figure(numbers, "not put back", "placeholders not put back")
    assert not_put_back == sent["strange"]
    # The same secret was restored in each of the answers that echoed it.
    assert (
        figure(numbers, "put back", "secrets put back into answers", "secrets put back into") == 4
    )
