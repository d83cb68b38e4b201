"""Packs: YAML files of rules, one file per category.

A rule is one entry under `rules:`. Errors are reported as `file:line: rule: reason`, because only
the author of the file can fix them. `docs/writing-rules.md` describes the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from . import linear, regex, safe_yaml, validators
from .allow import Allowlist, searching
from .model import CONFIDENCES, CONTEXT, ENTROPY, HIGH, NAMED, Rule, RuleError
from .template import expand

FOLDER: Final = Path(__file__).parent / "packs"

_KINDS = {"named": NAMED, "context": CONTEXT, "entropy": ENTROPY}

Notice = Callable[[str], None]
"""Called with a message for each part of a file that is not used."""


@dataclass
class Loaded:
    """The content of a user's rule file."""

    rules: list[Rule] = field(default_factory=list)
    allow: Allowlist = field(default_factory=Allowlist)
    amended: dict[str, Allowlist] = field(default_factory=dict)
    """Allowlists for built-in rules, by rule id."""


def pack_files() -> list[Path]:
    """Return the built-in packs, sorted by name."""
    return sorted(FOLDER.glob("*.yaml"))


def load_file(path: Path, trusted: bool = False) -> list[Rule]:
    """Return the rules of a file; raise `RuleError`.

    A trusted file is not checked for slow patterns and excessive nesting; tests have done so.
    """
    return load_text(read_text(path), str(path), trusted)


def read_text(path: Path) -> str:
    """Return the content of a rule file; raise `RuleError`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RuleError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RuleError(f"{path}: cannot be read: {error}") from error


def load_text(text: str, name: str, trusted: bool = False) -> list[Rule]:
    """Return the rules of a YAML document; raise `RuleError`, with `name` as the file name."""
    data, lines = parse_yaml(text, name, trusted)
    if not isinstance(data, dict) or not isinstance(data.get("rules"), list):
        raise RuleError(f"{name}:1: expected a list of rules under `rules:`")
    check_keys(data, lines, name)
    rules: list[Rule] = []
    for number, entry in enumerate(data["rules"]):
        where = f"{name}:{lines.get(('rules', number), 1)}"
        rules.append(build(entry, where, trusted))
    return unique(rules)


def check_keys(
    data: Mapping[Any, Any],
    lines: Mapping[tuple[Any, ...], int],
    name: str,
    place: tuple[str, ...] = (),
    known: Iterable[str] = ("rules", "allow"),
) -> None:
    """Raise `RuleError` for a key of a mapping that has no meaning.

    `place` is the path of keys to the mapping, by default the document; `lines` and `name` are for
    the message.
    """
    for key in data:
        if key not in known:
            line = lines.get((*place, str(key)), 1)
            where = "".join(f" {one}:" for one in place)
            raise RuleError(f"{name}:{line}:{where} unknown key `{key}`; known: {', '.join(known)}")


def unique(rules: Iterable[Rule]) -> list[Rule]:
    """Return the rules as a list; raise `RuleError` if two have the same id."""
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in seen:
            raise RuleError(
                f"{rule.origin}: {rule.id}: id is already used at {seen[rule.id].origin}"
            )
        seen[rule.id] = rule
    return list(seen.values())


def parse_yaml(
    text: str, name: str, trusted: bool = False
) -> tuple[Any, dict[tuple[Any, ...], int]]:
    """Return a document, and the line of each node by its path of keys and indices.

    Raises `RuleError`, with `name` as the file name.
    """
    loader = None
    try:
        if not trusted:
            safe_yaml.check(text)
        loader = safe_yaml.Loader(text)
        node = loader.get_single_node()
        lines: dict[tuple[Any, ...], int] = {}
        if node is None:
            return None, lines
        _collect_lines(node, (), lines)
        return loader.construct_document(node), lines
    except yaml.YAMLError as error:
        line, reason = safe_yaml.complaint(error, text)
        raise RuleError(f"{name}:{line}: {reason}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _collect_lines(node: Any, path: tuple[Any, ...], lines: dict[tuple[Any, ...], int]) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                _collect_lines(value, (*path, key.value), lines)
                lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, index), lines)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a string")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list):
        raise ValueError("expected a list of strings")
    return tuple(_text(item) for item in value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _group(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected a group number or name")
    if isinstance(value, int) and value < 0:
        raise ValueError("the number of a group is 0 or more")
    return value


def _one_of(names: Mapping[str, Any] | Iterable[str]) -> Callable[[Any], str]:
    known = tuple(names)

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"expected one of {', '.join(known)}")
        return str(value)

    return read


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "id": _text,
    "description": _text,
    "pattern": _text,
    "secret": _group,
    "keywords": _texts,
    "entropy": _number,
    "flags": _text,
    "validate": _one_of(validators.VALIDATORS),
    "multiline": _boolean,
    "confidence": _one_of(CONFIDENCES),
    "enabled": _boolean,
    "kind": _one_of(_KINDS),
    "examples": _texts,
    "counterexamples": _texts,
    "reference": _text,
}


def build(entry: Any, where: str, trusted: bool = False) -> Rule:
    """Return the rule of a YAML mapping; raise `RuleError` at `where` if it is invalid."""
    if not isinstance(entry, dict):
        raise RuleError(f"{where}: expected a rule: a mapping with `id` and `pattern`")
    name = entry.get("id", "?")
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key not in _FIELDS:
            raise RuleError(f"{where}: {name}: unknown field `{key}`")
        try:
            values[key] = _FIELDS[key](value)
        except ValueError as error:
            raise RuleError(f"{where}: {name}: {key}: {error}") from error
    for key in ("id", "pattern"):
        if not values.get(key):
            raise RuleError(f"{where}: {name}: `{key}` is missing")
    kind = values.pop("kind", "named")
    values["keywords"] = tuple(word.lower() for word in values.get("keywords", ()))
    for kind_of in ("examples", "counterexamples"):
        values[kind_of] = tuple(
            expand(text, f"{name}:{kind_of}:{index}")
            for index, text in enumerate(values.get(kind_of, ()))
        )
    values.setdefault("description", str(name))
    secret = values.pop("secret", None)
    return finish(
        Rule(
            **values,
            secret=-1 if secret is None else secret,
            specificity=_KINDS[kind],
            origin=where,
        ),
        trusted,
    )


def finish(rule: Rule, trusted: bool = False) -> Rule:
    """Check a rule's patterns and return it with its secret group resolved; raise `RuleError`.

    The group -1 becomes group 1 if the pattern has one, otherwise 0.
    """
    try:
        compiled = regex.compile_bytes(rule.pattern, rule.flags)
        for allowed in (*rule.allow, *rule.allow_match):
            searching(allowed)
        if not trusted:
            linear.check_linear(rule.pattern, rule.flags)
        if compiled.match(b"") is not None:
            raise ValueError("pattern matches the empty string")
        secret = rule.secret
        if secret == -1:
            secret = 1 if compiled.groups else 0
        if isinstance(secret, str) and secret not in compiled.groupindex:
            raise ValueError(f"secret: pattern has no group named {secret!r}")
        if isinstance(secret, int) and secret > compiled.groups:
            raise ValueError(f"secret: pattern has no group {secret}")
    except ValueError as error:
        raise RuleError(f"{rule.origin}: {rule.id}: {error}") from error
    except (RecursionError, OverflowError):
        raise RuleError(f"{rule.origin}: {rule.id}: the pattern is too large") from None
    return replace(rule, secret=secret, confidence=rule.confidence or HIGH)
