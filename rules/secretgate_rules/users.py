"""Reads users' rule files, which have one of three formats.

* our YAML (`rules:`, and optionally `allow:` with `rules`, `regexes`, `paths`, `hashes`);
* a `signatures.yaml`: a list of `Company: [- Name: "regex"]`;
* an unmodified `gitleaks.toml`, with patterns for Go's RE2.

Errors are reported with file, line and reason. What has no meaning here (path rules, for example)
is reported in a notice and not used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from . import gitleaks, rulefile
from .allow import Allowlist
from .go import from_go
from .model import HIGH, Rule, RuleError
from .rulefile import Loaded, Notice


def load_user_file(path: Path, notice: Notice) -> Loaded:
    """Return the content of a rule file in any of the formats; raise `RuleError`."""
    path = path.expanduser()
    text = rulefile.read_text(path)
    if path.suffix == ".toml":
        return gitleaks.load(text, str(path), notice)
    data, lines = rulefile.parse_yaml(text, str(path))
    if isinstance(data, dict) and ("rules" in data or "allow" in data):
        rulefile.check_keys(data, lines, str(path))
        rules = rulefile.load_text(text, str(path)) if "rules" in data else []
        return Loaded(rules, _allow(data.get("allow"), lines, str(path)))
    return Loaded(signatures(data, lines, str(path)))


_ALLOW = ("rules", "regexes", "paths", "hashes")


def _allow(data: Any, lines: dict[tuple[Any, ...], int], name: str) -> Allowlist:
    if data is None:
        return Allowlist()
    where = f"{name}:{lines.get(('allow',), 1)}"
    if not isinstance(data, dict):
        raise RuleError(f"{where}: allow: expected lists under {', '.join(_ALLOW)}")
    rulefile.check_keys(data, lines, name, ("allow",), _ALLOW)
    for key, value in data.items():
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            place = f"{name}:{lines.get(('allow', key), 1)}"
            raise RuleError(f"{place}: allow: {key}: expected a list of strings")
    return Allowlist(**data, where=where)


def signatures(data: Any, lines: dict[tuple[Any, ...], int], name: str) -> list[Rule]:
    """Return the rules of a parsed `signatures.yaml`; raise `RuleError`.

    `lines` and `name` are for error messages.
    """
    if not isinstance(data, list):
        raise RuleError(
            f"{name}:1: neither rules (`rules:`), nor an allowlist (`allow:`), "
            "nor signatures (a list of `Company: [- Name: regex]`)"
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
