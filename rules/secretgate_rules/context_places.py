"""Where context rules may apply: the expressions that Hyperscan searches for on their behalf.

Each finds a credential word that is followed by something that could be a value. `context` and
`sentences` then read the place with Python's `re`, so an expression may find too much, but what it
does not find is never read.
"""

from __future__ import annotations

from typing import Final

from .database import CASELESS, Expression

__all__ = ["EXPRESSIONS", "NEAR_TOKENS", "WORD"]

WORD: Final = (
    r"(?:pass(?:w|phrase|code|e?\b|_)|pwd|pw\b"
    r"|wachtwoord|kennwort|contrase(?:ñ|n)a|senha\b"
    r"|secret|token|key|credential|creds"
    r"|auth(?:\b|_|[0-9a-np-z]|ori[sz])|bearer|jwt|dsn|otp\b|(?:\b|_)pat\b)"
)
"""A credential word, or what one begins with."""

_VALUE_CHAR = r"[^\s\"'`<>(){}\[\],;0-9]"
_MARK = "[0-9!@#%^*]"
_MARKED_EARLY = "|".join(f"{_VALUE_CHAR * at}{_MARK}\\S{{{5 - at}}}" for at in range(5))
"""A value with a digit or a sign among its first characters, and the least length of a value."""
_MARKED = rf"[\\\"'`$@]{{0,4}}(?:{_VALUE_CHAR}{{5,20}}{_MARK}|{_MARKED_EARLY})"
_QUOTED_OR_LONG = r"(?:[\\@]?[\"'`][^\s\"'`<>(){}\[\],;]{8}|[A-Za-z0-9+/_=-]{18})"
_LONG = r"[A-Za-z0-9_+/=-]{18}"

_OPERATOR = (
    r"[\w.-]{0,30}[\\\"'`\])*]{0,4}\s{0,24}"
    r"(?:!?[:=]{1,4}>?|,|\|\|?|>|→|—|\bis\b:?|\bwas\b:?|\bto\b|\bes\b|\bist\b|\blautet\b)"
    r"\*{0,2}\s*"
)
"""The rest of a name, and the sign or the word between it and its value."""
_VALUE_MEMBER = (
    r"[\w.-]{0,40}[\\\"'`]{0,4},?\s{0,40}"
    r"[\\\"']{0,4}(?:\w{1,10}[_:]?)?value[\\\"']{0,4}\s{0,3}[:=]\s{0,3}"
)
"""The rest of a name, and the member that holds its value: `"name": "PASSWORD", "value": ...`."""
_BEHIND: Final = (
    _OPERATOR + _MARKED,
    _OPERATOR + _QUOTED_OR_LONG,
    _VALUE_MEMBER + r"[\\\"'`]{0,4}[^\s\"'`<>(){}\[\],;$]{6}",
    r"[^\n]{0,12}[\s\"'`=:(,>]" + _LONG,
)
"""What follows right behind a credential word. They are joined to one expression, because Hyperscan
reads four expressions with the same beginning four times."""

_STATED = (
    r"(?:"
    r"(?:password|passwd|passphrase|pwd?|(?:db|root|admin|wifi|ssh|ftp|vpn|sudo) pass)"
    r"(?:[ \t]{1,3}(?:0 )?"
    r"|'s "
    r"| (?:for|of|to|on|in|at|d[aeio]|del) [^\n:=]{1,40}(?:[:=]>?| is:?| was:?) {1,3}"
    r"|(?: was| is| has been)? (?:changed|set|reset|rotated|updated) to:? )"
    r"|pass for (?:the|my|our) [^\n:=]{1,40}(?:[:=]| is| was) {1,3}"
    r")"
    r"[\"'`]?(?:[A-Za-z0-9#@!$%&*~][^\s\"'`<>(){}\[\],;=:]{2,24}[0-9]|[0-9]{2,4}[A-Z][a-z]{3})"
)
"""A password with a digit in a sentence: `password for the printer is ...`."""
_STATED_LETTERS = (
    r"(?:password|passwd|passphrase|passcode|pwd|_pass)[\"'`*]{0,3}\s{1,3}(?:is|was)\s"
    r"[\"'`*]{0,3}[a-z]{8,32}(?:[\s.,;!?\"'`)*]|$)"
)
"""A password of letters alone, in a sentence."""
_ASSIGNED_TO = r"[\w.-]{0,20}[\\\"'\])]{0,3}\s{0,24}[:=]{1,2}>?\s{0,4}"
_WITH_BRACKET = (
    r"(?:passw(?:or)?d|passphrase|pwd|pass)" + _ASSIGNED_TO + r"[\\\"'`]{0,3}"
    r"[^\s\"'`\\=]{3,24}[;,|{}()<>\[\]][^\s\"'`\\]{0,20}[0-9]"
)
"""A password with a character in it that ends most values."""
_WITH_QUOTE = (
    r"(?:passw(?:or)?d|passphrase|pwd|pass|secret)" + _ASSIGNED_TO + r"\\{0,3}[\"'`]"
    r"[^\s\"'`\\]{1,24}\\{0,3}[\"'`\\][^\s\"'`]{0,20}[0-9]"
)
"""A quoted password with a quote in it."""
_VARIABLE = r"(?:PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|PW)=[\"']?[A-Za-z][A-Za-z_-]{6}"
_LINE_OF_LETTERS = r"(?:passw(?:or)?d|passphrase|pwd)[\w.-]{0,20}(?:: |=| = )[a-z]{8,32}(?:\r?\n|$)"
"""A password of letters alone that ends a line of settings."""
_FENCED = r"```\r?\n" + _LONG

EXPRESSIONS: Final = (
    Expression(WORD + f"(?:{'|'.join(_BEHIND)})", CASELESS),
    Expression(_STATED, CASELESS),
    Expression(_STATED_LETTERS, CASELESS),
    Expression(_WITH_BRACKET, CASELESS),
    Expression(_VARIABLE),
    Expression(_LINE_OF_LETTERS, CASELESS),
    Expression(_WITH_QUOTE, CASELESS),
    Expression(_FENCED),
)
"""What is searched for everywhere."""
NEAR_TOKENS: Final = Expression(
    WORD + r"[^\n]{0,60}(?:\r?\n(?:```)?)?[\s\"'`=:(,>](?:[A-Za-z0-9_-]{1,40}\.)?" + _LONG,
    CASELESS,
)
"""A credential word and a token further on, which is searched for near tokens only: it would keep
Hyperscan busy for a hundred bytes after each "key" and "token" of a prose text. A token with too
few digits for that is found right behind the word, and at the start of a fence."""
