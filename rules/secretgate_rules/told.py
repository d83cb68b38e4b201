"""Finds secrets stated in a sentence: "the password is ... and it worked yesterday"."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from . import letters, near, passphrases, standins, values
from .model import Rule
from .names import Tier, tier
from .randomness import evidence
from .verdicts import LEAD, LONGEST, NEARBY, TOLD, UUID, Found

_TOKEN = re.compile(rb"[A-Za-z0-9_+/.~=-]+")
_TOKEN_CHARS = bytes(char for char in range(256) if _TOKEN.match(bytes([char])))


_PHRASE = re.compile(
    rb"(?i)(?:\b|_)(?P<pass>pass(?:word|phrase|code|wd)|pwd|pw|wachtwoord|passwort|kennwort|contrase(?:\xc3\xb1|n)a|mot de passe|senha|(?:db|root|admin|wifi|ssh|ftp|vpn|sudo) pass|(?<=_)pass|pass(?= for (?:the|my|our) ))\b"
    rb"|(?:\b|_)(?:(?:api|access|secret|private|signing|encryption|auth|account|master|license|admin|storage|service)[ _-]?(?:access[ _-]?)?(?:key|token)"
    rb"|token|secret|credentials?|creds|bearer|jwt|pat|[a-z]+ key|key|webhook|sid)\b(?:[ ]?(?:id|sid))?"
)
_GAP = rb"(?:[\s\"'`*:=()_|>-]|\xe2\x86\x92|\xe2\x80\x94)"
_BETWEEN = (
    rb"(?:'s[ ])?%b*(?:(?:(?:for|on|of|in|at|from|de|du|des|del|van|von|f\xc3\xbcr|voor|pour|para|di|do|da|till|til|per) (?:(?:the|our|my|your|this|that|la|le|el|het|die|den) )?[\w.-]{1,24}(?: [a-z]{2,12})?|\([\w ,-]{1,20}\)|(?-i:[A-Z][\w.]{1,20})|is|was|are|to|as|of|here|provided|(?:stopped|isn't|not|still) working|(?:doesn't|does not|won't) work|no longer works|(?:is|was|got|has) (?:expired|revoked|rejected|leaked)|(?:that|which) goes with it|\xe6\x98\xaf|it's|its|set|value|set to|(?:changed|reset|rotated|updated) to|equals?|match(?:es)?|be|called|currently|now|this|the|following|for|in|on|with|my|our|your|we|i|use|prod|production|staging|test|dev|live|old|(?:the )?new one|new|(?:yesterday|today|again|just now|last week|this morning|earlier),?|id|string|has|like|says|reads|contains|shows|and it is|i (?:use|configured|set|got|have|generated|created|entered|pasted|copied|was given) (?:is|was)|got|it's now|back to|(?:got|been|to) reset to|key|token|sid|pasted|below|above|box|server|account|database|db|machine|host|user|wifi|vpn|lautet|ist|es|est|\xc3\xa8|\xc3\xa9|\xc3\xa4r)%b+){0,7}"
    % (_GAP, _GAP)
)
_LINK = re.compile(rb"(?i)" + _BETWEEN)
STEMS: Final = (b"pass", b"pw", b"wort", b"wachtwoord", b"contrase", b"senha")
"""Every phrase for a password contains one of these, and every other phrase one of those below."""
_STEM = re.compile(b"|".join(STEMS) + b"|key|token|secret|cred|bearer|jwt|pat|webhook|sid")
_AHEAD: Final = 40
"""How many bytes before its stem a phrase begins at most; words of programs are seldom longer."""
_FROM_STEM = re.compile(rb"(?i)[\w.\xc3\xb1-]*+(?: s?id)?" + _BETWEEN)
_NAME = re.compile(rb"([A-Za-z_$][\w.$@-]{3,79})[\"'`]{0,2}[ \t]{0,3}[:=][ \t]{0,3}[\"'`]{0,2}$")
"""The name of an assignment. If it says that its value is no secret, so it is, whatever else is in it."""
_WEAK = frozenset((b"key", b"id", b"sid"))
_FINGERPRINT = re.compile(rb"[0-9A-F]{16}|[0-9A-F]{40}")
_CALL = re.compile(rb"[A-Za-z]\([\"']?\Z|=[\"']\w+[\"']>\Z")
"""The value is an argument, `key=Address('...')`, or what an element holds, `<bytes key="NSWhite">...`."""
_OUTRIGHT = re.compile(rb"(?i)token|secret|cred|bearer|pat|(?:api|access|private)[ _-]?key")
_ENCRYPTED: Final = b"ENC("
"""Begins an encrypted value of Jasypt."""
_FIRM = re.compile(
    rb"(?i)from the (?:portal|dashboard|console)|\b(?:is|was|are|be|to|equals|use|has|here|set|called|reads|says|lautet|ist|es|est)\b|\xc3(?:[\xa8\xa9]|\xa4r) |'s |[=:|]|->|=>|\xe2\x86\x92|\xe2\x80\x94|\xe6\x98\xaf"
)
_UNLIKE = re.compile(
    rb"(?i)(?:\b|_)(?:hashed|encrypted|masked|commit|sha|sha1|sha256|hash|digest|revision|rev|checksum|md5|fingerprint|etag|build|version|merge|public|cache|csrf|page|id|uuid|request|trace|session_id|sec[-_]websocket|(?:next|continuation|sync|change|starting|sequence|idempotency|lock|client|claim)[_-]?(?:page_?)?token)(?:\b|_)"
)


_NO_PASSWORD = re.compile(
    rb"(?i)(?:\b|_)(?:hashed|encrypted|masked|sha|sha1|sha256|hash|digest|checksum|md5|fingerprint|public|csrf)(?:\b|_)"
)
_CHOSEN = re.compile(rb"[^\s\"'`<>|]++")
_CHOSEN_CHARS = bytes(char for char in range(256) if _CHOSEN.match(bytes([char])))
_SAID = re.compile(rb"(?i)\b(?:is|was|lautet|ist|es|est)\b")


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


def _told_password(text: bytes, low: int, event: int, phrases: Phrases) -> tuple[int, int] | None:
    """Return the span of a password stated in a sentence, or None.

    It may contain any characters except spaces and quotes.
    """
    begin = low + len(text[low : event - 1].rstrip(_CHOSEN_CHARS))
    low = max(low, begin - LEAD, text.rfind(b"\n", low, begin) + 1)
    phrase = phrases.last(low, begin, password=True)
    if phrase is None or not phrase["pass"]:
        return None
    if text[phrase.start() - 1 : phrase.start()] in _NO_SENTENCE:
        return None
    chosen = _CHOSEN.match(text, begin)
    value = chosen[0].rstrip(b".,;:?)*") if chosen else b""
    if not _may_be_password(value) or text.startswith(b"(", begin + len(value)):
        return None
    between = text[phrase.end() : begin]
    if not _LINK.fullmatch(between) or not _fits(value, between):
        return None
    if between == b"|" and text.startswith(b"|", begin + len(value)):
        return None
    if _NO_PASSWORD.search(text[max(low, phrase.start() - 24) : phrase.start()]):
        return None
    if near.among_checksums(text, begin, begin + len(value)):
        return None
    return begin, begin + len(value)


def _may_be_password(value: bytes) -> bool:
    if standins.dummy(value) or (b"{" in value and (b"}" in value or b":" in value)):
        return False
    if len(value) < 8:
        return passphrases.brief(value)
    if passphrases.day(value):
        return True
    if any(48 <= c <= 57 for c in value):
        return values.password(value) or passphrases.worded(value)
    return letters.unheard(value) or passphrases.attached(value) or _random(value)


_NO_SENTENCE: Final = (b"/", b".", b"#")
"""What is before a part of a path, a member or a selector."""


def _random(value: bytes) -> bool:
    """Return whether letters, with signs or without, were drawn at random."""
    if standins.template(value) or standins.dummy(value) or values.code(value):
        return False
    return values.tangled(value) or values.random(value, 6.0)


def _fits(value: bytes, between: bytes) -> bool:
    """Return whether the words between a phrase and a value are explicit enough for the value."""
    if not any(48 <= c <= 57 for c in value):
        link = _FIRM if passphrases.joined(value) or _random(value) else _SAID
        return link.search(between) is not None
    if len(value) < 8:
        return _SAID.search(between) is not None or b":" in between
    if _FIRM.search(between):
        return (
            values.human(value) or value.isdigit() or passphrases.day(value) or evidence(value) > 5
        )
    dashed = value.islower() and not value.isalnum() and value.translate(None, b"-_").isalnum()
    if between.strip(_BESIDE) or dashed:
        return False
    if value.isdigit():
        return len(value) >= 8
    return values.human(value) or (values.varied(value) and evidence(value) > 12)


_BESIDE = b" \t\"'`"


def read(text: bytes, low: int, event: int, phrases: Phrases) -> Iterator[tuple[Found | None, int]]:
    """Yield the secret at `event` (or None) and the offset up to which the text has been read.

    Nothing before `low` is considered but the line above a value that is alone on its own.
    """
    if place := _told_password(text, low, event, phrases):
        yield Found(TOLD, *place), place[1]
        return
    token = _token_at(text, low, event)
    if token is None:
        return
    begin, end = token
    above = _above(text, begin, end)
    if above is not None and (prompt := _PROMPT.match(text, above, begin)):
        shown = _SHOWS.match(text, prompt.end(), begin) and _random(text[begin:end])
        yield (Found(TOLD, begin, end) if shown else None), end
        return
    line = max(low, begin - LEAD, text.rfind(b"\n", low, begin) + 1)
    low = line if above is None else above
    phrase = phrases.last(low, begin)
    if phrase is None:
        return
    rule = _stated(text, low, token, phrase, alone=above is not None)
    yield (Found(rule, begin, end) if rule else None), end


def _stated(
    text: bytes, low: int, token: tuple[int, int], phrase: re.Match[bytes], *, alone: bool
) -> Rule | None:
    """Return the rule for the secret that a phrase states in a token, or None.

    `low` is where the phrase's line begins; with `alone`, the token is alone on the line below it.
    """
    begin, end = token
    value, word = text[begin:end], phrase[0].lower()
    between = text[phrase.end() : begin]
    name = _NAME.search(text, low, begin)
    if name and name.start() <= phrase.start() and tier(name[1]) is Tier.NONE:
        return None
    clauses = (text.rfind(sign, low, phrase.start()) for sign in (b" and ", b", "))
    around = low if alone else max(low, phrase.start() - 24, *clauses)
    if (
        text[low : phrase.start()].endswith(b"/")
        or text.endswith(_ENCRYPTED, low, begin)
        or b"SHA256:" in value
        or not _LINK.fullmatch(between)
        or _UNLIKE.search(text, around, begin)
        or standins.template(value)
        or standins.dummy(value)
    ):
        return None
    firm = alone or bool(_FIRM.search(between))
    if phrase["pass"]:
        return TOLD if firm and _chosen(value) else None
    beside = not between.strip(_BESIDE)
    if standins.uuid(value) and (firm or beside) and word not in _WEAK:
        return UUID
    if word.endswith(b"key") and (_FINGERPRINT.fullmatch(value) or _CALL.search(between)):
        return None
    telling = len(value) >= 20 or (
        (firm or beside) and len(value) >= 12 and evidence(value) > 20 and not value.isalpha()
    )
    numbered = values.numbered(value) and _OUTRIGHT.search(word) is not None
    if not telling or values.code(value) or not (numbered or values.random(value, 8.0)):
        return None
    plain_hash = len(value) in (32, 40, 64) and values.hexadecimal(value)
    if plain_hash and not firm and not beside:
        return None
    return TOLD if firm else NEARBY


def _chosen(value: bytes) -> bool:
    """Whether a value of these characters may be a password, with a digit in it."""
    return (
        len(value) >= 8
        and values.password(value)
        and any(48 <= c <= 57 for c in value)
        and evidence(value) > 5
    )


def _above(text: bytes, begin: int, end: int) -> int | None:
    """Return where the line above a value begins, if nothing else is on the value's line.

    It may be a comment, a heading with a blank line below it, or a command.
    """
    line = text.rfind(b"\n", max(0, begin - _INDENT), begin)
    if line < 0 or text[line:begin].strip(b" \t\n`\"'") or not _ONLY.match(text, end):
        return None
    found = _ABOVE.search(text, max(0, line - LEAD), line + 1)
    return found.start() if found else None


_INDENT: Final = 16
"""How far a value on a line of its own may be indented."""
_ABOVE: Final = re.compile(rb"[^\n]++\n(?:[ \t\r]*\n)?(?:```\w{0,8}\r?\n)?\Z")
_ONLY: Final = re.compile(rb"[`\"']?[ \t]*\r?(?:\Z|\n(?![ \t]*[A-Za-z0-9_+/=-]{18}))")
"""The end of a line, if the next one is not of the same kind."""
_PROMPT: Final = re.compile(rb"[^\n$%#>]{0,60}(?:[$%]|[~\]\w/\\][#>]) ")
_SHOWS: Final = re.compile(
    rb"(?i)(?!git |[^\n]*(?:-o name|sha[0-9]|md5|hash|digest|checksum|fingerprint|pub))"
    rb"[^\n]*(?:passw|secret|token|api[_-]key|access[_-]key|credential|base64 -{1,2}d)"
)
"""A command that shows a credential."""


_FIRST: Final = re.compile(
    rb"(?<![^\s\"'`(])(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[\w.-]{8,64}:\Z"
)
"""The first half of a token of two; a name of the second one seldom has a number in it."""


def _token_at(text: bytes, low: int, event: int) -> tuple[int, int] | None:
    begin = low + len(text[low : event - 1].rstrip(_TOKEN_CHARS))
    match = _TOKEN.match(text, begin, min(len(text), begin + LONGEST))
    if match is None or match.end() < event:
        return None
    end = match.end()
    if text[begin - 1 : begin] == b":" and (first := _FIRST.search(text, low, begin)):
        begin = first.start()
    elif text[end : end + 1] == b":" and end - begin >= 8:
        second = _TOKEN.match(text, end + 1, min(len(text), begin + LONGEST))
        end = second.end() if second and second.end() - end > 8 else end
    while end > begin and text[end - 1 : end] in (b".", b"-", b"_", b"~"):
        end -= 1
    while begin < end and text[begin : begin + 1] in (b".", b"=", b"~"):
        begin += 1
    return (begin, end) if end > begin else None
