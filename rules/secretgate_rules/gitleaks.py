"""Reads a `gitleaks.toml` as gitleaks does.

A file may extend another one (`extend.path`, relative to the working directory, at most two in a
row). It inherits the rules of that file; for a rule in both, the fields of the extending file take
precedence. Our built-in packs take the place of gitleaks' own rules (`extend.useDefault`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from . import rulefile
from .allow import Allowlist
from .go import from_go
from .linear import TooSlowError
from .model import HIGH, MEDIUM, Rule, RuleError
from .rulefile import Loaded, Notice

DEEPEST: Final = 2
"""Maximum number of files in a chain of `extend.path`."""


@dataclass(frozen=True)
class _Entry:
    """A rule as written in the file, and `file:line` of it."""

    fields: Mapping[str, Any]
    where: str


@dataclass(frozen=True)
class _Config:
    """A file merged with the files it extends."""

    entries: dict[str, _Entry]
    lists: list[Mapping[str, Any]]
    disabled: list[str]
    default: bool
    """Whether the file also uses the default rules, which are our built-in ones."""


def load(text: str, name: str, notice: Notice) -> Loaded:
    """Return the rules and allowlists of a file and of those it extends; raise `RuleError`."""
    try:
        config = _read(text, name, notice, 0)
        return _loaded(config, name, notice)
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, RuleError):
            raise
        raise RuleError(f"{name}: not a valid gitleaks.toml: {error}") from None


_ID = re.compile(r"(?m)^\s*id\s*=\s*[\"']([^\"']+)[\"']")


def _read(text: str, name: str, notice: Notice, depth: int) -> _Config:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: not valid TOML: {error}") from error
    except RecursionError:
        raise RuleError(f"{name}: nested too deeply") from None
    lines = {match[1]: text.count("\n", 0, match.start()) + 1 for match in _ID.finditer(text)}
    _check(data, name)
    own: dict[str, _Entry] = {}
    for entry in data.get("rules", []):
        rule_id = entry.get("id")
        if not rule_id or not isinstance(rule_id, str):
            raise RuleError(f"{name}: {rule_id!r} is not the id of a rule: expected a string")
        where = f"{name}:{lines.get(rule_id, 1)}"
        _check(entry, f"{where}: {rule_id}")
        if rule_id in own:
            raise RuleError(f"{where}: {rule_id}: this file has two rules with this id")
        own[rule_id] = _Entry(entry, where)
    lists = _both(data, "allowlist")
    extend = data.get("extend", {})
    disabled = list(extend.get("disabledRules", []))
    default, path = bool(extend.get("useDefault")), extend.get("path")
    if path and default:
        raise RuleError(
            f"{name}: extend.path and extend.useDefault exclude each other; "
            "set useDefault in the extended file instead"
        )
    if not path:
        return _Config(own, lists, disabled, default)
    if depth == DEEPEST:
        notice(f"{name}: extend.path is not followed: the limit is {DEEPEST} files in a row")
        return _Config(own, lists, disabled, default)
    return _extended(_Config(own, lists, disabled, False), _base(path, name, notice, depth))


_TABLES = ("rules", "allowlists")
_TABLE = ("extend", "allowlist")
_LISTS = (
    *("keywords", "tags", "regexes", "paths", "commits", "stopwords"),
    *("targetRules", "disabledRules"),
)
_TEXTS = ("description", "regex", "path")
_CHOICES = {
    "condition": ("", "AND", "OR", "&&", "||"),
    "regexTarget": ("", "MATCH", "LINE", "SECRET"),
}


def _check(table: Mapping[str, Any], where: str) -> None:
    """Raise `RuleError` if a value of a table has the wrong type.

    A string in place of a list would be read letter by letter: as stopwords, it would allow nearly
    everything.
    """
    for key, value in table.items():
        reason = ""
        if key in _TABLES:
            if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
                reason = f"expected tables, written [[{key}]]"
        elif key in _TABLE:
            reason = "" if isinstance(value, dict) else "expected a table"
        elif key in _LISTS:
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                reason = "expected a list of strings"
        elif key in _TEXTS:
            reason = "" if isinstance(value, str) else "expected a string"
        elif key in _CHOICES and str(value).upper() not in _CHOICES[key]:
            reason = f"expected one of {', '.join(filter(None, _CHOICES[key]))}"
        elif key == "secretGroup" and (type(value) is not int or value < 0):
            reason = "expected the number of a group"
        elif key == "entropy" and type(value) not in (int, float):
            reason = "expected a number"
        if reason:
            raise RuleError(f"{where}: {key}: {reason}")
        inner = [value] if key in _TABLE else value if key == "allowlists" else ()
        for each in inner:
            _check(each, f"{where}: {key}")


def _base(path: Any, name: str, notice: Notice, depth: int) -> _Config:
    if not isinstance(path, str):
        raise RuleError(f"{name}: extend.path: expected the path of a file")
    try:
        text = rulefile.read_text(Path(path).expanduser())
    except RuleError as error:
        raise RuleError(f"{name}: extend.path: {error}") from error
    return _read(text, path, notice, depth + 1)


def _extended(config: _Config, base: _Config) -> _Config:
    """Return a file's configuration merged over that of the file it extends."""
    entries = {rule: entry for rule, entry in base.entries.items() if rule not in config.disabled}
    for rule, entry in config.entries.items():
        below = entries.get(rule)
        entries[rule] = _merged(entry, below) if below else entry
    disabled = config.disabled if base.default else []
    return _Config(entries, [*config.lists, *base.lists], [*disabled, *base.disabled], base.default)


