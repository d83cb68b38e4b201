"""Loads a policy from files: rule files and the packs and profiles they name, all validated.

A rule file is one scope, and a folder has one per file (`*.yaml`, `*.yml`). Packs and profiles are
searched for in `packs/` and `profiles/`, both inside the folder of the rule files and next to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from secretgate.policy import documents, schema
from secretgate.policy.documents import Document, Place
from secretgate.policy.engine import Policy, Scope
from secretgate.policy.errors import PolicyError
from secretgate.policy.expressions import Expression, capitals
from secretgate.policy.model import KNOWN_OPERATIONS
from secretgate.policy.rates import Rates
from secretgate.policy.rules import BadRule, CompiledRule, compiled
from secretgate.policy.secrets import Secrets

_SUFFIXES = (".yaml", ".yml")
_DEEPEST_PACK = 8
_Named = TypeVar("_Named", schema.Pack, schema.Profile)


def load(
    path: Path,
    secrets: Secrets,
    *,
    packs: Path | None = None,
    profiles: Path | None = None,
    before: Sequence[Scope] = (),
    rates: Rates | None = None,
    now: Callable[[], datetime] | None = None,
) -> Policy:
    """Return the policy in a file or folder, with the scopes in `before` first. Raise PolicyError."""
    scopes = [*before, *read(path, packs=packs, profiles=profiles).scopes]
    return Policy(scopes, secrets, rates, now, digest=digest(scopes))


@dataclass(frozen=True)
class Loaded:
    """The scopes in a file or folder, and warnings about probable mistakes."""

    scopes: tuple[Scope, ...]
    warnings: tuple[str, ...]


def read(path: Path, *, packs: Path | None = None, profiles: Path | None = None) -> Loaded:
    """Read the scopes in a file or folder; raise PolicyError."""
    files = rule_files(path)
    if not files:
        raise PolicyError(str(path), 0, "", "contains no rule file (*.yaml, *.yml)")
    shelf = _Shelf(files[0].absolute().parent, packs, profiles)
    scopes: dict[str, Scope] = {}
    warnings: list[str] = []
    for file in files:
        document = documents.read(file)
        scope = scope_of(document, shelf, warnings)
        if scope.name in scopes:
            reason = f"{scope.name} is the scope of {scopes[scope.name].source} too"
            raise document.error(("scope",), reason)
        scopes[scope.name] = scope
    return Loaded(tuple(scopes.values()), tuple(warnings))


def rule_files(path: Path) -> list[Path]:
    """Return the rule files at `path`, a file or a folder; raise PolicyError."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PolicyError(str(path), 0, "", "there is no such file or folder")
    return sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES and each.is_file())


