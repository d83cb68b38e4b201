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
from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import permutations
from typing import NamedTuple

from secretgate.placeholders.beginnings import HEAD, Beginnings, beginnings

DEFAULT_TEMPLATE = "REDACTED<{rule}:{id}>"
ID_LENGTH = 12
LONGEST_RULE = 64

_WRAP = rb"(?:[ \t]{0,80}(?:(?:\\{1,15}r)?\\{1,15}n|\r?\n)[ \t]{0,80})?"
_WRAPS = re.compile(rb"[ \t]{0,80}(?:(?:\\+r)?\\+n|\r?\n)[ \t]{0,80}")
_U_ESCAPE = re.compile(rb"\\+u00([0-7][0-9a-fA-F])")
_PERCENT = re.compile(rb"%([0-7][0-9a-fA-F])")
_BACKSLASHES = re.compile(rb"\\+")
# The beginning of an escape, a line break or an indentation, cut off at the end of the input.
CUT = re.compile(
    rb"(?:[ \t]+|[ \t]*(?:\\+r|\r)|\\+(?:u(?:0(?:0[0-7]?)?)?)?|&[a-zA-Z#0-9]{0,5}|%[0-7]?)\Z"
)
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
    """A placeholder format, and `former` ones whose placeholders are recognised beside its own.

    Raises ValueError if its placeholders could not be recognised.
    """

    def __init__(self, template: str = DEFAULT_TEMPLATE, *former: str) -> None:
        self.text = template
        self.texts = tuple(dict.fromkeys((template, *former)))
        """The format itself, then the former ones."""
        parts = [_read(text) for text in self.texts]
        self.exact = re.compile(b"|".join(part.exact for part in parts))
        """Matches a placeholder as issued."""
        self.spelled = re.compile(b"|".join(part.spelled for part in parts))
        """Matches every spelling accepted in an answer."""
        self.beginning = re.compile(b"|".join(part.beginning for part in parts))
        """Matches what may be the beginning of a placeholder at the end of the input."""
        heads = [part.head.lower() for part in parts]
        self.apart = all(part.apart for part in parts) and not any(
            one.startswith(other) for one, other in permutations(heads, 2)
        )
        """Whether no placeholder can be a prefix of another."""

    @cached_property
    def beginnings(self) -> Beginnings:
        """A search for the beginnings of placeholders in large texts."""
        return beginnings(tuple((text[:HEAD], _spellings(text[0]).decode()) for text in self.texts))

    def beside(self, other: Template) -> Template:
        """Return this one, which recognises the placeholders of the other as well."""
        if set(other.texts) <= set(self.texts):
            return self
        return template_of(*self.texts, *other.texts)

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


class _Read(NamedTuple):
    """What one template says: its patterns, and what is before its first field."""

    head: str
    exact: bytes
    spelled: bytes
    beginning: bytes
    apart: bool


def _read(template: str) -> _Read:
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
    pieces = [piece for piece in re.split(r"(\{rule\}|\{id\})", template) if piece]
    exact = [_EXACT.get(piece, re.escape(piece).encode()) for piece in pieces]
    atoms = [atom for piece in pieces for atom in _atoms(piece)]
    inner = (
        rb"(?:[A-Za-z0-9:;#%&\\<>{}\[\]()_. \t\r\n" + re.escape(template).encode() + rb"-]{0,600})?"
    )
    for char in reversed(head):
        inner = _spellings(char) + _WRAP + rb"(?:" + inner + rb")?"
        inner = rb"(?:" + inner + rb")"
    beginning = inner + rb"(?:" + CUT.pattern[:-2] + rb")?\Z"
    apart = re.search(r"\{rule\}[^a-zA-Z0-9{-].*[^}]\Z", template) is not None
    return _Read(head, b"".join(exact), _WRAP.join(atoms), beginning, apart)


@lru_cache(maxsize=16)
def template_of(*templates: str) -> Template:
    """Return `Template(*templates)`, compiled once."""
    return Template(*templates)


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