def _merged(entry: _Entry, base: _Entry) -> _Entry:
    said = {key: value for key, value in entry.fields.items() if value}
    both = {**base.fields, **said}
    for key in ("keywords", "tags"):
        both[key] = [*base.fields.get(key, []), *said.get(key, [])]
    both.pop("allowlist", None)
    both["allowlists"] = [*_both(base.fields, "allowlist"), *_both(entry.fields, "allowlist")]
    return _Entry(both, entry.where)


def _both(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the tables of both `[[allowlists]]` and the older `[allowlist]`."""
    return [*fields.get(f"{name}s", []), *([fields[name]] if name in fields else [])]


def _loaded(config: _Config, name: str, notice: Notice) -> Loaded:
    entries = dict(config.entries)
    amended: dict[str, list[Mapping[str, Any]]] = {}
    for each in config.lists:
        for target in dict.fromkeys(each.get("targetRules", [])):
            if target in entries:
                entry = entries[target]
                more = {**entry.fields, "allowlists": [*entry.fields.get("allowlists", []), each]}
                entries[target] = replace(entry, fields=more)
            elif config.default:
                amended.setdefault(target, []).append(each)
            else:
                notice(
                    f"{name}: an allowlist targets {target}, which is not in this file; "
                    "it is not used"
                )
    rules: list[Rule] = []
    for rule_id, entry in entries.items():
        if config.default and "regex" not in entry.fields and "path" not in entry.fields:
            amended.setdefault(rule_id, []).extend(_both(entry.fields, "allowlist"))
            _untouched(entry, rule_id, notice)
        elif rule := _rule(entry, rule_id, notice):
            rules.append(rule)
    untargeted = [each for each in config.lists if not each.get("targetRules")]
    return Loaded(
        rulefile.unique(rules),
        _global(untargeted, config.disabled, name, notice),
        {rule: _amendment(lists, rule, name, notice) for rule, lists in amended.items()},
    )


def _untouched(entry: _Entry, rule_id: str, notice: Notice) -> None:
    """Give notice of fields, other than allowlists, that the file sets for a built-in rule."""
    for key in sorted(entry.fields.keys() & {"entropy", "keywords", "secretGroup"}):
        notice(f"{entry.where}: {rule_id}: {key} of a built-in rule cannot be changed")


def _bound(allowlist: Mapping[str, Any]) -> bool:
    """Return whether several conditions of an allowlist must hold together."""
    given = sum(bool(allowlist.get(key)) for key in ("regexes", "stopwords", "paths", "commits"))
    return str(allowlist.get("condition", "")).upper() in ("AND", "&&") and given > 1


def _global(
    lists: Sequence[Mapping[str, Any]], disabled: Sequence[str], name: str, notice: Notice
) -> Allowlist:
    regexes: list[str] = []
    stopwords: list[str] = []
    for entry in lists:
        if _bound(entry):
            notice(f"{name}: an allowlist whose conditions must hold together is not used")
            continue
        regexes += [from_go(regex) for regex in entry.get("regexes", [])]
        stopwords += entry.get("stopwords", [])
        if entry.get("paths") or entry.get("commits"):
            notice(f"{name}: paths and commits of the allowlist are not used")
    return Allowlist(disabled, regexes, stopwords=stopwords, where=name)


@dataclass
class _Allowed:
    """The allowlists of one rule, combined."""

    values: list[str]
    matches: list[str]
    stopwords: list[str]


def _allowed(lists: Sequence[Mapping[str, Any]], where: str, notice: Notice) -> _Allowed:
    allowed = _Allowed([], [], [])
    for one in lists:
        if _bound(one):
            notice(f"{where}: an allowlist whose conditions must hold together is not used")
            continue
        target = (
            allowed.matches
            if str(one.get("regexTarget")).lower() in ("match", "line")
            else allowed.values
        )
        target += [from_go(regex) for regex in one.get("regexes", [])]
        allowed.stopwords += [word.lower() for word in one.get("stopwords", [])]
    return allowed


def _amendment(
    lists: Sequence[Mapping[str, Any]], rule_id: str, name: str, notice: Notice
) -> Allowlist:
    allowed = _allowed(lists, f"{name}: {rule_id}", notice)
    if allowed.matches:
        notice(f"{name}: {rule_id}: an allowlist for matches or lines is applied to values")
    regexes = [*allowed.values, *allowed.matches]
    return Allowlist(regexes=regexes, stopwords=allowed.stopwords, where=name)


def _rule(entry: _Entry, rule_id: str, notice: Notice) -> Rule | None:
    fields, where = entry.fields, entry.where
    if "regex" not in fields:
        notice(f"{where}: {rule_id}: a rule without a regex is not used")
        return None
    if fields.get("path"):
        notice(f"{where}: {rule_id}: its path condition is not used")
    allowed = _allowed(_both(fields, "allowlist"), f"{where}: {rule_id}", notice)
    rule = Rule(
        rule_id,
        fields.get("description", rule_id),
        from_go(fields["regex"]),
        secret=fields.get("secretGroup", -1) or -1,
        keywords=tuple(word.lower() for word in fields.get("keywords", [])),
        keywords_anywhere=True,
        entropy=float(fields.get("entropy", 0.0)),
        confidence=MEDIUM if "generic" in rule_id else HIGH,
        allow=tuple(allowed.values),
        allow_match=tuple(allowed.matches),
        stopwords=tuple(allowed.stopwords),
        origin=where,
    )
    try:
        return rulefile.finish(rule)
    except RuleError as error:
        if not isinstance(error.__cause__, TooSlowError):
            raise
        notice(f"{error}; the rule is not used; a built-in rule with this id stays in force")
        return None