def digest(scopes: Sequence[Scope]) -> str:
    """Return a digest that identifies the policy made of these scopes."""
    rows = [
        (
            *(scope.name, scope.enforces, scope.closed, scope.case_sensitive),
            rule.when and rule.when.source,
            msgspec.json.encode(rule.row),
        )
        for scope in scopes
        for rule in scope.rules
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def scope_of(
    document: Document, shelf: _Shelf | None = None, warnings: list[str] | None = None
) -> Scope:
    """Compile the scope that a document describes; raise PolicyError."""
    row = document.convert(document.data, schema.RuleFile)
    reader = _Reader(document, shelf, [] if warnings is None else warnings, row.case_sensitive)
    words = reader.words(row.profile, row.defs)
    rules = [*reader.packed(row.packs, words, ()), *reader.rules(row.rules, words)]
    _unique(rules)
    if len(rules) > schema.MOST_RULES:
        raise document.error(("rules",), f"more than {schema.MOST_RULES} rules")
    return Scope(
        name=row.scope,
        rules=tuple(rule.rule for rule in rules),
        enforces=row.mode == "enforce",
        closed=row.on_error == "closed",
        case_sensitive=row.case_sensitive,
        source=document.file,
    )


@dataclass(frozen=True)
class _Placed:
    rule: CompiledRule
    document: Document
    place: Place


def _unique(rules: Sequence[_Placed]) -> None:
    seen: dict[str, _Placed] = {}
    for each in rules:
        first = seen.setdefault(each.rule.name, each)
        if first is not each:
            line = first.document.lines.get(first.place, 1)
            reason = f"{each.rule.name} is the name of the rule at {first.document.file}:{line} too"
            raise each.document.error((*each.place, "name"), reason)


@dataclass(frozen=True)
class _Reader:
    """Reads the rules of one document."""

    document: Document
    shelf: _Shelf | None
    warnings: list[str]
    case_sensitive: bool

    def words(
        self,
        profile: str | None,
        defs: Mapping[str, str | float],
        more: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return the expansions of names in expressions: aliases and defs."""
        words = {**(more or {}), **(self._aliases(profile) if profile else {})}
        for name, value in defs.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            if name in schema.RESERVED:
                raise self.document.error(("defs", name), "is a reserved name")
            try:
                Expression(f"type({text}) == type(1) || true", words)
            except ValueError as error:
                raise self.document.error(("defs", name), str(error)) from None
            words[name] = f"({text})"
        return words

    def rules(self, rows: Sequence[Any], words: Mapping[str, str]) -> list[_Placed]:
        return [
            self.rule(self.document.convert(row, schema.Rule, ("rules", at)), words, ("rules", at))
            for at, row in enumerate(rows)
        ]

    def rule(self, row: schema.Rule, words: Mapping[str, str], place: Place) -> _Placed:
        try:
            rule = compiled(row, words)
        except BadRule as error:
            raise self.document.error((*place, *error.key), error.reason) from None
        if rule.when is not None and not self.case_sensitive:
            for literal in capitals(rule.when.source):
                told = f"{literal} has capitals, but what it is compared with comes in lower case"
                self.warnings.append(str(self.document.error((*place, "match", "when"), told)))
        if not any(map(rule.covers, KNOWN_OPERATIONS)):
            told = f"no call has such an operation; there are {', '.join(KNOWN_OPERATIONS)}"
            self.warnings.append(str(self.document.error((*place, "match", "operation"), told)))
        return _Placed(rule, self.document, place)

    def packed(
        self, rows: Sequence[Any], words: Mapping[str, str], within: tuple[str, ...]
    ) -> list[_Placed]:
        """Return the rules of packs, with this document's overrides applied."""
        found: list[_Placed] = []
        for at, row in enumerate(rows):
            place: Place = ("packs", at)
            ref = self.document.convert(row, schema.PackRef, place)
            if ref.name in within or len(within) >= _DEEPEST_PACK:
                way = " -> ".join((*within, ref.name))
                raise self.document.error(
                    (*place, "name"), f"packs include each other in a cycle: {way}"
                )
            found += self._pack(ref, place, words, (*within, ref.name))
        return found

    def _pack(
        self, ref: schema.PackRef, place: Place, words: Mapping[str, str], within: tuple[str, ...]
    ) -> Iterator[_Placed]:
        if self.shelf is None or (found := self.shelf.pack(ref.name)) is None:
            where = self.shelf.places("packs") if self.shelf else "no folder"
            raise self.document.error((*place, "name"), f"no pack {ref.name!r} in {where}")
        document, pack = found
        reader = _Reader(document, self.shelf, self.warnings, self.case_sensitive)
        inner = reader.words(pack.profile, pack.defs, words)
        rules = [*reader.packed(pack.packs, inner, within), *reader.rules(pack.rules, inner)]
        names = {each.rule.name for each in rules}
        for name in ref.overrides:
            if name not in names:
                reason = f"the pack {ref.name} has no such rule"
                raise self.document.error((*place, "overrides", name), reason)
        for each in rules:
            override = ref.overrides.get(each.rule.name)
            if override is None:
                yield each
            elif override != "disabled":
                yield self._overridden(each, override, (*place, "overrides", each.rule.name), inner)

    def _overridden(
        self, packed: _Placed, override: Any, place: Place, words: Mapping[str, str]
    ) -> _Placed:
        if not isinstance(override, dict):
            raise self.document.error(place, "`disabled`, or a map of when, message and action")
        given = self.document.convert(override, schema.Override, place)
        row = packed.rule.row
        match = row.match
        if given.when is not None:
            match = msgspec.structs.replace(match, when=given.when)
        row = msgspec.structs.replace(
            row,
            match=match,
            message=row.message if given.message is None else given.message,
            action=given.action or row.action,
            redact=row.redact if (given.action or row.action) == "redact" else None,
        )
        try:
            return _Placed(compiled(row, words), packed.document, packed.place)
        except BadRule as error:
            raise self.document.error((*place, error.key[-1]), error.reason) from None

    def _aliases(self, name: str) -> Mapping[str, str]:
        found = self.shelf.profile(name) if self.shelf else None
        if found is None:
            where = self.shelf.places("profiles") if self.shelf else "no folder"
            raise self.document.error(("profile",), f"no profile {name!r} in {where}")
        document, profile = found
        for alias, path in profile.aliases.items():
            if alias in schema.RESERVED:
                raise document.error(("aliases", alias), "is a reserved name")
            if not path.startswith("params.") or not all(
                part.isidentifier() for part in path.split(".")
            ):
                raise document.error(
                    ("aliases", alias), "must be a path that starts with `params.`"
                )
        return profile.aliases


@dataclass
class _Shelf:
    """Finds and caches packs and profiles."""

    folder: Path
    packs: Path | None = None
    profiles: Path | None = None
    _read: dict[str, dict[str, tuple[Document, Any]]] = field(default_factory=dict)

    def pack(self, name: str) -> tuple[Document, schema.Pack] | None:
        return self._named("packs", self.packs, schema.Pack).get(name)

    def profile(self, name: str) -> tuple[Document, schema.Profile] | None:
        return self._named("profiles", self.profiles, schema.Profile).get(name)

    def places(self, kind: str) -> str:
        given = getattr(self, kind)
        return str(given) if given else " or ".join(map(str, self._folders(kind)))

    def _folders(self, kind: str) -> list[Path]:
        return [self.folder / kind, self.folder.parent / kind]

    def _named(
        self, kind: str, given: Path | None, struct: type[_Named]
    ) -> dict[str, tuple[Document, _Named]]:
        if kind in self._read:
            return self._read[kind]
        found: dict[str, tuple[Document, _Named]] = {}
        for folder in [given] if given else self._folders(kind):
            for file in rule_files(folder) if folder.is_dir() else ():
                document = documents.read(file)
                row = document.convert(document.data, struct)
                if row.name in found:
                    other = found[row.name][0].file
                    raise document.error(("name",), f"{row.name} is the name of {other} too")
                found[row.name] = (document, row)
        self._read[kind] = found
        return found
