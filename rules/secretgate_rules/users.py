"""Rule files of a user's own, in any of three forms.

* our YAML (`rules:`, and optionally `allow:` with `rules`, `regexes`, `paths`, `hashes`);
* a `signatures.yaml`: a list of `Company: [- Name: "regex"]`;
* a `gitleaks.toml` as gitleaks itself reads it, written for Go's RE2.

What is wrong is refused with file, line and reason; what has no meaning here (path rules, say)
is named in a notice and left out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import rulefile
from .allow import Allowlist
from .linear import TooSlowError
from .model import HIGH, MEDIUM, Rule, RuleError

Notice = Callable[[str], None]


@dataclass
class Loaded:
    """Rules and an allowlist."""

    rules: list[Rule] = field(default_factory=list)
    allow: Allowlist = field(default_factory=Allowlist)


def load_user_file(path: Path, notice: Notice) -> Loaded:
    """Read a rule file, whichever of the three forms it has."""
    path = path.expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: cannot be read: {error}") from error
    if path.suffix == ".toml":
        try:
            return gitleaks(text, str(path), notice)
        except (AttributeError, TypeError, ValueError) as error:
            if isinstance(error, RuleError):
                raise
            raise RuleError(f"{path}: not built like a gitleaks.toml: {error}") from None
    data, lines = rulefile.parse_yaml(text, str(path))
    if isinstance(data, dict) and ("rules" in data or "allow" in data):
        rules = rulefile.load_text(text, str(path)) if "rules" in data else []
        return Loaded(rules, _allow(data.get("allow"), f"{path}:{lines.get(('allow',), 1)}"))
    return Loaded(signatures(data, lines, str(path)))


def _allow(data: Any, where: str) -> Allowlist:
    if data is None:
        return Allowlist()
    known = {"rules", "regexes", "paths", "hashes"}
    if not isinstance(data, dict) or not data.keys() <= known:
        raise RuleError(f"{where}: allow: expected lists under {', '.join(sorted(known))}")
    for key, value in data.items():
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise RuleError(f"{where}: allow: {key}: expected a list of strings")
    return Allowlist(**data, where=where)


def signatures(data: Any, lines: dict[tuple[Any, ...], int], name: str) -> list[Rule]:
    """The rules of a `signatures.yaml`."""
    if not isinstance(data, list):
        raise RuleError(
            f"{name}:1: neither rules (`rules:`) nor signatures (a list of `Company: [- Name: regex]`)"
        )
    rules: list[Rule] = []
    for number, company in enumerate(data):
        where = f"{name}:{lines.get((number,), 1)}"
        if not isinstance(company, dict):
            raise RuleError(f"{where}: expected `Company:` with a list of signatures")
        for owner, entries in company.items():
            for index, entry in enumerate(entries if isinstance(entries, list) else [entries]):
                place = f"{name}:{lines.get((number, owner, index), lines.get((number,), 1))}"
                if not isinstance(entry, dict):
                    raise RuleError(f"{place}: {owner}: expected `Name: regex`")
                for label, pattern in entry.items():
                    if not isinstance(pattern, str):
                        raise RuleError(f"{place}: {owner}: {label}: expected a regex")
                    rules.append(_signature(f"{owner} {label}", pattern, place))
    return rulefile.unique(rules)


def _signature(title: str, pattern: str, where: str) -> Rule:
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    rule = Rule(slug, title, from_go(pattern), secret=-1, confidence=HIGH, origin=where)
    return rulefile.finish(rule)


def gitleaks(text: str, name: str, notice: Notice) -> Loaded:
    """The rules and allowlists of a `gitleaks.toml`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: not valid TOML: {error}") from error
    except RecursionError:
        raise RuleError(f"{name}: nested too deeply") from None
    lines = {match[1]: text.count("\n", 0, match.start()) + 1 for match in _ID.finditer(text)}
    extend = data.get("extend", {})
    if extend.get("path"):
        notice(f"{name}: extend.path is not followed; name that file as a rule file of its own")
    entries = data.get("rules", [])
    lists = data.get("allowlists", []) + ([data["allowlist"]] if "allowlist" in data else [])
    aimed = [each for each in lists if each.get("targetRules")]
    for each in aimed:
        targets = set(each["targetRules"])
        for entry in entries:
            if entry.get("id") in targets:
                entry["allowlists"] = [*entry.get("allowlists", []), each]
                targets.discard(entry["id"])
        for rule_id in sorted(targets):
            notice(
                f"{name}: an allowlist is for {rule_id}, a rule that is not in this file; it is not used"
            )
    rules: list[Rule] = []
    for entry in entries:
        rule = _gitleaks_rule(entry, name, lines, notice)
        if rule is not None:
            rules.append(rule)
    regexes: list[str] = []
    stopwords: list[str] = []
    rule_ids = list(extend.get("disabledRules", []))
    for entry in (each for each in lists if each not in aimed):
        if _bound(entry):
            notice(f"{name}: an allowlist bound to paths or commits is not used")
            continue
        regexes += [from_go(regex) for regex in entry.get("regexes", [])]
        stopwords += entry.get("stopwords", [])
        if entry.get("paths") or entry.get("commits"):
            notice(f"{name}: paths and commits of the allowlist are not used")
    return Loaded(
        rulefile.unique(rules), Allowlist(rule_ids, regexes, stopwords=stopwords, where=name)
    )


