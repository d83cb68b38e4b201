"""Claude Code, Codex and Gemini CLI behind `secretgate run`; `scripts/clients` plays all tools.

Tools that are not installed are skipped; `scripts/clients --install` installs them from npm and
PyPI. `SECRETGATE_CLIENTS_CACHE` is the folder for them, `SECRETGATE_CLIENTS_SECONDS` the time limit
for all cases together.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from clients import installing, matrix
from clients.scenes import Case

pytestmark = [
    pytest.mark.clients,
    pytest.mark.e2e,
    pytest.mark.skipif(os.name == "nt", reason="the scenes are written for POSIX shells"),
    pytest.mark.timeout(700),
]
USUAL = (
    "claude-OAuth-redact",
    "codex-ChatGPT-redact-WebSocket",
    "gemini-OAuth-redact",
    "claude-APIkey-block",
    "codex-ChatGPT-block-WebSocket",
    "gemini-APIkey-block",
    "codex-APIkey-redact-HTTP",
    "claude-OAuth-restart",
    "gemini-APIkey-restart",
    "claude-APIkey-audit",
    "codex-APIkey-audit-WebSocket",
    "gemini-OAuth-audit",
)
"""Every tool with both logins, over each transport and in each mode; the most important first."""
SECONDS = float(os.environ.get("SECRETGATE_CLIENTS_SECONDS", "240"))
ENOUGH = 90.0
"""Seconds for a case. One takes 10 to 20 s on an idle machine; a longer one has failed."""
_begun: list[float] = []


def need(name: str) -> Case:
    """Return the case; skip the test if its tool is not installed (`scripts/clients --install`)."""
    case = matrix.every()[name]
    if not installing.installed(case.tool.package):
        pytest.skip(
            f"{case.tool.title} is not in {installing.cache()}: scripts/clients --install {case.tool.name}"
        )
    return case


@pytest.mark.parametrize("name", USUAL)
def test_a_tool_works_and_nothing_leaks(name: str, tmp_path: Path) -> None:
    case = need(name)
    _begun.append(time.monotonic())
    left = _begun[0] + SECONDS - time.monotonic()
    if left < ENOUGH:
        pytest.skip(f"{SECONDS:.0f} s are all but over; SECRETGATE_CLIENTS_SECONDS gives more")
    outcome = matrix.run(case, tmp_path, patience=left)
    assert not outcome.problems, "\n".join([*outcome.problems, *outcome.said])


def test_what_is_played_can_fail(tmp_path: Path) -> None:
    """With a proxy that changes nothing, the same scene must report many problems."""
    case = need("sdk-python-APIkey-redact")
    outcome = matrix.run(case, tmp_path, "--mode", "audit")
    told = "\n".join(outcome.problems)
    assert "reached api.anthropic.com: " in told
    assert "GITHUB_TOKEN" in told


def test_every_usual_case_is_a_case() -> None:
    assert set(USUAL) <= set(matrix.every())
