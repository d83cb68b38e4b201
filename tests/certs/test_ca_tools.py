"""Real tools: each sends its request through a proxy whose CA permits the provider's domain.

Through the same proxy with a CA that permits another domain, it sends none.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from ca_verifiers import need
from test_ca_verifiers import start

from secretgate_ca import ensure_ca

pytestmark = pytest.mark.e2e
GIVE_UP = 45.0
PATIENCE = 8.0
"""Seconds after its first handshake in which a tool might send a request that it must not send."""


@dataclass(frozen=True)
class Tool:
    program: str
    package: str
    host: str
    arguments: tuple[str, ...]
    key: str
    """The variable that makes the tool use an API key; any value will do."""
    environ: tuple[tuple[str, str], ...] = ()


TOOLS = (
    Tool(
        "claude",
        "the npm package @anthropic-ai/claude-code",
        "api.anthropic.com",
        ("-p", "hi"),
        "ANTHROPIC_API_KEY",
        (("IS_SANDBOX", "1"), ("DISABLE_AUTOUPDATER", "1")),
    ),
    Tool(
        "codex",
        "the npm package @openai/codex",
        "api.openai.com",
        ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "hi"),
        "CODEX_API_KEY",
    ),
    Tool(
        "gemini",
        "the npm package @google/gemini-cli",
        "generativelanguage.googleapis.com",
        ("-p", "hi", "--approval-mode", "yolo", "-m", "gemini-2.5-flash"),
        "GEMINI_API_KEY",
        (("GEMINI_CLI_TRUST_WORKSPACE", "true"), ("GEMINI_FORCE_FILE_STORAGE", "true")),
    ),
    Tool(
        "opencode",
        "the npm package opencode-ai",
        "api.anthropic.com",
        ("run", "--model", "anthropic/claude-sonnet-4-5", "hi"),
        "ANTHROPIC_API_KEY",
        (("OPENCODE_DISABLE_AUTOUPDATE", "1"), ("OPENCODE_DISABLE_MODELS_FETCH", "1")),
    ),
)


def outcome(tool: Tool, domain: str, folder: Path) -> str:
    program = need(tool.program, tool.package)
    home = folder / "home"
    home.mkdir(parents=True)
    seen = folder / "seen"
    seen.touch()
    process, proxy = start(ensure_ca(folder / "ca", [domain]), leaves=True, seen=seen)
    environ = proxy.environ(home) | dict(tool.environ) | {tool.key: secrets.token_hex(8)}
    child = subprocess.Popen(
        [program, *tool.arguments],
        cwd=home,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return _watch(tool, seen, child)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, 9)
        child.wait(10)
        process.terminate()
        process.wait(10)


def _watch(tool: Tool, seen: Path, child: subprocess.Popen[bytes]) -> str:
    tried_at = None
    deadline = time.monotonic() + GIVE_UP
    while time.monotonic() < deadline:
        ended = child.poll() is not None
        lines = seen.read_text().splitlines()
        if f"request {tool.host}" in lines:
            return "accepted"
        if f"tls {tool.host}" in lines:
            tried_at = tried_at or time.monotonic()
            if ended or time.monotonic() - tried_at > PATIENCE:
                return "refused"
        elif ended:
            return "never tried"
        time.sleep(0.1)
    return "never tried"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.program)
def test_a_tool_works_with_a_ca_for_its_provider_and_refuses_another(
    tool: Tool, tmp_path: Path
) -> None:
    assert outcome(tool, tool.host, tmp_path / "permits") == "accepted"
    assert outcome(tool, "other.example", tmp_path / "other") == "refused"
