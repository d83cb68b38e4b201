r"""Placeholders: what replaces a secret in a request, and the ways in which models spell it.

A template such as `REDACTED<{rule}:{id}>` yields the name of a secret from the rule that found it
and the first 12 hex digits of HMAC-SHA-256 over its value, with a key that never leaves the machine
(a plain hash would let anyone confirm a guess).

Models alter what they copy. In answers, and only for placeholders that were issued to this
conversation, these spellings are accepted too: other letter case, HTML and `\u` escapes,
percent-encoding, backslashes before punctuation, and one line break (with indentation) between any
two characters.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import re
from bisect import bisect_left
from collections.abc import Iterator, KeysView, Mapping
from functools import cached_property, lru_cache

from secretgate.inbound.beginnings import HEAD, Aliases, Beginnings, beginnings

DEFAULT_TEMPLATE = "REDACTED<{rule}:{id}>"
ID_LENGTH = 12
LONGEST_RULE = 64

_WRAP = rb"(?:[ \t]{0,80}(?:(?:\\{1,15}r)?\\{1,15}n|\r?\n)[ \t]{0,80})?"
_WRAPS = re.compile(rb"[ \t]{0,80}(?:(?:\\+r)?\\+n|\r?\n)[ \t]{0,80}")
_U_ESCAPE = re.compile(rb"\\+u00([0-7][0-9a-fA-F])")
_PERCENT = re.compile(rb"%([0-7][0-9a-fA-F])")
_BACKSLASHES = re.compile(rb"\\+")
# The beginning of an escape, a line break or an indentation, cut off at the end of the input.
_CUT = re.compile(
    rb"(?:[ \t]+|[ \t]*(?:\\+r|\r)|\\+(?:u(?:0(?:0[0-7]?)?)?)?|&[a-zA-Z#0-9]{0,5}|%[0-7]?)\Z"
)
_ID = re.compile(rb"[0-9a-f]{%d}" % ID_LENGTH)
_SLUG = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def slug(rule: str) -> str:
    """Return a rule id in the form used in placeholders."""
    return _SLUG.sub("-", rule.lower()).strip("-")[:LONGEST_RULE] or "secret"


def plain_spelling(spelled: bytes) -> bytes:
    """Return a placeholder, or the beginning of one, as issued but in lower case."""
    text = _WRAPS.sub(b"", spelled)
    if b"\\" in text:
        text = _U_ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), text)
        text = _BACKSLASHES.sub(b"", text)
    if b"%" in text:
        text = _PERCENT.sub(lambda m: bytes([int(m[1], 16)]), text)
    if b"&" in text:
        text = html.unescape(text.decode("latin-1")).encode("latin-1", "replace")
    return text.lower()


_EXACT = {
    "{rule}": rb"[a-z0-9-]{1,%d}" % LONGEST_RULE,
    "{id}": rb"[0-9a-f]{%d}" % ID_LENGTH,
}


class Template:
    """A placeholder format. Raises ValueError if its placeholders could not be recognised."""

    def __init__(self, template: str = DEFAULT_TEMPLATE) -> None:
        head, _, _ = template.partition("{")
        if template.count("{id}") != 1 or template.count("{rule}") > 1:
            raise ValueError(
                "a placeholder template must hold {id} exactly once and {rule} at most once"
            )
        if len(head) < 4 or not head.isascii():
            raise ValueError(
                "a placeholder template must have 4 or more ASCII characters before {rule} and {id}"
            )
        if not template.isascii() or re.search(r'[\s"\\%&]', template):
            raise ValueError(
                "a placeholder template must be ASCII without spaces, quotes, `\\`, `%` and `&`"
            )
        self.text = template
        pieces = [piece for piece in re.split(r"(\{rule\}|\{id\})", template) if piece]
        exact = [_EXACT.get(piece, re.escape(piece).encode()) for piece in pieces]
        self.exact = re.compile(b"".join(exact))
        """Matches a placeholder as issued."""
        atoms = [atom for piece in pieces for atom in _atoms(piece)]
        self.spelled = re.compile(_WRAP.join(atoms))
        """Matches every spelling accepted in an answer."""
        inner = (
            rb"(?:[A-Za-z0-9:;#%&\\<>{}\[\]()_. \t\r\n"
            + re.escape(template).encode()
            + rb"-]{0,600})?"
        )
        for char in reversed(head):
            inner = _spellings(char) + _WRAP + rb"(?:" + inner + rb")?"
            inner = rb"(?:" + inner + rb")"
        self.beginning = re.compile(inner + rb"(?:" + _CUT.pattern[:-2] + rb")?\Z")
        """Matches what may be the beginning of a placeholder at the end of the input."""

        self._first = _spellings(head[0]).decode()
        self.apart = re.search(r"\{rule\}[^a-zA-Z0-9{-].*[^}]\Z", template) is not None
        """Whether no placeholder can be a prefix of another."""

    @cached_property
    def beginnings(self) -> Beginnings:
        """A search for the beginnings of placeholders in large texts."""
        return beginnings(self.text[:HEAD], self._first)

    def fill(self, rule: str, identity: str) -> bytes:
        return self.text.replace("{rule}", slug(rule)).replace("{id}", identity).encode()

    def find(self, text: bytes) -> Iterator[re.Match[bytes]]:
        """Yield every placeholder in a text, in any spelling."""
        behind = 0
        for start in self.beginnings.in_text(text):
            match = self.at(text, start) if start >= behind else None
            if match is not None:
                behind = match.end()
                yield match

    def at(self, text: bytes, start: int) -> re.Match[bytes] | None:
        """Return the placeholder that begins at `start`, if any."""
        return (self.apart and self.exact.match(text, start)) or self.spelled.match(text, start)


def _atoms(piece: str) -> list[bytes]:
    if piece == "{rule}":
        return [rb"(?:(?:[A-Za-z0-9]|\\{0,15}-)" + _WRAP + rb"){1,%d}" % LONGEST_RULE]
    if piece == "{id}":
        return [rb"[0-9a-fA-F]"] * ID_LENGTH
    return [_spellings(char) for char in piece]


def _spellings(char: str) -> bytes:
    if char.isalpha():
        return f"[{char.upper()}{char.lower()}]".encode()
    if char.isalnum():
        return char.encode()
    code = f"{ord(char):02x}"
    hexa = "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in code)
    named = {"<": "|&lt;", ">": "|&gt;"}.get(char, "")
    return (
        rf"(?:\\{{0,15}}{re.escape(char)}|\\{{1,15}}u00{hexa}|%{hexa}|&\#{ord(char)};|&\#[xX]{hexa};{named})"
    ).encode()


class Namer:
    """Names secrets: the same secret always gets the same name under the same key."""

    def __init__(self, template: Template, key: bytes) -> None:
        self.template = template
        # A copy of one that is keyed already takes a third of the time of a new one.
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)

    def digest(self, value: bytes) -> bytes:
        digest = self._keyed.copy()
        digest.update(value)
        return digest.digest()

    def name(self, rule: str, value: bytes) -> bytes:
        return self.template.fill(rule, self.digest(value).hex()[:ID_LENGTH])


class Issued:
    """The placeholders that may be restored in one answer, with their values.

    `aliases` are rewritten spans that contain no placeholder (a base64 run that held a secret):
    they are restored only if the model copies them exactly.
    """

    def __init__(
        self,
        template: Template,
        values: Mapping[bytes, bytes],
        aliases: Mapping[bytes, bytes] | None = None,
        limits: Mapping[bytes, str] | None = None,
    ) -> None:
        """`limits`: for placeholders not restored everywhere, where: `text`, `tools`, `never`."""
        self.template = template
        self._exact = dict(values)
        self._values = {name.lower(): (name, value) for name, value in values.items()}
        self._order = sorted(self._values)
        self._longest = max(map(len, self._order), default=0)
        self.aliases = dict(aliases or {})
        self.limits = {name.lower(): limit for name, limit in (limits or {}).items()}
        self._views: dict[bool, Issued] = {}
        self.restored: set[bytes] = set()
        self.unknown: set[bytes] = set()
        """Placeholders that occurred in the answer but were not issued for it."""

    def __bool__(self) -> bool:
        return bool(self._values or self.aliases)

    def __len__(self) -> int:
        return len(self._values)

    def suspects(self, raw: bytes) -> list[int]:
        """Return offsets, in the text of one or more events, at which to look closer.

        An event that contains none of them holds no placeholder of these, nor the beginning of one
        at the end of a string.
        """
        found = self.template.beginnings.in_events(raw) if self._values else []
        if self.aliases:
            found = sorted((*found, *self._aliases.in_events(raw)))
        return found

    @cached_property
    def by_id(self) -> Mapping[bytes, bytes]:
        """The placeholders, in lower case, by the ids in them."""
        return {ids[-1]: name for name in self._values if (ids := _ID.findall(name))}

    @cached_property
    def _aliases(self) -> Aliases:
        return Aliases(self.aliases)

    def __repr__(self) -> str:
        return f"<Issued {len(self._values)} placeholders>"

    @property
    def values(self) -> dict[bytes, bytes]:
        """The placeholders with their values."""
        return dict(self._values.values())

    @property
    def names(self) -> KeysView[bytes]:
        """The placeholders."""
        return self._exact.keys()

    @property
    def restored_names(self) -> set[bytes]:
        """The placeholders, and the aliases, whose values were restored."""
        names = {name for name, value in self._values.values() if value in self.restored}
        return names | {alias for alias, run in self.aliases.items() if run in self.restored}

    def value(self, spelled: bytes) -> bytes | None:
        """Return the value that a spelling stands for, or None if it was not issued."""
        exact = self._exact.get(spelled)
        if exact is not None:
            return exact
        found = self._values.get(plain_spelling(spelled))
        return found[1] if found else None

    def allowed(self, spelled: bytes, tool: bool) -> bool:
        """Whether policy allows restoring it here: in the arguments of a tool call, or in text."""
        if not self.limits:
            return True
        name = spelled if spelled in self.limits else plain_spelling(spelled)
        return self.limits.get(name) in (None, "always", "tools" if tool else "text")

    def within(self, tool: bool) -> Issued:
        """Return those that may be restored in the arguments of a tool call, or in text.

        What is restored through the result is recorded here too.
        """
        if not self.limits:
            return self
        view = self._views.get(tool)
        if view is None:
            here = {name: value for name, value in self.values.items() if self.allowed(name, tool)}
            view = self._views[tool] = Issued(self.template, here, self.aliases)
            view.restored, view.unknown = self.restored, self.unknown
        return view

    def may_begin(self, tail: bytes) -> bool:
        """Whether `tail` may continue to become an issued placeholder."""
        return self._begins(plain_spelling(_CUT.sub(b"", tail)))

    def begins(self, text: bytes, start: int) -> bool:
        """Whether `text[start:]` is an incomplete beginning of an issued placeholder as issued."""
        if not self.template.apart or len(text) - start > self._longest:
            return False
        return self._begins(text[start:].lower(), whole=False)

    def held_from(self, text: bytes, start: int) -> bool:
        """Whether `text[start:]` may continue to become an issued placeholder."""
        if self.begins(text, start):
            return True
        beginning = self.template.beginning.match(text, start)
        return beginning is not None and self.may_begin(beginning[0])

    def _begins(self, plain: bytes, whole: bool = True) -> bool:
        at = bisect_left(self._order, plain)
        if at == len(self._order):
            return False
        return self._order[at].startswith(plain) and (whole or self._order[at] != plain)

    def afresh(self) -> Issued:
        """Return a copy for another answer, in which nothing has been restored yet."""
        return Issued(self.template, self.values, self.aliases, self.limits)

    def covers(self, other: Issued) -> bool:
        """Whether all of the other's placeholders are among these."""
        return other.aliases.keys() <= self.aliases.keys() and (
            other._values.keys() <= self._values.keys()
        )

    def joined(self, other: Issued) -> Issued:
        """Return the union of these and the other's."""
        both = Issued(
            self.template,
            {**other.values, **self.values},
            {**other.aliases, **self.aliases},
            {**other.limits, **self.limits},
        )
        both.restored, both.unknown = self.restored | other.restored, self.unknown | other.unknown
        return both
