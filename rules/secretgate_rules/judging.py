"""Judges values of assignments: is this value, under a name of this tier, a secret?

`context` finds the assignment, and knows its syntax; here only name, value and what is around them
count. Rules of one's own, known values and detect-secrets ask here, too.
"""

from __future__ import annotations

import re
from typing import Final

from . import letters, passphrases, standins, values
from .context_rules import GENERIC, PASSWORD, UUID
from .model import Rule
from .names import Tier
from .randomness import evidence

IN_QUERY: Final = b"?"
"""The operator of a parameter of a URL."""
ESCAPE: Final = b"\x1b"
"""Begins a change of colour in a log."""
_SAFE = re.compile(rb"[A-Za-z0-9_.~+/=:@!#$%^&*?|-]++")
_DOLLAR = re.compile(rb"\$[A-Z][a-z]{3,20}[0-9]{2,4}[!?.#*]?")
"""A password that looks like a variable, but for its capital and its number."""
_CLOSED = (b"<", b"\n", b"\r", b"")
"""What ends the text of an element."""
_FILED = re.compile(
    rb"(?:[A-Za-z][A-Za-z_-]{2,40}[/:.])+[0-9a-f-]{12,64}(?:\.[a-z0-9]{2,5})?"
    rb"|[0-9A-F]{16}|[0-9A-F]{40}|[0-9A-F]{32}(?:@[0-9]{1,4}){1,3}"
    rb"|[A-Za-z][\w.]*(?:-[\w.]+)+-[0-9a-f]{40,64}"
)
"""What a key is that opens nothing: the place of a thing in a store or a cache, or a fingerprint of a
public key."""
_ALONE = (b"", b"\n", b"\r", b" ", b'"', b"'", b"`", b"&", b"<", ESCAPE)
ASSIGNS = (b"=", b":", IN_QUERY)


def judge(
    level: Tier,
    value: bytes,
    quoted: bool,
    operator: bytes = b"=",
    after: bytes = b"",
    literal: bool = False,
    alone: bool = False,
) -> Rule | None:
    """Return the rule by which a value is a secret under a name of this tier, or None.

    `literal` means that the value is not an identifier in code, `alone` that its name says
    `secret` and nothing else.
    """
    if (spelt := values.spelt(value)) != value:
        if spelt.translate(None, b".:?,").isalpha():
            return None
        value = spelt
    if len(value) < (
        20 if level is Tier.KEY and not ((quoted or literal) and _short_key(value)) else 6
    ):
        return None
    if level is Tier.PASSWORD and quoted and _DOLLAR.fullmatch(value) and _named(value[1:]):
        return PASSWORD
    if standins.template(value) or standins.dummy(value):
        return None
    if standins.uuid(value):
        said = level >= Tier.SECRET or literal
        return UUID if said and (operator != b">" or after == b"<") else None
    if alone and operator in ASSIGNS and (quoted or after in _ALONE) and _by_hand(value, operator):
        return PASSWORD
    if operator == b">" and after not in _CLOSED:
        return None
    if value.endswith(b":") and value[:-1].translate(None, b"-'").isalpha():
        return None
    if level >= Tier.PASSWORD:
        if literal and (letters.variable(value) or passphrases.worded(value)):
            return PASSWORD
        if _password_like(value, quoted, operator, after):
            return PASSWORD if not values.random(value) else GENERIC
    if b" " in value or values.code(value):
        return None
    if level is Tier.KEY and _FILED.fullmatch(value):
        return None
    if not quoted and (operator == b"," or after in (b"(", b"[")):
        return None
    surplus = {Tier.KEY: 12.0, Tier.SECRET: 0.0, Tier.PASSWORD: 0.0}[level]
    least = {Tier.KEY: 16, Tier.SECRET: 16, Tier.PASSWORD: 10}[level]
    short = level >= Tier.SECRET and len(value) >= 10 and evidence(value) > 14
    if len(value) < least and not (short and (quoted or operator in (b"=", b":"))):
        return None
    if not quoted and not _SAFE.fullmatch(value):
        return None
    if literal and values.numbered(value):
        return GENERIC
    return GENERIC if values.random(value, surplus) and not values.trivial(value) else None


_CLEARLY: Final = 24.0


def _short_key(value: bytes) -> bool:
    """Return whether 16 to 19 characters are so clearly random that `fooKey` before quotes is enough."""
    return (
        len(value) >= 16
        and value.isalnum()
        and not values.hexadecimal(value)
        and len(value.translate(None, b"0123456789")) < len(value)
        and evidence(value) > _CLEARLY
    )


_SIGNED = re.compile(rb"[A-Z][a-z]{2,20}[!@#%^*?+~.-][A-Z][a-z]{2,20}[0-9]")
"""Two words with a sign between them and a digit."""
_TWO_DIGITS = re.compile(rb"[0-9]{2}")


def _password_like(value: bytes, quoted: bool, operator: bytes, after: bytes) -> bool:
    if operator == b"," or (operator == b"|" and quoted):
        return False
    if passphrases.day(value):
        return quoted or (operator in ASSIGNS and after in _ALONE)
    if not values.password(value):
        if quoted and passphrases.worded(value):
            return True
        return after in _ALONE and operator in ASSIGNS and passphrases.brief(value)
    digits = any(48 <= c <= 57 for c in value)
    symbols = not value.isalnum()
    if not digits and symbols and passphrases.joined(value):
        return quoted or (operator in ASSIGNS and after in _ALONE)
    if not digits and quoted and passphrases.attached(value):
        return True
    if not quoted:
        if operator not in ASSIGNS or after in (b"(", b"[", b"{", b";"):
            return False
        if after in (b",", b")", b"}", b"]"):
            human = values.human(value) if after in (b",", b"}") else values.chosen(value)
            if human and (_TWO_DIGITS.search(value) or _SIGNED.fullmatch(value)):
                return True
            return after == b"," and values.random(value, 6.0) and not value.isalpha()
        return (digits and (evidence(value) > -2 or values.human(value))) or (
            values.tangled(value) or passphrases.signed(value)
        )
    if value.isalpha():
        return evidence(value) > 8 or (len(value) >= 10 and letters.unheard(value))
    if digits:
        return True
    return symbols and evidence(value) > 0 and not values.named_by_code(value)


_WORD_AND_YEAR = re.compile(rb"[a-z0-9]{4,30}[0-9]{2,4}")


def _named(value: bytes) -> bool:
    return values.human(value) or passphrases.brief(value)


def _by_hand(value: bytes, operator: bytes) -> bool:
    """Return whether a person chose the value; resource names have neither capitals nor symbols."""
    shaped = not value.islower() or b"!" in value
    dated = operator == b"=" and _WORD_AND_YEAR.fullmatch(value)
    return bool(shaped or dated) and values.human(value) and values.password(value)
