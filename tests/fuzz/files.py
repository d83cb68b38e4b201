"""Targets for files written by users: rules, settings, policies, files with known values.

They may be refused with an error that names the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from fuzz.planting import TOKENS, planted
from secretgate.policy.documents import parse
from secretgate.policy.errors import PolicyError
from secretgate.policy.loading import scope_of
from secretgate.settings import SettingsError
from secretgate.settings.sources import load
from secretgate_rules.known import of_file
from secretgate_rules.model import RuleError
from secretgate_rules.users import load_user_file

SUFFIXES = (".json", ".toml", ".yaml", ".ini", ".env", "")


def rule_file(suffix: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"rules{suffix}"
            path.write_bytes(data)
            try:
                load_user_file(path, lambda _: None)
            except RuleError as error:
                assert "rules" in str(error)  # noqa: PT017 - the file is named

    return target


def settings_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "secretgate.yaml"
        path.write_bytes(data)
        try:
            load({}, path, explicit_file=True, environment={})
        except SettingsError as error:
            assert "secretgate.yaml" in str(error)  # noqa: PT017 - the file is named


def values_file(data: bytes) -> None:
    """Read a file with known values; the first byte of the data selects its format."""
    suffix = SUFFIXES[data[0] % len(SUFFIXES)] if data else ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"values{suffix}"
        path.write_bytes(planted(data[1:]))
        try:
            assert all(isinstance(value, bytes) for value in of_file(path))
        except RuleError as error:
            told = str(error)
        else:
            return
    assert "values" in told
    assert not [each for each in TOKENS.values() if each.decode() in told]


def policy_file(data: bytes) -> None:
    try:
        scope_of(parse(data.decode("utf-8", "replace"), "policy.yaml"))
    except PolicyError as error:
        assert "policy.yaml" in str(error)  # noqa: PT017 - the file is named
