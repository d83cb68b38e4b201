"""Rules that go by the surroundings: assignments in any syntax, and sentences that tell a secret.

The database points at places where a credential word is followed by something that could be a
value. Here the place is read properly: the name, the operator, the quote, the value. How much the
name promises decides how random the value must be, so that a verdict rests on one assignment or
one line and on nothing further away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from . import values
from .database import CASELESS, Expression
from .model import CONTEXT, ENTROPY, HIGH, LOW, MEDIUM, Rule
from .names import Tier, tier
from .randomness import evidence

LEAD: Final = 120
"""How far before a value its name is looked for."""
LONGEST: Final = 1024
"""The longest value of an assignment."""

GENERIC = Rule(
    "generic-api-key",
    "A random value whose name says credential",
    "",
    specificity=CONTEXT,
    confidence=HIGH,
)
PASSWORD = Rule(
    "password-assignment", "A password in an assignment", "", specificity=CONTEXT, confidence=MEDIUM
)
UUID = Rule(
    "generic-uuid-token",
    "A UUID whose name says credential",
    "",
    specificity=CONTEXT,
    confidence=MEDIUM,
)
TOLD = Rule(
    "told-secret", "A secret told in a sentence", "", specificity=CONTEXT, confidence=MEDIUM
)
NEARBY = Rule(
    "random-near-credential",
    "A random value next to a credential word",
    "",
    specificity=ENTROPY,
    confidence=LOW,
)
RULES: Final = (GENERIC, PASSWORD, UUID, TOLD, NEARBY)

WORD: Final = r"(?:pass(?:w|phrase|code|\b|_)|pwd|secret|token|key|credential|creds|auth(?:\b|_|[0-9a-np-z]|ori[sz])|bearer|jwt|dsn|otp\b)"
_GLUE = r"[\w.-]{0,30}[\\\"'`\])]{0,4}\s{0,4}(?:[:=]{1,4}>?|,|\|\|?|>|\bis\b|\bto\b)\s{0,12}"
_PAIR = r"[\w.-]{0,40}[\\\"'`]{0,4},?\s{1,40}[\\\"']{0,4}(?:\w{1,10}_?)?value[\\\"']{0,4}\s{0,3}[:=]\s{0,3}"
EXPRESSIONS: Final = (
    Expression(WORD + _GLUE + r"[\\\"'`$]{0,4}[^\s\"'`<>(){}\[\],;]{0,20}[0-9]", CASELESS),
    Expression(
        WORD + _GLUE + r"(?:\\?[\"'`][^\s\"'`<>(){}\[\],;]{8}|[A-Za-z0-9+/_=-]{18})", CASELESS
    ),
    Expression(WORD + _PAIR + r"[\\\"'`]{0,4}[^\s\"'`<>(){}\[\],;$]{8}", CASELESS),
    Expression(WORD + r"[^\n]{0,60}[\s\"'`=:(,>][A-Za-z0-9_+/=-]{18}", CASELESS),
)


class Found(NamedTuple):
    """A value and the rule that says it is a secret."""

    rule: Rule
    start: int
    end: int


_ASSIGNMENT = re.compile(
    rb"""
    (?<![\w$]) (?P<name> [A-Za-z_$][\w.$@/-]{0,79}+ (?:[ ](?i:key|token|secret|password|id|pat))? )
    (?P<close> \\{0,3}["'`]? [\])]{0,2} )
    (?: [ \t]{0,3} : [ \t]{0,2} (?:[\w.]{1,20}+ (?:\[\w{1,20}\])? ) (?=[ \t]{0,2}=) | [ \t]{1,3}(?:string|str)(?=[ \t]{0,3}=) )?
    (?P<op> [ \t]{0,40} (?: :{0,3}={1,3}>? | =>? | :{1,3} | \|\|=? | \?\?= | , | <- | (?<=[ ])\|(?=[ ])) [ \t]{0,8} | > )
    (?P<gap> \s{0,16} )
    (?P<open> \\{0,3} (?: ["'`]{1,3} ) )?
    """,
    re.VERBOSE,
)
_BARE = re.compile(rb"[^\s\"'`<>,;(){}\[\]|\\]++")
_SAFE = re.compile(rb"[A-Za-z0-9_.~+/=:@!#$%^&*?-]++")
_PARAMETER = re.compile(rb"&(?:amp;)?[A-Za-z_][\w.-]{0,40}=")
_TOKEN = re.compile(rb"[A-Za-z0-9_+/.~=-]+")
_TOKEN_CHARS = bytes(char for char in range(256) if _TOKEN.match(bytes([char])))
_ENDS = re.compile(rb"[\r\n]")


_SAME = re.compile(rb"[A-Za-z0-9+/_-]*+")
_NEXT: Final = 40


def search(text: bytes, events: list[int]) -> Iterator[Found]:
    """Read the places the database points at; `events` are offsets inside or behind a value."""
    reached = seen = -1
    for event in events:
        if event <= reached:
            continue
        if event - seen < _NEXT and _SAME.fullmatch(text, seen, event):
            seen = event
            continue
        seen = event
        last = reached
        for found, end in _read(text, event):
            last = max(last, end)
            if found:
                yield found
        reached = last


def _read(text: bytes, event: int) -> Iterator[tuple[Found | None, int]]:
    start = max(0, event - LEAD - 40)
    line = text.rfind(b"\n", start, max(start, event - 1))
    low = start if line < 0 else max(start, text.rfind(b"\n", start, line) + 1)
    covering = [
        (match, name, end)
        for match in _ASSIGNMENT.finditer(text, low, event)
        if match.end() < event
        and tier(name := _name(text, match)) > Tier.NONE
        and event <= (end := _value_end(text, match)) + 1
    ]
    for match, name, end in dict.fromkeys(covering[:1] + covering[-1:]):
        opened = match["open"] or b""
        operator = match["op"].strip()
        if text[match.start() - 1 : match.start()] in (b"?", b"&"):
            operator = _IN_QUERY
        rule = assigned(name, operator, opened, text, match.end(), end)
        if rule:
            yield Found(rule, match.end(), _trim(text, match.end(), end, opened)), end
            return
    if covering:
        yield None, covering[0][2]
        return
    yield from _told(text, low, event)


_NAMED_VALUE = re.compile(rb"(?i)(?:\w{1,10}_?)?value")
_NAME_BEFORE = re.compile(rb"([A-Za-z_][\w.-]{1,79})[\\\"'`]{0,4},?\s{1,40}[\\\"']{0,4}$")


def _name(text: bytes, match: re.Match[bytes]) -> bytes:
    """The name of an assignment; of one half of a pair (`name: X`, `value: Y`), what the other half says."""
    name = match["name"]
    if not _NAMED_VALUE.fullmatch(name):
        return name
    other = _NAME_BEFORE.search(text, max(0, match.start() - LEAD), match.start())
    return other[1] if other else name


def _value_end(text: bytes, match: re.Match[bytes]) -> int:
    begin = match.end()
    opened = match["open"]
    limit = min(len(text), begin + LONGEST)
    if opened:
        close = text.find(opened, begin, limit)
        broken = _ENDS.search(text, begin, limit)
        if close >= 0 and not (broken and broken.start() < close):
            return close
    bare = _BARE.match(text, begin, limit)
    if bare is None:
        return begin
    more = _PARAMETER.search(text, begin, bare.end())
    return more.start() if more else bare.end()


def _trim(text: bytes, begin: int, end: int, opened: bytes) -> int:
    if not opened:
        while end > begin and text[end - 1 : end] in (b",", b":"):
            end -= 1
    return end


def assigned(
    name: bytes, operator: bytes, opened: bytes, text: bytes, begin: int, end: int
) -> Rule | None:
    """The rule by which the value of an assignment is a secret, if it is one."""
    level = tier(name)
    if level is Tier.NONE:
        return None
    value = text[begin : _trim(text, begin, end, opened)]
    return judge(level, value, bool(opened), operator, text[end : end + 1])


def judge(
    level: Tier, value: bytes, quoted: bool, operator: bytes = b"=", after: bytes = b""
) -> Rule | None:
    """Whether a value under a name of this tier is a secret."""
    if len(value) < 6 or values.template(value) or values.dummy(value):
        return None
    if values.uuid(value):
        return UUID if level >= Tier.SECRET and operator != b">" else None
    if level >= Tier.PASSWORD and _password_like(value, quoted, operator, after):
        return PASSWORD if not values.random(value) else GENERIC
    if b" " in value or values.code(value):
        return None
    if operator == b"," and not quoted:
        return None
    surplus = {Tier.KEY: 12.0, Tier.SECRET: 0.0, Tier.PASSWORD: 0.0}[level]
    least = {Tier.KEY: 20, Tier.SECRET: 16, Tier.PASSWORD: 10}[level]
    short = level >= Tier.SECRET and len(value) >= 10 and evidence(value) > 14
    if len(value) < least and not (short and (quoted or operator in (b"=", b":"))):
        return None
    if not quoted and not _SAFE.fullmatch(value):
        return None
    return GENERIC if values.random(value, surplus) else None


def _password_like(value: bytes, quoted: bool, operator: bytes, after: bytes) -> bool:
    if operator == b"," or not values.password(value):
        return False
    digits = any(48 <= c <= 57 for c in value)
    symbols = not value.isalnum()
    if not quoted:
        if operator not in (b"=", b":", _IN_QUERY) or after in (b"(", b"[", b"{", b",", b";", b")"):
            return False
        return digits and evidence(value) > -2 and not values.template(value)
    if value.isalpha():
        return evidence(value) > 8
    return digits or (symbols and evidence(value) > 0)


_PHRASE = re.compile(
    rb"(?i)(?:\b|_)(?P<pass>pass(?:word|phrase|code|wd)|pwd)\b|(?:\b|_)(?:(?:api|access|secret|private|signing|encryption|auth|account|master|license|admin|storage|service)[ _-]?(?:access[ _-]?)?(?:key|token)"
    rb"|token|secret|credentials?|creds|bearer|jwt|pat|[a-z]+ key|key|webhook|sid)\b(?:[ ]?(?:id|sid))?"
)
_LINK = re.compile(
    rb"(?i)[\s\"'`*(_|]*(?:(?:is|was|are|=|:|=>|->|to|as|of|here|it's|its|set|value|set to|equals|be|called|currently|now|this|the|following|for|in|on|with|my|our|your|prod|production|staging|test|dev|live|old|new|id|string|has|like|says|reads|contains|shows|and it is|i use is|key|token|sid|pasted|below|above)[\s\"'`*:=(_|-]+){0,6}"
)
_IN_QUERY: Final = b"?"
_WEAK = frozenset((b"key", b"id", b"sid"))
_FIRM = re.compile(
    rb"(?i)\b(?:is|was|are|be|to|equals|use|has|here|set|called|reads|says)\b|[=:|]|->|=>"
)
_UNLIKE = re.compile(
    rb"(?i)(?:\b|_)(?:commit|sha|sha1|sha256|hash|digest|revision|rev|checksum|md5|fingerprint|etag|build|version|merge|public|cache|csrf|page|id|uuid|request|trace|session_id|sec-websocket)(?:\b|_)"
)


_APART: Final = tuple(bytes([char]) for char in b" \t\r\n\"'`<>|")
_CHOSEN = re.compile(rb"[^\s\"'`<>|]++")


def _told_password(text: bytes, low: int, event: int) -> tuple[int, int] | None:
    """Where the password stands that a sentence tells; it may hold any character but spaces and quotes."""
    begin = max(text.rfind(mark, low, event - 1) for mark in _APART) + 1
    begin = max(begin, low)
    lead = text[max(low, begin - LEAD, text.rfind(b"\n", low, begin) + 1) : begin]
    phrase = next((match for match in reversed([*_PHRASE.finditer(lead)])), None)
    if phrase is None or not phrase["pass"]:
        return None
    between = lead[phrase.end() :]
    chosen = _CHOSEN.match(text, begin)
    if chosen is None or not _LINK.fullmatch(between) or not _FIRM.search(between):
        return None
    value = chosen[0].rstrip(b".,;:?)")
    if len(value) < 8 or value.isalnum() or not values.password(value) or evidence(value) <= 5:
        return None
    return (begin, begin + len(value)) if any(48 <= c <= 57 for c in value) else None


def _told(text: bytes, low: int, event: int) -> Iterator[tuple[Found | None, int]]:
    if place := _told_password(text, low, event):
        yield Found(TOLD, *place), place[1]
        return
    token = _token_at(text, low, event)
    if token is None:
        return
    begin, end = token
    line = text.rfind(b"\n", low, begin) + 1
    lead = text[max(line, low, begin - LEAD) : begin]
    phrases = list(_PHRASE.finditer(lead))
    if not phrases:
        return
    phrase = phrases[-1]
    between = lead[phrase.end() :]
    value = text[begin:end]
    if not _LINK.fullmatch(between) or values.template(value) or values.dummy(value):
        yield None, end
        return
    if _UNLIKE.search(lead[max(0, phrase.start() - 24) :]):
        yield None, end
        return
    firm = bool(_FIRM.search(between))
    if phrase["pass"]:
        good = (
            firm
            and len(value) >= 8
            and values.password(value)
            and any(48 <= c <= 57 for c in value)
            and evidence(value) > 5
        )
        yield (Found(TOLD, begin, end) if good else None), end
        return
    if values.uuid(value) and firm and phrase[0].lower() not in _WEAK:
        yield Found(UUID, begin, end), end
        return
    telling = len(value) >= 20 or (
        firm and len(value) >= 12 and evidence(value) > 20 and not value.isalpha()
    )
    if not telling or values.code(value) or not values.random(value, 8.0):
        yield None, end
        return
    plain_hash = len(value) in (32, 40, 64) and values.hexadecimal(value)
    if plain_hash and not firm and between.strip():
        yield None, end
        return
    yield Found(TOLD if firm else NEARBY, begin, end), end


def _token_at(text: bytes, low: int, event: int) -> tuple[int, int] | None:
    begin = low + len(text[low : event - 1].rstrip(_TOKEN_CHARS))
    match = _TOKEN.match(text, begin, min(len(text), begin + LONGEST))
    if match is None or match.end() < event:
        return None
    end = match.end()
    if text[end : end + 1] == b":" and end - begin >= 8:
        second = _TOKEN.match(text, end + 1, min(len(text), begin + LONGEST))
        end = second.end() if second and second.end() - end > 8 else end
    while end > begin and text[end - 1 : end] in (b".", b"-", b"_", b"~"):
        end -= 1
    while begin < end and text[begin : begin + 1] in (b".", b"=", b"~"):
        begin += 1
    return (begin, end) if end > begin else None