def _bound(allowlist: Mapping[str, Any]) -> bool:
    """Whether it holds for some paths or commits alone."""
    return allowlist.get("condition") == "AND" and bool(
        allowlist.get("paths") or allowlist.get("commits")
    )


_ID = re.compile(r"(?m)^\s*id\s*=\s*[\"']([^\"']+)[\"']")


def _gitleaks_rule(
    entry: dict[str, Any], name: str, lines: dict[str, int], notice: Notice
) -> Rule | None:
    rule_id = entry.get("id", "?")
    where = f"{name}:{lines.get(rule_id, 1)}"
    if "regex" not in entry:
        notice(f"{where}: {rule_id}: a rule for paths only is not used")
        return None
    if entry.get("path"):
        notice(f"{where}: {rule_id}: its path condition is not used")
    allow: list[str] = []
    allow_match: list[str] = []
    stopwords: list[str] = []
    lists = entry.get("allowlists", []) + ([entry["allowlist"]] if "allowlist" in entry else [])
    for one in lists:
        if _bound(one):
            notice(f"{where}: {rule_id}: an allowlist bound to paths or commits is not used")
            continue
        target = allow_match if one.get("regexTarget") in ("match", "line") else allow
        target += [from_go(regex) for regex in one.get("regexes", [])]
        stopwords += [word.lower() for word in one.get("stopwords", [])]
    secret = entry.get("secretGroup", -1)
    rule = Rule(
        rule_id,
        entry.get("description", rule_id),
        from_go(entry["regex"]),
        secret=secret if secret else -1,
        keywords=tuple(word.lower() for word in entry.get("keywords", [])),
        keywords_anywhere=True,
        entropy=float(entry.get("entropy", 0.0)),
        confidence=MEDIUM if "generic" in rule_id else HIGH,
        allow=tuple(allow),
        allow_match=tuple(allow_match),
        stopwords=tuple(stopwords),
        origin=where,
    )
    try:
        return rulefile.finish(rule)
    except RuleError as error:
        if not isinstance(error.__cause__, TooSlowError):
            raise
        notice(f"{error}; the rule is left out, and one of that name that comes with us stays")
        return None


_GO = (
    (re.compile(r"\\z"), r"\\Z"),
    (re.compile(r"\[\[:alnum:\]\]"), "[A-Za-z0-9]"),
    (re.compile(r"\[:alnum:\]"), "A-Za-z0-9"),
    (re.compile(r"\[:alpha:\]"), "A-Za-z"),
    (re.compile(r"\[:digit:\]"), "0-9"),
    (re.compile(r"\[:space:\]"), r"\\s"),
    (re.compile(r"\(\?<([A-Za-z_]\w*)>"), r"(?P<\1>"),
)
_FLAG = re.compile(r"\(\?(-?[ims]+)\)")


def from_go(pattern: str) -> str:
    """A pattern written for Go's RE2 (or PCRE) in Python's spelling.

    A flag group in mid-pattern holds to the end of its group there; Python wants it around what it
    applies to.
    """
    for old, new in _GO:
        pattern = old.sub(new, pattern)
    while match := _FLAG.search(pattern):
        end = _group_end(pattern, match.end())
        flags = match[1]
        inner = pattern[match.end() : end]
        pattern = f"{pattern[: match.start()]}(?{flags}:{inner}){pattern[end:]}"
    return pattern


def _group_end(pattern: str, position: int) -> int:
    depth, in_class = 0, False
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            position += pattern[position + 1 : position + 2] in ("]", "^")
        elif char == "(":
            depth += 1
        elif char == ")":
            if depth == 0:
                return position
            depth -= 1
        position += 1
    return position
