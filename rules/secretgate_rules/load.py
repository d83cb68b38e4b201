"""Builds a detector from the packs and the user's own rules.

Reading almost two thousand rules from YAML and measuring their patterns takes seconds. The result
is cached next to the compiled database, under a digest of the packs and of the code that read
them, so that the next start takes milliseconds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from . import boundaries, cache, context, database, patterns, regex, rulefile, supplement
from .allow import Allowlist
from .database import Expression
from .engine import Detector
from .model import ENTROPY, Rule
from .table import Compiled, Table, tabulate
from .users import load_user_file

REPORTED: Final = frozenset({"x509-certificate"})
"""Rules for public data that is worth reporting. Where text is redacted, they are off: `enable=()`."""

STAND_IN: Final = "issuer-prefixed-token"
"""The rule for tokens of known issuers that no rule describes. What is allowed for the rule that
does describe a token is allowed for this one as well, or it would be reported nevertheless."""

_FAULTY: Final = (
    "the installed hyperscan misses some secrets, as it contains Vectorscan 5.4.12; "
    "hyperscan 0.7.21, for Python 3.11 to 3.13, does not"
)


def load_default(
    barrier: re.Pattern[bytes] | None = None,
    *,
    rule_files: Sequence[Path | str] = (),
    allow: Allowlist | None = None,
    entropy: bool = True,
    detect_secrets: bool = False,
    enable: Iterable[str] = REPORTED,
    disable: Iterable[str] = (),
    notice: Callable[[str], None] | None = None,
) -> Detector:
    """Return a detector with the built-in rules and those of `rule_files`; raise `RuleError`.

    A rule file is our YAML, a `signatures.yaml` or a `gitleaks.toml`; its rules replace built-in
    ones with the same id. `enable` turns on rules that are off otherwise (by default those for
    public data), `disable` turns rules off, and `entropy=False` turns off those based on randomness
    near a credential word. `detect_secrets` runs that scanner as well. `notice` is called with a
    message for each part of a rule file that is not used, for each id that is no rule's, and if
    Hyperscan is known to miss matches.
    """
    notice = notice or (lambda _: None)
    if database.misses():
        notice(_FAULTY)
    wanted, refused = frozenset(enable), frozenset(disable)
    table = packs(wanted)
    known = {item.rule.id for item in table.compiled} | {rule.id for rule in context.RULES}
    described = [item for item in table.compiled if not item.keywords and item.rule.id != STAND_IN]
    given = _read(rule_files, known, notice)
    known.update(rule.id for rule in given.rules)
    _tell_unknown(wanted, refused, known, notice)
    for pattern in given.named:
        if not any(fnmatchcase(rule, pattern) for rule in known) and not _elsewhere(pattern):
            notice(f"{pattern} cannot be allowed: no rule has that id{_near(pattern, known)}")
    if given.rules or refused or not entropy:
        table = _replaced(table, given.rules, refused, entropy)
    lists = [one for one in (allow, *given.allow) if one]
    seals = [one.digest for one in lists], [(rule, one.digest) for rule, one in given.amended]
    salt = repr((sorted(refused), entropy, detect_secrets, seals))
    exceptions = _Exceptions(refused, lists, given.amended, described)
    return Detector(
        table,
        barrier,
        allow=exceptions.allow if exceptions else None,
        allow_path=lambda path: any(one.allows_path(path) for one in lists),
        salt=salt,
        entropy_rules=entropy,
        supplement=supplement.detect_secrets() if detect_secrets else None,
    )


class _Given(NamedTuple):
    """What the user's rule files say."""

    rules: list[Rule]
    allow: list[Allowlist]
    amended: list[tuple[str, Allowlist]]
    """Allowlists that apply to one rule only."""
    named: list[str]
    """Patterns of rule ids in the allowlists."""


def _read(
    rule_files: Sequence[Path | str], known: set[str], notice: Callable[[str], None]
) -> _Given:
    """Read rule files; `known` are the ids of the built-in rules. Raises `RuleError`."""
    given = _Given([], [], [], [])
    for name in rule_files:
        loaded = load_user_file(Path(name), notice)
        given.rules.extend(loaded.rules)
        given.allow.append(loaded.allow)
        given.amended.extend(loaded.amended.items())
        if Path(name).suffix != ".toml":  # those of gitleaks may name gitleaks' own rules
            given.named.extend(loaded.allow.rules)
        for rule in sorted(loaded.amended.keys() - known):
            notice(
                f"{name}: an allowlist targets {rule}, a rule that does not exist; it is not used"
            )
    return given


