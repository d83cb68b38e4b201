"""`secretgate settings`, and settings that cannot be meant."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from launch.test_cli import told
from secretgate.cli.settings import document

DOCS = Path(__file__).parents[2] / "docs"


def test_the_settings_in_force_name_their_source(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("mode: block\nremember: 120\n")
    done = told(tmp_path, "settings", "--config", str(file), SECRETGATE_MODE="audit")
    assert done.exit_code == 0, done.stderr
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    assert rows["mode"] == "audit  (SECRETGATE_MODE)"
    assert rows["remember"] == f"120  ({file})"
    assert rows["on_unreadable"] == "block  (default)"


def test_a_misspelt_variable_is_mentioned_beside_the_settings(tmp_path: Path) -> None:
    done = told(tmp_path, "settings", "--json", SECRETGATE_POLICYY="rules.yaml")
    assert done.exit_code == 0
    assert "SECRETGATE_POLICYY" in done.stderr
    assert "SECRETGATE_POLICY?" in done.stderr
    assert json.loads(done.stdout)["policy"]["source"] == "default"


def test_a_misspelt_variable_is_told_by_a_run(tmp_path: Path) -> None:
    """Its proxy's log, which nobody sees, is the only other place."""
    odd = {"SECRETGATE_MOED": "block", "HTTPS_PROXY": "socks5://127.0.0.1:1"}
    done = told(tmp_path, "run", "--", sys.executable, "-V", **odd)
    assert "SECRETGATE_MOED is no setting; did you mean SECRETGATE_MODE?" in done.stderr


def test_hosts_in_force_are_spelled_as_an_option_gives_them(tmp_path: Path) -> None:
    given = "a.corp=openai-chat:corp, b.corp"
    done = told(tmp_path, "settings", SECRETGATE_HOSTS=given)
    assert "a.corp=openai-chat:corp, b.corp=generic  (SECRETGATE_HOSTS)" in done.stdout


@pytest.mark.parametrize("password", ["of-the-test", "of@the-test", "of/the-test"])
def test_passwords_of_urls_are_not_shown(tmp_path: Path, password: str) -> None:
    urls = {
        "SECRETGATE_VAULT": "rediss://gate:{}@vault.internal:6379/0",
        "SECRETGATE_AUDIT_OTLP": "https://gate:{}@collector.internal:4318",
    }
    given = {name: url.format(password) for name, url in urls.items()}
    for options in ([], ["--json"]):
        done = told(tmp_path, "settings", *options, **given)
        for url in urls.values():
            assert url.format("***") in done.stdout, done.stderr
        assert "the-test" not in done.stdout + done.stderr


def test_a_setting_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    done = told(tmp_path, "settings", SECRETGATE_MODE="maybe")
    assert done.exit_code == 2
    assert "SECRETGATE_MODE" in done.stderr


def test_the_reference_is_what_the_code_says() -> None:
    """If this fails: secretgate settings --reference > docs/configuration.md"""
    assert (DOCS / "configuration.md").read_text() == document()
