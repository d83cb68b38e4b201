from __future__ import annotations

import os
from pathlib import Path

import pytest

from secretgate.proxy.options import warnings
from secretgate.settings import Settings, SettingsError
from secretgate.settings.sources import load, misspelt


def test_the_option_wins_over_the_variable_and_the_variable_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "secretgate.yaml"
    file.write_text("mode: audit\nblock_status: 400\nlog_format: json\n")
    settings = load(
        {"mode": "block"},
        file,
        environment={"SECRETGATE_MODE": "redact", "SECRETGATE_BLOCK_STATUS": "451"},
    )
    assert (settings.mode, settings.block_status, settings.log_format) == ("block", 451, "json")


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load({}, tmp_path / "none.yaml", environment={}) == Settings()


def test_hosts_are_written_short_or_long(tmp_path: Path) -> None:
    file = tmp_path / "secretgate.yaml"
    file.write_text("hosts:\n  - host: llm.corp\n    dialect: openai-chat\n")
    (one,) = load({}, file, environment={}).hosts
    first, second = load({"hosts": "llm.corp=openai-chat, other.corp"}, None, environment={}).hosts
    assert one == first
    assert (second.host, second.dialect) == ("other.corp", "generic")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hosts: llm.corp", ["hosts", "'llm.corp' is not a list: write it in brackets"]),
        ("guardrails: [3]", ["guardrails", "expected `key: value` lines, got a whole number"]),
        ("mode: guess", ["mode", "'guess' is none of: redact, block, audit"]),
        (
            "block_status: 200",
            ["block_status", "200 is not a whole number of at least 400 and at most 599"],
        ),
        ("body_limit: 10MB", ["'10MB' is not a whole number of at least 1024"]),
        ("vault_timeout: 0", ["0 is not a number of more than 0 and at most 60"]),
        ("remember: 1e30", ["is not a whole number of at least 60 and at most 315360000"]),
        ("remember: 99999999999999999999", ["at most 315360000"]),
        ("mode: block\nremember: 60\nmode: audit", [":3: 'mode' is given twice"]),
        ("audit: {log: true, keep: 2, log: false}", [":1: 'log' is given twice"]),
        ("entropy: maybe", ["'maybe' is neither true nor false"]),
        ("health: localhost", ["'localhost' is not of the form HOST:PORT"]),
        ("health: localhost:65536", ["'localhost:65536' is not of the form HOST:PORT"]),
        ("secrets: nuke", ["'nuke' is none of: redact, block, audit, allow"]),
        ("nonsense: 1", ["nonsense", "no such setting", "mode"]),
        ("moode: audit", ["moode", "did you mean mode"]),
        ("secretgate_mode: audit", ["secretgate_mode", "did you mean mode"]),
        ("mode: [", [":", "expected"]),
        ("- mode", ["setting: value"]),
        ("hosts: [{host: a, dialect: b}]", ["hosts", "no dialect 'b'", "anthropic"]),
        ("hosts: [{host: a b}]", ["hosts", "'a b' is not a host name"]),
        ("hosts: [{host: 'a.b:8443'}]", ["'a.b:8443'", "write 'a.b'"]),
        ("hosts: [{host: '[::1]'}]", ["'[::1]'", "write '::1'"]),
        ("placeholder: X", ["placeholder", "{id}"]),
        ("mode: block\n\tpreset: team", [":2: found a tab character"]),
        ("\tmode: block", [":1: a tab, which YAML does not take for indentation"]),
    ],
)
def test_a_wrong_file_is_told_by_file_key_and_reason(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    file = tmp_path / "secretgate.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as error:
        load({}, file, environment={})
    for each in [str(file), *told]:
        assert each in str(error.value)


def test_a_wrong_option_and_a_wrong_variable_are_told_by_their_names() -> None:
    with pytest.raises(SettingsError, match="--set secretgate_mode"):
        load({"mode": "x"}, None, environment={})
    with pytest.raises(SettingsError, match="SECRETGATE_BODY_LIMIT"):
        load({}, None, environment={"SECRETGATE_BODY_LIMIT": "much"})


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load({}, tmp_path / "none.yaml", explicit_file=True, environment={})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_file_that_can_be_read_only_once_is_refused(tmp_path: Path) -> None:
    """The proxy reads it after the command did: from a pipe, it would get the defaults."""
    pipe = tmp_path / "secretgate.yaml"
    os.mkfifo(pipe)
    with pytest.raises(SettingsError, match=r"secretgate\.yaml: a pipe can be read only once"):
        load({}, pipe, environment={})


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no endless file")
def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(SettingsError, match="larger than 1048576 bytes"):
        load({}, Path("/dev/zero"), environment={})


def test_a_link_to_nowhere_is_not_taken_for_a_file_that_nobody_wrote(tmp_path: Path) -> None:
    (tmp_path / "secretgate.yaml").symlink_to(tmp_path / "dotfiles.yaml")
    with pytest.raises(SettingsError, match="a link to a file that does not exist"):
        load({}, tmp_path / "secretgate.yaml", environment={})
    (tmp_path / "dotfiles.yaml").write_text("mode: block")
    assert load({}, tmp_path / "secretgate.yaml", environment={}).mode == "block"


def test_a_misspelt_variable_is_told_and_others_are_left_alone() -> None:
    environment = {
        "SECRETGATE_MOED": "block",
        "SECRETGATE_MODE": "redact",
        "SECRETGATE_HOME": "/home",
        "SECRETGATE_API_KEY": "of another program",
        "MODE": "1",
    }
    assert [*misspelt(environment)] == [("SECRETGATE_MOED", "SECRETGATE_MODE")]
    (told,) = warnings([], environment)
    assert told[1] == {"name": "SECRETGATE_MOED", "did_you_mean": "SECRETGATE_MODE"}


def test_hosts_of_the_file_may_be_spelled_as_in_an_option(tmp_path: Path) -> None:
    """With the byte order mark and the line ends of Windows too."""
    file = tmp_path / "secretgate.yaml"
    file.write_bytes(
        b"\xef\xbb\xbfhosts:\r\n  - a.corp=openai-chat:corp\r\n  - {host: b.corp}\r\n  - c.corp\r\n"
    )
    read = load({}, file, explicit_file=True, environment={})
    assert [(row.host, row.dialect, row.provider) for row in read.hosts] == [
        ("a.corp", "openai-chat", "corp"),
        ("b.corp", "generic", ""),
        ("c.corp", "generic", ""),
    ]
