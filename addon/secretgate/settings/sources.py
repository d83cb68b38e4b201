"""Reads the settings from mitmproxy's options, the environment and the configuration file.

The option takes precedence over the variable, and the variable over the file.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import msgspec
import yaml

from secretgate.settings import FIELDS, HINTS, PREFIX, Settings, SettingsError
from secretgate.settings.wants import unsuitable
from secretgate_rules import safe_yaml

LARGEST = 1 << 20
"""Bytes of a configuration file."""
_STRUCTURED = ("secrets", "guardrails")
"""Settings that may be given as a line of YAML too, as plain text cannot express them."""


def load(
    options: Mapping[str, str],
    file: Path | None,
    explicit_file: bool = False,
    environment: Mapping[str, str] = os.environ,
    spelled: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """Return the effective settings. `options` are those given to mitmproxy, by setting name.

    `spelled` maps a name to the option as the user wrote it, if that is not mitmproxy's `--set`.
    """
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for name, value in _from_file(file, explicit_file).items():
        values[name], places[name] = value, f"{file}: {name}"
    for name in FIELDS:
        variable = _variable(name)
        if environment.get(variable):
            values[name], places[name] = _from_text(name, environment[variable]), variable
        if options.get(name):
            values[name] = _from_text(name, options[name])
            places[name] = spelled.get(name, f"--set {PREFIX}{name}")
    if isinstance(values.get("secrets"), str):
        values["secrets"] = {"action": values["secrets"]}
    for name, value in values.items():
        if name not in FIELDS:
            near = meant(name.removeprefix(PREFIX), FIELDS)
            raise SettingsError(f"{places[name]}: there is no such setting; {near}")
        try:
            checked = {name: value}
            msgspec.convert(checked, Settings, strict=False)
        except (msgspec.ValidationError, ValueError) as error:
            reason = unsuitable(HINTS[name], value, error)
            raise SettingsError(f"{places[name]}: {reason}") from None
    return msgspec.convert(values, Settings, strict=False)


def _variable(name: str) -> str:
    return f"SECRETGATE_{name.upper()}"


def misspelt(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that look like a setting's but are none, and what was probably meant."""
    variables = [_variable(name) for name in FIELDS]
    for name in environment:
        if name.startswith("SECRETGATE_") and name not in variables:
            for near in difflib.get_close_matches(name, variables, n=1, cutoff=0.9):
                yield name, near


def meant(name: str, known: Iterable[str]) -> str:
    """Return the `known` names that are like `name`, or all of them, for an error message."""
    near = difflib.get_close_matches(name, [*known], n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(known)}"


def _from_file(file: Path | None, explicit: bool) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        if file.is_fifo():
            raise SettingsError(f"{file}: a pipe can be read only once: put it into a file")
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise SettingsError(f"{file}: larger than {LARGEST} bytes: no file of settings is")
        text = raw.decode("utf-8")
    except FileNotFoundError:
        if file.is_symlink():
            raise SettingsError(f"{file}: a link to a file that does not exist") from None
        if explicit:
            raise SettingsError(f"{file}: there is no such file") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file}: not UTF-8 at byte {error.start + 1}; save it as UTF-8"
        ) from None
    try:
        values = safe_yaml.load(text)
    except yaml.YAMLError as error:
        line, problem = safe_yaml.complaint(error, text)
        raise SettingsError(f"{file}:{line}: {problem}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{file}: must hold `setting: value` lines")
    if odd := [name for name in values if not isinstance(name, str)]:
        raise SettingsError(f"{file}: {odd[0]!r} is not the name of a setting")
    settings = dict(_flat(values))
    if isinstance(listed := settings.get("hosts"), list):
        settings["hosts"] = [_host(each) if isinstance(each, str) else each for each in listed]
    return settings


def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Flatten groups: `audit: {on_error: block}` is the same as `audit_on_error: block`."""
    for name, value in values.items():
        members = value.items() if isinstance(value, dict) and name not in FIELDS else ()
        grouped = [(f"{name}_{member}", each) for member, each in members]
        if grouped and all(each in FIELDS for each, _ in grouped):
            yield from grouped
        else:
            yield name, value


def _from_text(name: str, text: str) -> Any:
    hint = get_args(HINTS[name])[0]
    if name in _STRUCTURED and text.lstrip()[:1] in ("{", "["):
        try:
            return safe_yaml.load(text)
        except yaml.YAMLError:
            return text
    if getattr(hint, "__origin__", None) is not tuple:
        return text
    items = [item.strip() for item in text.split(",") if item.strip()]
    return [_host(item) for item in items] if name == "hosts" else items


def _host(text: str) -> dict[str, str]:
    """Return the row that HOST, HOST=DIALECT or HOST=DIALECT:PROVIDER stands for."""
    host, _, named = text.partition("=")
    dialect, _, provider = named.partition(":")
    return {"host": host, "dialect": dialect or "generic", "provider": provider}
