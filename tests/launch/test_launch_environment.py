"""The environment of a command: pure functions, so every case is one line."""

from __future__ import annotations

from typing import Any

import pytest

from secretgate.hosts import Hosts, builtin
from secretgate.launch.command import Reach
from secretgate.launch.environment import LOCAL, child_environment, exceptions, leads_past
from secretgate.launch.upstream import UpstreamError, upstream

COVERED = Hosts(builtin())
PROXY = "http://127.0.0.1:4"


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "anthropic.com",
        ".anthropic.com",
        "*.anthropic.com",
        "API.Anthropic.COM",
        "Anthropic.COM",
        "anthropic.com.",
        "api.op?nai.com",
        "com",
        "api.openai.com:443",
        "googleapis.com",
        "api.anthropic.com.",
        "thropic.com",
        "https://api.openai.com",
        "all://*.openai.com",
        "https://",
        "api.openai.com/v1",
        "api.openai.com:",
        "us-east-1.amazonaws.com",
        ".us-east-1.amazonaws.com",
        "east-1.amazonaws.com",
        "platform.googleapis.com",
        "api.anthropic.*",
        "*anthropic*",
    ],
)
def test_an_exception_for_a_covered_host_leads_past(entry: str) -> None:
    assert leads_past(entry, COVERED)


@pytest.mark.parametrize(
    "entry",
    [
        "localhost",
        "127.0.0.1",
        "::1",
        "intra.corp",
        "10.0.0.0/8",
        "https://intra.corp/",
        "s3.us-east-1.amazonaws.com",
        "s3.amazonaws.com",
        "eu-west-1.compute.internal",
        "*.intra.*",
        "[::1]",
        "example.org:8080",
        "fd00::/8",
        "",
        "notopenai.com",
    ],
)
def test_other_exceptions_do_not(entry: str) -> None:
    assert not leads_past(entry, COVERED)


def test_both_spellings_of_no_proxy_count() -> None:
    past = exceptions({"NO_PROXY": "a.corp, b.corp", "no_proxy": "b.corp c.corp,*"}, COVERED)
    assert past.kept == (*LOCAL, "a.corp", "b.corp", "c.corp")
    assert past.dropped == ("*",)


def test_white_space_of_every_kind_separates_exceptions() -> None:
    past = exceptions({"NO_PROXY": "\ta.corp,\n  api.openai.com\r\nb.corp ,, "}, COVERED)
    assert past.kept == (*LOCAL, "a.corp", "b.corp")
    assert past.dropped == ("api.openai.com",)
    assert exceptions({"NO_PROXY": " , "}, COVERED).kept == LOCAL


def test_every_spelling_of_the_proxy_is_set_and_the_rest_stays() -> None:
    inherited = {"HOME": "/h", "https_proxy": "http://old:1", "all_proxy": "socks5://old:2"}
    made = child_environment(inherited, PROXY, {"SSL_CERT_FILE": "/b"}, LOCAL)
    assert made["HOME"] == "/h"
    assert made["SSL_CERT_FILE"] == "/b"
    assert not [name for name, value in made.items() if "old" in value]
    kinds = ("HTTP", "HTTPS", "ALL", "WS", "WSS", "GRPC")
    names = {f"{kind}_PROXY" for kind in kinds} | {f"{kind}_PROXY".lower() for kind in kinds}
    assert {name for name, value in made.items() if value == PROXY} == names
    assert made["no_proxy"] == made["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert "NO_GRPC_PROXY" not in made


@pytest.mark.parametrize("name", ["NO_GRPC_PROXY", "no_grpc_proxy"])
def test_exceptions_of_grpc_lead_past_no_covered_host(name: str) -> None:
    """gRPC goes by its own variable, if there is one."""
    made = child_environment({name: "api.anthropic.com"}, PROXY, {}, LOCAL)
    assert made["NO_GRPC_PROXY"] == made["no_grpc_proxy"] == "localhost,127.0.0.1,::1"


@pytest.mark.parametrize(("given", "expected"), [({}, "1"), ({"NODE_USE_ENV_PROXY": "0"}, "0")])
def test_node_is_told_to_use_the_proxy(given: dict[str, str], expected: str) -> None:
    assert child_environment(given, PROXY, {}, ())["NODE_USE_ENV_PROXY"] == expected


def test_windows_has_one_spelling() -> None:
    made = child_environment({}, PROXY, {}, LOCAL, windows=True)
    assert len({name.upper() for name in made}) == len(made)


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "0"), ({"CLAUDE_CODE_ATTRIBUTION_HEADER": "1"}, "1")]
)
def test_the_attribution_switch_is_the_users_where_set(
    given: dict[str, str], expected: str
) -> None:
    assert child_environment(given, PROXY, {}, ())["CLAUDE_CODE_ATTRIBUTION_HEADER"] == expected


@pytest.mark.parametrize("given", [{}, {"CLINE_SESSION_BACKEND_MODE": "daemon"}])
def test_tools_do_not_hand_their_work_to_a_daemon(given: dict[str, str]) -> None:
    """One that was started outside would send it past the proxy, whatever the user has set."""
    made = child_environment(given, PROXY, {}, ())
    assert made["CLINE_SESSION_BACKEND_MODE"] == "local"
    assert made["CLAUDE_CODE_DISABLE_AGENT_VIEW"] == "1"


@pytest.mark.parametrize(
    ("name", "value"),
    [("CLINE_SESSION_BACKEND_MODE", "local"), ("CLAUDE_CODE_DISABLE_AGENT_VIEW", "1")],
)
@pytest.mark.parametrize("given", ["", "hub", "0"])
def test_no_daemon_started_earlier_works_for_the_command(name: str, value: str, given: str) -> None:
    """Cline's and Claude Code's, started outside of a run, sent a run's prompts past the proxy."""
    assert child_environment({name: given}, PROXY, {}, ())[name] == value


def test_the_proxy_of_a_run_may_have_an_address_of_ipv6() -> None:
    authority: Any = None
    assert Reach("::1", 8080, authority).url == "http://[::1]:8080"
    assert Reach("127.0.0.1", 8080, authority).url == "http://127.0.0.1:8080"


def test_no_upstream_where_none_is_named() -> None:
    assert upstream({"HTTPS_PROXY": " ", "NO_PROXY": "*"}) is None


@pytest.mark.parametrize(
    ("value", "mode", "credentials"),
    [
        ("http://proxy.corp:3128", "upstream:http://proxy.corp:3128", ""),
        ("proxy.corp:3128/", "upstream:http://proxy.corp:3128", ""),
        ("https://u:p%40ss@proxy.corp", "upstream:https://proxy.corp:443", "u:p@ss"),
        ("http://[fd00::1]:3128", "upstream:http://[fd00::1]:3128", ""),
    ],
)
def test_an_upstream_as_mitmproxy_calls_it(value: str, mode: str, credentials: str) -> None:
    found = upstream({"https_proxy": value, "HTTP_PROXY": "http://other:1"})
    assert found is not None
    assert (found.mode, found.credentials) == (mode, credentials)
    assert not credentials or credentials not in repr(found)


@pytest.mark.parametrize(
    "value",
    [
        "socks5://p:1",
        "http://",
        "http://p:port",
        "ftp://p:1",
        "http://[::1",
        "http://u:hu[sh@p:1",
        "http://u:hu#sh@p:1",
    ],
)
def test_an_upstream_that_cannot_be_used_names_its_variable(value: str) -> None:
    with pytest.raises(UpstreamError, match="ALL_PROXY") as error:
        upstream({"ALL_PROXY": value})
    assert "hu" not in f"{error.value!s}{error.value.__cause__}"
