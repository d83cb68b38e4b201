"""The local page without a proxy: what it shows, to whom, and the PAC file as browsers read it."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from harness.colours import contrast
from harness.pages import Elements
from secretgate.counters import Counters, Sighting
from secretgate.hosts import Hosts, builtin
from secretgate.web.pac import pac
from secretgate.web.site import OPEN, PATHS, answer
from secretgate.web.status import CA, Status

HOSTS = Hosts(builtin())


def status(**changes: Any) -> Status:
    ca = CA("AB" * 32, datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC), True, b"pem")
    numbers = Counters().numbers() | changes.pop("numbers", {})
    values: dict[str, Any] = {
        "mode": "redact",
        "on_unreadable": "block",
        "proxy": "127.0.0.1:8080",
        "started": 1000.0,
        "now": 9000.0,
        "numbers": numbers,
        "recent": (Sighting(8990.0, "anthropic", "github-pat", 2, "redacted"),),
        "rows": builtin(),
        "base_urls": ("all",),
        "ca": ca,
        "version": "1",
        "metrics": lambda: b"",
        **changes,
    }
    return Status(**values)


def get(path: str, method: str = "GET", foreign: bool = False, direct: bool = False) -> Any:
    return answer(method, path, status, foreign=foreign, direct=direct)


def test_the_page_has_no_script_and_no_form_and_loads_only_its_own() -> None:
    elements = Elements()
    elements.feed(get("/").body.decode())
    assert not elements.open
    tags = {tag for tag, _ in elements.seen}
    assert not tags & {"script", "form", "button", "input", "iframe", "img", "object"}
    for _, attributes in elements.seen:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src"):
            assert (attributes.get(name) or "/").startswith("/")


def test_what_comes_from_outside_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    made = status(recent=(Sighting(0.0, evil, evil, 1, evil),), proxy=evil, version=evil)
    body = answer("GET", "/", lambda: made, foreign=False, direct=False).body.decode()
    assert "<script" not in body
    assert body.count("&lt;script&gt;") >= 3


@pytest.mark.parametrize("path", PATHS)
def test_every_path_answers_with_headers_that_keep_others_out(path: str) -> None:
    made = get(path)
    assert made.status == 200
    assert "frame-ancestors 'none'" in made.all_headers["content-security-policy"]
    assert made.all_headers["cross-origin-resource-policy"] == "same-origin"
    assert made.all_headers["x-content-type-options"] == "nosniff"
    assert not [name for name in made.all_headers if "access-control" in name]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_reading(path: str, method: str) -> None:
    made = get(path, method)
    assert (made.status, made.all_headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", [*PATHS, "/none"])
def test_nothing_for_other_sites(path: str) -> None:
    assert get(path, foreign=True).status == 403


@pytest.mark.parametrize("path", PATHS)
def test_past_the_proxy_there_is_only_what_finds_it(path: str) -> None:
    assert (get(path, direct=True).status == 200) == (path in OPEN)


def test_status_for_machines() -> None:
    told = json.loads(get("/status.json").body)
    assert told["secretgate"] is True
    assert told["ca"] == "AB" * 32
    assert told["recent"][0]["rule"] == "github-pat"
    assert "api.anthropic.com" in told["hosts"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_pac_file_agrees_with_the_host_table() -> None:
    hosts = ["api.anthropic.com", "API.Anthropic.com", "api.anthropic.com.", "a.githubcopilot.com"]
    hosts += ["us-east5-aiplatform.googleapis.com", "aiplatform.googleapis.com", "example.org"]
    hosts += ["storage.googleapis.com", "githubcopilot.com", "xapi.anthropic.com", "constructor"]
    hosts += ["bedrock-runtime.eu-west-1.amazonaws.com", "s3.amazonaws.com", "localhost"]
    program = f"""
    function shExpMatch(s, g) {{
      return new RegExp("^" + g.replace(/[.+^${{}}()|[\\]\\\\]/g, "\\\\$&").replace(/\\*/g, ".*") + "$").test(s);
    }}
    {pac(HOSTS.names, "127.0.0.1:1")}
    console.log(JSON.stringify({json.dumps(hosts)}.map(h => FindProxyForURL("https://" + h + "/", h))));
    """
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    expected = ["PROXY 127.0.0.1:1" if HOSTS.covers(host) else "DIRECT" for host in hosts]
    assert json.loads(done.stdout) == expected
    assert "PROXY 127.0.0.1:1" in expected
    assert "DIRECT" in expected


def test_colours_can_be_read() -> None:
    """WCAG contrast of text to background: 4.5 to 1, in light and in dark mode."""
    style = get("/style.css").body.decode()
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    )
    pairs = [("text", "back"), ("text", "card"), ("soft", "card"), ("soft", "back")]
    pairs += [("accent", "card"), ("accent", "accent-back"), ("warn", "warn-back")]
    pairs += [("bad", "bad-back"), ("warn", "card")]
    for colours in (light, dark):
        for front, back in pairs:
            assert contrast(colours[front], colours[back]) >= 4.5, (front, back)
