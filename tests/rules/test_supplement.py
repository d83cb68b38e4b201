"""detect-secrets as an additional scanner: findings are merged, known false positives dropped."""

from __future__ import annotations

import string
from typing import Any

import pytest
from typer.testing import CliRunner

from rules.conftest import github_token, made_up
from secretgate.cli import app, scan
from secretgate_rules import Detector, load_default
from secretgate_rules.supplement import detect_secrets

pytestmark = pytest.mark.thorough

pytest.importorskip("detect_secrets", reason="the extra detect-secrets is not installed")

SLACK = b"xoxb-" + made_up(12, 41, string.digits) + b"-" + made_up(24, 42)


def test_it_finds_without_rules_of_ours() -> None:
    alone = Detector([], keep=False, heuristics=False, supplement=detect_secrets())
    text = b"first line\nslack = " + SLACK + b" # bot\n"
    (finding,) = alone.find(text)
    assert (finding.rule, text[finding.start : finding.end]) == (
        "detect-secrets-slack-token",
        SLACK,
    )
    assert finding.parts[0].value == SLACK


def test_what_both_find_is_told_once_and_by_the_named_rule() -> None:
    token = github_token(43)
    (finding,) = load_default(detect_secrets=True).find(b"token = " + token)
    assert (finding.rule, finding.value) == ("github-pat", token)


@pytest.mark.parametrize(
    "text",
    [
        b"host = 8.8.8.8",
        b"-----BEGIN RSA PRIVATE KEY-----",
        b"digest = '" + made_up(64, 44, "0123456789abcdef") + b"'",
        b"key = AKIA" + b"X" * 16,
        b"see ghp_ tokens",
    ],
)
def test_what_is_no_secret_stays_quiet(text: bytes) -> None:
    assert load_default(detect_secrets=True).find(text) == []


def test_scan_asks_it_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def load(**options: Any) -> Detector:
        asked.append(options["detect_secrets"])
        return Detector([], keep=False)

    monkeypatch.setattr(scan, "load_default", load)
    for options in ((), ("--detect-secrets",)):
        done = CliRunner().invoke(app, ["scan", *options, "-"], input="nothing")
        assert done.exit_code == 0, done.output
    assert asked == [False, True]
