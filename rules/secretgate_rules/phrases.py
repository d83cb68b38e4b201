"""The phrases by which a sentence announces a credential, and the words that lead from one to a value.

"The password for the printer **is now** ...": `password` is the phrase, and what follows up to the
value is the *link*. A value is told only by the last phrase before it, and only through a link.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

__all__ = ["FIRM", "LINK", "SAID", "STEMS", "Phrases"]

_PASSWORDS = (
    rb"pass(?:word|phrase|code|wd)|pwd|pw"
    rb"|wachtwoord|passwort|kennwort|contrase(?:\xc3\xb1|n)a|mot de passe|senha"
    rb"|(?:db|root|admin|wifi|ssh|ftp|vpn|sudo) pass"
    rb"|(?<=_)pass|pass(?= for (?:the|my|our) | (?:is|was) )"
)
_KINDS_OF_KEYS = (
    rb"(?:api|access|secret|private|signing|encryption|auth|account|master|license|admin|storage"
    rb"|service)"
)
_OTHERS = (
    _KINDS_OF_KEYS + rb"[ _-]?(?:access[ _-]?)?(?:key|token)"
    rb"|token|secret|credentials?|creds|bearer|jwt|pat|[a-z]+ key|key|webhook|sid"
)
_PHRASE = re.compile(
    rb"(?i)(?:\b|_)(?P<pass>%b)\b|(?:\b|_)(?:%b)\b(?:[ ]?(?:id|sid))?" % (_PASSWORDS, _OTHERS)
)

_GAP = rb"(?:[\s\"'`*:=()_|>-]|\xe2\x86\x92|\xe2\x80\x94)"
"""What is between words: an arrow and a dash, too."""
_OF_WHAT = (
    rb"(?:for|on|of|in|at|from"
    rb"|de|du|des|del|van|von|f\xc3\xbcr|voor|pour|para|di|do|da|till|til|per)"
    rb" (?:(?:the|our|my|your|this|that|la|le|el|het|die|den) )?[\w.-]{1,24}(?: [a-z]{2,12})?"
)
_I_DID = rb"use|configured|set|got|have|generated|created|entered|pasted|copied|was given"
_WORDS = (
    # What it is for, or whose it is.
    _OF_WHAT,
    rb"\([\w ,-]{1,20}\)",
    rb"(?-i:[A-Z][\w.]{1,20})",
    rb"is|was|are|to|as|of|here|provided",
    # What has become of it.
    rb"(?:stopped|isn't|not|still) working",
    rb"(?:doesn't|does not|won't) work|no longer works",
    rb"(?:is|was|got|has) (?:expired|revoked|rejected|leaked)",
    rb"(?:that|which) goes with it",
    rb"\xe6\x98\xaf",
    rb"it's|its|set|value|set to|(?:changed|reset|rotated|updated) to|equals?|match(?:es)?",
    rb"be|called|currently|now|this|the|following|for|in|on|with|my|our|your|we|i|use",
    # Which of several, and since when.
    rb"prod|production|staging|test|dev|live|old|(?:the )?new one|new",
    rb"(?:yesterday|today|again|just now|last week|this morning|earlier),?",
    # Who says so.
    rb"id|string|has|like|says|reads|contains|shows|and it is",
    rb"i (?:%b) (?:is|was)" % _I_DID,
    rb"got|it's now|back to|(?:got|been|to) reset to",
    # What it opens.
    rb"key|token|sid|pasted|below|above|box|server|account|database|db|machine|host|user|wifi|vpn",
    rb"lautet|ist|es|est|\xc3\xa8|\xc3\xa9|\xc3\xa4r",
)
_LINK = rb"(?:'s[ ])?%b*(?:(?:%b)%b+){0,7}" % (_GAP, b"|".join(_WORDS), _GAP)
LINK = re.compile(rb"(?i)" + _LINK)
"""The words between a phrase and its value."""
SAID = re.compile(rb"(?i)\b(?:is|was|lautet|ist|es|est)\b")
"""A verb that says outright what the value is."""
FIRM = re.compile(
    rb"(?i)from the (?:portal|dashboard|console)"
    rb"|\b(?:is|was|are|be|to|equals|use|has|here|set|called|reads|says|lautet|ist|es|est)\b"
    rb"|\xc3(?:[\xa8\xa9]|\xa4r) |'s |[=:|]|->|=>|\xe2\x86\x92|\xe2\x80\x94|\xe6\x98\xaf"
)
"""A verb or a sign in a link that says that the value is what the phrase names."""

STEMS: Final = (b"pass", b"pw", b"wort", b"wachtwoord", b"contrase", b"senha")
"""Every phrase for a password contains one of these, and every other phrase one of those below."""
_STEM = re.compile(b"|".join(STEMS) + b"|key|token|secret|cred|bearer|jwt|pat|webhook|sid")
_FROM_STEM = re.compile(rb"(?i)[\w.\xc3\xb1-]*+(?: s?id)?" + _LINK)
_AHEAD: Final = 40
"""How many bytes before its stem a phrase begins at most; words of programs are seldom longer."""


class Phrases:
    """The phrases of a stretch of text, parsed only where one may refer to a value."""

    def __init__(self, text: bytes, low: int, high: int) -> None:
        self._text = text
        self._span = low, high
        self._places: tuple[list[int], list[int]] | None = None

    def last(self, low: int, begin: int, *, password: bool = False) -> re.Match[bytes] | None:
        """Return the last phrase between `low` and `begin`; None if it cannot refer to a value there.

        With `password`, only phrases for passwords count.
        """
        if self._places is None:
            self._places = self._found()
        places = self._places[password]
        at = bisect_left(places, begin) - 1
        if at < 0 or places[at] < low:
            return None
        # From the last stem on, whatever word it is part of, there may be only words of a link.
        if not _FROM_STEM.fullmatch(self._text, places[at], begin):
            return None
        close = max(low, places[at] - _AHEAD)
        found = [*_PHRASE.finditer(self._text, close, begin)]
        if not found and close > low:
            found = [*_PHRASE.finditer(self._text, low, begin)]
        if password:
            found = [one for one in found if one["pass"]] or found
        return found[-1] if found else None

    def _found(self) -> tuple[list[int], list[int]]:
        low, high = self._span
        every = [*_STEM.finditer(self._text[low:high].lower())]
        of_passwords = [low + stem.start() for stem in every if stem[0] in STEMS]
        return [low + stem.start() for stem in every], of_passwords