def _replaced(
    table: Table, user_rules: Sequence[Rule], refused: frozenset[str], entropy: bool
) -> Table:
    """Return a table with the user's rules, also in place of those with the same ids."""
    own = {rule.id for rule in user_rules}
    kept = [
        item.rule
        for item in table.compiled
        if item.rule.id not in own | refused and (entropy or item.rule.specificity > ENTROPY)
    ]
    return tabulate([*kept, *(rule for rule in user_rules if rule.id not in refused)])


class _Exceptions:
    """What is not a finding: of a rule that is off, or in one of the allowlists."""

    def __init__(
        self,
        refused: frozenset[str],
        lists: Sequence[Allowlist],
        amended: Sequence[tuple[str, Allowlist]],
        described: Iterable[Compiled],
    ) -> None:
        self._refused = refused
        self._lists = lists
        self._amended = amended
        targets = refused | {rule for rule, _ in amended}
        self._described = [
            item
            for item in described
            if item.rule.id in targets or any(one.names(item.rule.id) for one in lists)
        ]
        """The rules with an exception that describe a token of an issuer."""

    def __bool__(self) -> bool:
        return bool(self._refused or self._lists or self._amended)

    def allow(self, rule: str, value: bytes) -> bool:
        return (
            rule in self._refused
            or any(one.allows(rule, value) for one in self._lists)
            or any(one.allows(rule, value) for name, one in self._amended if name == rule)
            or (rule == STAND_IN and any(self.allow(name, value) for name in self._naming(value)))
        )

    def _naming(self, value: bytes) -> Iterator[str]:
        """Yield the rules among `described` whose pattern matches a whole value alone."""
        for item in self._described:
            match = item.regex.search(value)
            if match and match.span(item.rule.secret) == (0, len(value)):
                yield item.rule.id


def _tell_unknown(
    wanted: frozenset[str], refused: frozenset[str], known: set[str], notice: Callable[[str], None]
) -> None:
    """Give notice of ids, to be switched on or off, that no rule has."""
    for name in sorted(wanted - known - REPORTED):
        notice(f"{name} cannot be switched on: no rule has that id{_near(name, known)}")
    for name in sorted(refused - known):
        if not _elsewhere(name):
            notice(f"{name} cannot be switched off: no rule has that id{_near(name, known)}")


def _elsewhere(name: str) -> bool:
    """Whether the id is of detect-secrets, or of a rule that is off by default."""
    entry = f"- id: {name}\n".encode()
    return name.startswith(supplement.PREFIX) or any(
        entry in path.read_bytes() for path in rulefile.pack_files()
    )


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def packs(enable: frozenset[str] = frozenset()) -> Table:
    """Return the built-in rules, compiled; `enable` adds those that are off by default."""
    files = rulefile.pack_files()
    seal = hashlib.sha256(repr((sorted(enable), cache.code_digest(), regex.EDITION)).encode())
    for path in files:
        seal.update(path.read_bytes())
    name = f"rules-{seal.hexdigest()[:32]}.msgpack"
    stored = cache.read(name)
    table = _decode(stored) if stored else None
    if table is None:
        cache.announce()
        rules = rulefile.unique(
            rule for path in files for rule in rulefile.load_file(path, trusted=True)
        )
        table = tabulate(
            replace(
                rule,
                pattern=boundaries.in_prose(rule.pattern),
                examples=(),
                counterexamples=(),
            )
            for rule in rules
            if rule.enabled or rule.id in enable
        )
        cache.write(name, _encode(table))
    return table


class _Row(msgspec.Struct, array_like=True):
    rule: Rule
    shape: patterns.Shape
    by_keyword: bool
    near: bool
    translation: bytes


class _Stored(msgspec.Struct, array_like=True):
    rows: list[_Row]
    expressions: list[tuple[str, int]]
    owners: list[list[int]]
    near: list[bool]
    digest: str


def _encode(table: Table) -> bytes:
    rows = [
        _Row(
            item.rule,
            item.shape,
            item.by_keyword,
            item.near,
            regex.translated(item.rule.pattern, item.rule.flags),
        )
        for item in table.compiled
    ]
    plain = [(one.pattern, one.flags) for one in table.expressions]
    return msgspec.msgpack.encode(_Stored(rows, plain, table.owners, table.near, table.digest))


def _decode(stored: bytes) -> Table | None:
    try:
        read = msgspec.msgpack.decode(stored, type=_Stored)
    except msgspec.MsgspecError:
        return None
    rows = [
        Compiled(row.rule, row.shape, row.by_keyword, row.near, row.translation)
        for row in read.rows
    ]
    expressions = [Expression(*pair) for pair in read.expressions]
    return Table(rows, expressions, read.owners, read.near, read.digest)
