"""The doctor's statements about simulated machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secretgate.cli.doctor import _signing
from secretgate.doctor.checks import BAD, GOOD, Finding, Machine, editor_settings, examine
from secretgate.doctor.tools import TOOLS
from secretgate.hosts import Hosts, builtin
from secretgate.launch.plan import authority
from secretgate.state import Places
from secretgate_ca import ensure_ca
from secretgate_ca.bundle import combine

OURS = "http://127.0.0.1:8080"
ROOT = b"our root"
HOME = Path("/home/jo")
BUNDLE = "/ca/bundle.pem"
WELL = {
    "HTTPS_PROXY": OURS,
    "NODE_USE_ENV_PROXY": "1",
    "SSL_CERT_FILE": BUNDLE,
    "NODE_EXTRA_CA_CERTS": BUNDLE,
}


def findings(
    *commands: str,
    environment: Mapping[str, str] = WELL,
    files: Mapping[str, Any] | None = None,
    **changes: Any,
) -> list[Finding]:
    contents = {
        Path(name): value if isinstance(value, bytes) else json.dumps(value).encode()
        for name, value in (files or {}).items()
    }
    contents |= {
        Path(BUNDLE): combine([b"a root of the system's", ROOT]),
        Path("/other.pem"): combine([b"another"]),
        Path("/ca/ca.pem"): combine([ROOT]),
    }
    values: dict[str, Any] = {
        "environment": environment,
        "home": HOME,
        "which": lambda command: f"/bin/{command}" if command in commands else None,
        "read": contents.get,
        "hosts": Hosts(builtin()),
        "root": ROOT,
        "system_trusts": False,
        "ours": OURS,
        "platform": "linux",
        "bundle": BUNDLE,
        **changes,
    }
    return list(examine(Machine(**values)))


def bad(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(each.subject, each.message, each.fix) for each in found if each.level == BAD]


def test_where_all_is_well_nothing_is_bad() -> None:
    commands = [tool.commands[0] for tool in TOOLS if tool.name not in ("Cursor", "VS Code")]
    found = findings(*commands)
    assert not bad(found)
    good = {each.subject for each in found if each.level == GOOD}
    assert {"this shell", "Claude Code", "Codex", "Gemini CLI", "Aider", "Node SDKs"} <= good


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"])
def test_a_file_for_keys_of_tls_is_told_of(name: str) -> None:
    [(subject, message, fix)] = bad(findings(environment={**WELL, name: "/tmp/keys"}))
    assert (subject, fix) == ("this shell", f"unset {name}")
    assert "/tmp/keys" in message


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"])
def test_a_variable_that_replaces_all_roots_by_the_ca_is_told_of(name: str) -> None:
    [(subject, message, fix)] = bad(findings("aider", environment={**WELL, name: "/ca/ca.pem"}))
    assert (subject, fix) == ("this shell", f"export {name}={BUNDLE}")
    assert f"{name} names a file with the CA alone" in message


def test_so_is_one_of_a_tools_own() -> None:
    settings = {"/home/jo/.claude/settings.json": {"env": {"SSL_CERT_FILE": "/ca/ca.pem"}}}
    [(subject, message, fix)] = bad(findings("claude", files=settings))
    assert subject == "Claude Code"
    assert "SSL_CERT_FILE in ~/.claude/settings.json names a file with the CA alone" in message
    assert BUNDLE in fix


def test_a_variable_that_adds_roots_may_name_the_ca_alone() -> None:
    environment = {
        **WELL,
        "NODE_EXTRA_CA_CERTS": "/ca/ca.pem",
        "CODEX_CA_CERTIFICATE": "/ca/ca.pem",
    }
    assert not bad(findings("claude", "codex", environment=environment))


def test_only_tools_that_are_there_are_told_of() -> None:
    assert {each.subject for each in findings("claude")} == {"this shell", "Claude Code"}


@pytest.mark.parametrize(
    ("command", "changes", "message", "fix"),
    [
        ("claude", {"HTTPS_PROXY": ""}, "no proxy is set for it", "secretgate run -- claude"),
        (
            "claude",
            {"HTTPS_PROXY": "http://proxy.corp:1"},
            "HTTPS_PROXY names another proxy",
            "secretgate run -- claude",
        ),
        (
            "gemini",
            {"NODE_EXTRA_CA_CERTS": "/gone.pem"},
            "names a file without the CA",
            f"={BUNDLE}",
        ),
        (
            "aider",
            {"SSL_CERT_FILE": "/other.pem"},
            "SSL_CERT_FILE names a file without",
            f"={BUNDLE}",
        ),
        ("aider", {"SSL_CERT_FILE": ""}, "the CA: SSL_CERT_FILE is not set", ""),
        ("codex", {"SSL_CERT_FILE": ""}, "none of CODEX_CA_CERTIFICATE, SSL_CERT_FILE is set", ""),
        (
            "node",
            {"NODE_USE_ENV_PROXY": ""},
            "NODE_USE_ENV_PROXY is 1",
            "export NODE_USE_ENV_PROXY=1",
        ),
        (
            "qwen",
            {"OPENAI_BASE_URL": "https://llm.corp/v1"},
            "OPENAI_BASE_URL points to llm.corp, which is not covered",
            "secretgate run --host llm.corp -- COMMAND",
        ),
        (
            "claude",
            {"ANTHROPIC_BASE_URL": "http://127.0.0.1:4000"},
            "ANTHROPIC_BASE_URL makes it bypass the proxy",
            "unset ANTHROPIC_BASE_URL",
        ),
    ],
)
def test_each_way_past(command: str, changes: dict[str, str], message: str, fix: str) -> None:
    found = [
        (said, how)
        for subject, said, how in bad(findings(command, environment=WELL | changes))
        if subject != "this shell"
    ]
    assert [pair for pair in found if message in pair[0] and fix in pair[1]], found


@pytest.mark.parametrize("value", [f"{OURS}/anthropic", "https://api.anthropic.com", ""])
def test_base_urls_that_are_fine(value: str) -> None:
    assert not bad(findings("claude", environment=WELL | {"ANTHROPIC_BASE_URL": value}))


def test_what_is_no_url_is_told_as_another_proxy() -> None:
    broken = {"HTTPS_PROXY": "http://bob:pa[ss@proxy:3128", "ANTHROPIC_BASE_URL": "https://[api"}
    told = bad(findings("claude", environment=WELL | broken))
    assert [message for _, message, _ in told] == [
        "HTTPS_PROXY names a proxy that is not secretgate",
        "HTTPS_PROXY names another proxy",
        "ANTHROPIC_BASE_URL makes it bypass the proxy",
    ]


def test_settings_of_a_tool_go_over_the_shell() -> None:
    own = {"env": {"NO_PROXY": "api.anthropic.com", "ANTHROPIC_BASE_URL": "http://gateway"}}
    found = bad(findings("claude", files={f"{HOME}/.claude/settings.json": own}))
    assert [(s, m) for s, m, _ in found] == [
        ("Claude Code", "NO_PROXY in ~/.claude/settings.json makes covered hosts bypass the proxy"),
        ("Claude Code", "ANTHROPIC_BASE_URL in ~/.claude/settings.json makes it bypass the proxy"),
    ]
    assert {fix for _, _, fix in found} == {"edit ~/.claude/settings.json"}


def test_no_proxy_keeps_what_does_no_harm() -> None:
    environment = WELL | {"NO_PROXY": "localhost,*.openai.com,intra.corp"}
    assert bad(findings(environment=environment)) == [
        (
            "this shell",
            "NO_PROXY makes covered hosts bypass the proxy: *.openai.com",
            "export NO_PROXY=localhost,intra.corp",
        )
    ]


def test_without_a_proxy_and_a_ca() -> None:
    said = [message for _, message, _ in bad(findings(environment={}, ours="", root=b""))]
    assert said == [
        "no secretgate proxy is running",
        "HTTPS_PROXY is not set",
        "there is no CA yet",
    ]


def test_an_editor_is_judged_by_its_settings_and_the_systems_store() -> None:
    file = str(editor_settings(HOME, "Cursor", "linux"))
    said = [m for s, m, _ in bad(findings("cursor", environment={})) if s == "Cursor"]
    assert said == [
        "neither its http.proxy nor HTTPS_PROXY names the proxy",
        "the system's store does not have the CA",
        "its HTTP/2 connections bypass proxies",
    ]
    settings = {"http.proxy": OURS, "cursor.general.disableHttp2": True}
    found = findings("cursor", environment={}, files={file: settings}, system_trusts=True)
    assert "Cursor" not in {subject for subject, _, _ in bad(found)}


def test_settings_of_an_editor_may_have_comments_and_a_last_comma() -> None:
    file = str(editor_settings(HOME, "Code", "linux"))
    written = f"""\ufeff// "http.proxy": "http://other:1",
    {{ "editor.wrap": "a // b, }}", /* and
       so on */ "http.proxy": "{OURS}", // ours
    }}""".encode()
    found = findings("code", environment={}, files={file: written}, system_trusts=True)
    assert "VS Code" not in {subject for subject, _, _ in bad(found)}
    odd = findings("code", environment={}, files={file: {"http.proxy": 1}}, system_trusts=True)
    assert "VS Code" in {subject for subject, _, _ in bad(odd)}


def test_settings_that_are_no_json_are_no_settings() -> None:
    assert not bad(findings("claude", files={f"{HOME}/.claude/settings.json": [1]}))


@pytest.mark.parametrize(
    ("days", "told"), [(-400, "it has expired"), (0, ""), (400, "it is not valid before 20")]
)
def test_a_ca_that_is_not_valid_now_is_told(days: int, told: str, tmp_path: Path) -> None:
    made = datetime.now(UTC) + timedelta(days=days)
    known = ensure_ca(tmp_path / "ca", ["api.anthropic.com"], now=made)
    found = [(each.message[: len(told)], each.fix) for each in _signing(known, [])]
    assert [message for message, _ in found] == [told] * bool(told)
    assert all("secretgate-ca rotate" in fix for _, fix in found)
    place = Places.find({"SECRETGATE_HOME": str(tmp_path)})
    usable = authority(place, ["api.anthropic.com"])
    assert usable.valid()
    assert (usable.confdir == place.ca) == (not told), "a run makes one of its own"


def test_each_host_that_the_ca_lacks_is_told_with_what_helps(tmp_path: Path) -> None:
    known = ensure_ca(tmp_path / "ca", ["api.anthropic.com"])
    plain, rest = _signing(known, ["api.anthropic.com", "10.0.0.5", "llm.corp.example"])
    assert plain.message.startswith("10.0.0.5: the CA signs for names only")
    assert "--provider" in plain.fix
    assert rest.message == "it may not sign for llm.corp.example"
    assert rest.fix == "secretgate-ca rotate --domain=llm.corp.example"
