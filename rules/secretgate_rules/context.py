"""Context rules: assignments in any syntax, and sentences that state a secret.

The database finds places where a credential word is followed by something that could be a value.
This module parses the place: name, operator, quote and value. The tier of the name decides how
random the value must be, so that a verdict depends on one assignment or one line and on nothing
further away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from . import judging, letters, near, passphrases, told, values
from .database import CASELESS, Expression
from .model import Rule
from .names import Tier, tier
from .randomness import scrambled
from .verdicts import LEAD, LONGEST, PASSWORD, RULES, Found

__all__ = ["EXPRESSIONS", "LONGEST", "RULES", "WORD", "search"]

WORD: Final = r"(?:pass(?:w|phrase|code|e?\b|_)|pwd|pw\b|wachtwoord|kennwort|contrase(?:ñ|n)a|senha\b|secret|token|key|credential|creds|auth(?:\b|_|[0-9a-np-z]|ori[sz])|bearer|jwt|dsn|otp\b|(?:\b|_)pat\b)"
_GLUE = r"[\w.-]{0,30}[\\\"'`\])*]{0,4}\s{0,24}(?:!?[:=]{1,4}>?|,|\|\|?|>|→|—|\bis\b:?|\bwas\b:?|\bto\b|\bes\b|\bist\b|\blautet\b)\*{0,2}\s*"
_PAIR = r"[\w.-]{0,40}[\\\"'`]{0,4},?\s{0,40}[\\\"']{0,4}(?:\w{1,10}[_:]?)?value[\\\"']{0,4}\s{0,3}[:=]\s{0,3}"
_CHAR = r"[^\s\"'`<>(){}\[\],;0-9]"
_MARK = "[0-9!@#%^*]"
_NUMBERED = "|".join(f"{_CHAR * at}{_MARK}\\S{{{5 - at}}}" for at in range(5))
"""A value with a digit or a sign among its first characters, and the least length of a value."""
_BEHIND: Final = (
    _GLUE + rf"[\\\"'`$@]{{0,4}}(?:{_CHAR}{{5,20}}{_MARK}|{_NUMBERED})",
    _GLUE + r"(?:[\\@]?[\"'`][^\s\"'`<>(){}\[\],;]{8}|[A-Za-z0-9+/_=-]{18})",
    _PAIR + r"[\\\"'`]{0,4}[^\s\"'`<>(){}\[\],;$]{6}",
    r"[^\n]{0,12}[\s\"'`=:(,>][A-Za-z0-9_+/=-]{18}",
)
"""What follows right behind a credential word. They are joined to one expression, because Hyperscan
reads four expressions with the same beginning four times."""
EXPRESSIONS: Final = (
    Expression(WORD + f"(?:{'|'.join(_BEHIND)})", CASELESS),
    Expression(
        r"(?:(?:password|passwd|passphrase|pwd?|(?:db|root|admin|wifi|ssh|ftp|vpn|sudo) pass)(?:[ \t]{1,3}(?:0 )?|'s | (?:for|of|to|on|in|at|d[aeio]|del) [^\n:=]{1,40}(?:[:=]>?| is:?| was:?) {1,3}|(?: was| is| has been)? (?:changed|set|reset|rotated|updated) to:? )|pass for (?:the|my|our) [^\n:=]{1,40}(?:[:=]| is| was) {1,3})[\"'`]?(?:[A-Za-z0-9#@!$%&*~][^\s\"'`<>(){}\[\],;=:]{2,24}[0-9]|[0-9]{2,4}[A-Z][a-z]{3})",
        CASELESS,
    ),
    Expression(
        r"(?:password|passwd|passphrase|passcode|pwd|_pass)[\"'`*]{0,3}\s{1,3}(?:is|was)\s[\"'`*]{0,3}[a-z]{8,32}(?:[\s.,;!?\"'`)*]|$)",
        CASELESS,
    ),
    Expression(
        r"(?:passw(?:or)?d|passphrase|pwd|pass)[\w.-]{0,20}[\\\"'\])]{0,3}\s{0,24}[:=]{1,2}>?\s{0,4}[\\\"'`]{0,3}[^\s\"'`\\=]{3,24}[;,|{}()<>\[\]][^\s\"'`\\]{0,20}[0-9]",
        CASELESS,
    ),
    Expression(r"(?:PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|PW)=[\"']?[A-Za-z][A-Za-z_-]{6}"),
    Expression(
        r"(?:passw(?:or)?d|passphrase|pwd)[\w.-]{0,20}(?:: |=| = )[a-z]{8,32}(?:\r?\n|$)", CASELESS
    ),
    Expression(
        r"(?:passw(?:or)?d|passphrase|pwd|pass|secret)[\w.-]{0,20}[\\\"'\])]{0,3}\s{0,24}[:=]{1,2}>?\s{0,4}\\{0,3}[\"'`][^\s\"'`\\]{1,24}\\{0,3}[\"'`\\][^\s\"'`]{0,20}[0-9]",
        CASELESS,
    ),
    Expression(r"```\r?\n[A-Za-z0-9_+/=-]{18}"),
)
"""What is searched for everywhere."""
NEAR: Final = Expression(
    WORD
    + r"[^\n]{0,60}(?:\r?\n(?:```)?)?[\s\"'`=:(,>](?:[A-Za-z0-9_-]{1,40}\.)?[A-Za-z0-9_+/=-]{18}",
    CASELESS,
)
"""A credential word and a token further on, which is searched for near tokens only: it would keep
Hyperscan busy for a hundred bytes after each "key" and "token" of a prose text. A token with too
few digits for that is found right behind the word, and at the start of a fence."""


_ASSIGNMENT = re.compile(
    rb"""
    (?<![\w$]) (?P<name> [A-Za-z_$][\w.$@/-]{0,79}+ (?:[ ](?i:key|token|secret|password|id|pat))? )
    (?P<close> \\{0,3}["'`]? [\])]{0,2} \*{0,2} )
    (?: [ \t]{0,3} : [ \t]{0,2} (?:&(?:'static[ ])?)? (?![A-Z0-9]+_[A-Z0-9_]+=|value=|(?i:[a-z0-9_.]*(?:pass|passwd|password|pwd|token|secret|api_?key))=[^\s"'`]) (?:[\w.]{1,20}+ (?:\[\w{1,20}\])? ) (?=[ \t]{1,2}= | =["'`]?[^=\s"'`,;)\]}]) | [ \t]{1,3}(?:(?:[Aa]s[ ])?[Ss]tring|str)(?=[ \t]{0,3}=) )?
    (?P<op> [ \t]{0,40} (?: [?]?:{0,3}={1,3}>? | !={1,2} | =>? | :{1,3} | \|\|=? | \?\?= | , | <- | (?<=[ ])\|(?=[ ]) | \xe2\x86\x92 | \xe2\x80\x94 ) \*{0,2} [ \t]{0,8} | > )
    (?P<gap> \s{0,40} (?:\*\*)? (?:@(?="))? (?: (?:Some|Ok|Just|Optional|Secret(?:Str)?|String::from) [(\[] (?=["'A-Za-z0-9]) )? )
    (?P<open> \\{0,3} (?: ["'`]{1,3} ) )?
    """,
    re.VERBOSE,
)
_BARE = re.compile(rb"[^\s\"'`<>,;(){}\[\]|\\\x1b]++")
_LINE = re.compile(rb"(?:^|\n)[ \t+]{0,16}(?:- |export |set |ENV )?$")
_INDENT: Final = 48
_TO_THE_END = re.compile(rb"[^\s\"'`<>\\${}()\[\]]++(?<![,;|])(?=[ \t\r]*(?:\n|$))", re.MULTILINE)
_MEMBER = re.compile(rb"[,;|][\w -]{0,40}[=:]")
"""The next member of a list: `;encrypt=true`."""
_PARAMETER = re.compile(rb"&(?:amp;)?[A-Za-z_][\w.-]{0,40}=")
_ENDS = re.compile(rb"[\r\n]")


_SAME = re.compile(rb"[A-Za-z0-9+/_-]*+")
_NEXT: Final = 40


def search(text: bytes, events: Sequence[int]) -> Iterator[Found]:
    """Yield the secrets at places found by the database.

    `events` are ascending offsets inside or after a value.
    """
    reached = seen = -1
    for stretch in _stretches(events):
        assignments = _Assignments(text, stretch[-1])
        phrases = told.Phrases(text, max(0, stretch[0] - _REACH), stretch[-1])
        for event in stretch:
            if event <= reached:
                continue
            if event - seen < _NEXT and _SAME.fullmatch(text, seen - 1, event):
                seen = event
                continue
            seen = event
            if _hopeless(text, event):
                continue
            last = reached
            for found, end in _read(text, event, assignments, phrases):
                last = max(last, end)
                if found:
                    yield found
            reached = last


_STEMS: Final = re.compile(b"|".join((*told.STEMS, b"psw", b"mdp", b"authtok")))
"""Every name of a password contains one of these."""
_SOLID = re.compile(rb"\S*+")
_LONG_WORD: Final = 15
_AROUND_VALUES: Final = b"\"'`,;)]}"
_LINE_NUMBER = re.compile(rb"\.[a-z]{1,5}[:-][0-9]{1,6}(?=[:-]|\Z)")
"""The end of a file's name, and the number of a line in it, as a search prints them before the line."""
_SOLID_CHARS = bytes(char for char in range(256) if not bytes([char]).isspace())


def _hopeless(text: bytes, event: int) -> bool:
    """Return whether a value is all lower case, all upper case or all digits, and no password.

    Most places in source code are such identifiers and numbers; no other rule takes them. Numbers
    of lines do not count.
    """
    begin = max(0, event - _REACH - LEAD)
    start = begin + len(text[begin : event - 1].rstrip(_SOLID_CHARS))
    solid = _SOLID.match(text, start, event + LONGEST)
    if solid is None or values.varied(_LINE_NUMBER.sub(b"", solid[0])):
        return False
    if len(solid[0]) > _LONG_WORD and scrambled(solid[0].strip(_AROUND_VALUES)):
        return False
    return _STEMS.search(text[begin:event].lower()) is None


_REACH: Final = LEAD + 40
"""How many bytes before a place its assignment may begin."""
_TYPE: Final = 64
"""How many bytes after a place the text may still decide what was assigned: `key: Type = value`."""


def _stretches(events: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split ascending offsets where they are far apart."""
    first = 0
    for at in range(1, len(events)):
        if events[at] - events[at - 1] > _REACH:
            yield events[first:at]
            first = at
    if events:
        yield events[first:]


class _Assigned(NamedTuple):
    """An assignment to a name that says credential."""

    match: re.Match[bytes]
    name: bytes
    end: int
    """Where the value ends."""


class _Assignments:
    """The assignments of a stretch of text, each parsed once however many places are in its value."""

    def __init__(self, text: bytes, last: int) -> None:
        self._text = text
        self._end = min(len(text), last + _TYPE)
        self._matches: Iterator[re.Match[bytes]] | None = None
        self._next: re.Match[bytes] | None = None
        self._recent: list[_Assigned] = []

    def covering(self, low: int, event: int) -> list[_Assigned]:
        """Return those from `low` on whose value covers a place; both offsets must not decrease."""
        text = self._text
        if self._matches is None:
            self._matches = _ASSIGNMENT.finditer(text, low, self._end)
            self._next = next(self._matches, None)
        while (match := self._next) and match.end() < event:
            if tier(name := _name(text, match)) > Tier.NONE:
                self._recent.append(_Assigned(match, name, _value_end(text, match)))
            self._next = next(self._matches, None)
        self._recent = [one for one in self._recent if one.match.start() >= low]
        return [one for one in self._recent if event <= one.end + 1]


def _read(
    text: bytes, event: int, assignments: _Assignments, phrases: told.Phrases
) -> Iterator[tuple[Found | None, int]]:
    start = max(0, event - _REACH)
    above = text.rfind(b"\n", start, max(start, event - 1))
    low = start if above < 0 else max(start, text.rfind(b"\n", start, above) + 1)
    covering = assignments.covering(low, event)
    for match, name, end in dict.fromkeys(covering[:1] + covering[-1:]):
        opened = match["open"] or b""
        operator = match["op"].strip(b" \t*")
        operator = _OPERATORS.get(operator, operator)
        if operator == b"|" and _VARIABLE.fullmatch(name):
            operator = b":"
        before = text[match.start() - 1 : match.start()]
        if before in (b"?", b"&"):
            operator = judging.IN_QUERY
        elif before == b"%" and text[end - 1 : end] == b"%":
            continue  # `[%key:component::text%]`, a reference of Home Assistant.
        alone = before not in _WITHIN and name.lower() in _SECRET_ALONE
        line = _own_line(text, match, end)
        rule = assigned(name, operator, opened, text, match.end(), end, alone, line)
        if rule and b"\n" in match["gap"] and _NESTED.match(text, end - 1):
            rule = None
        if (
            rule
            and _DECLARED.sub(b"", name.lower()) == b"key"
            and (_of_element(text, match, end) or near.among_vectors(text, match.end(), end))
        ):
            rule = None
        if rule and _REFERENCE.search(text, max(0, match.start() - LEAD), match.start()):
            rule = None
        if rule and match["close"] and text.endswith(b"://", 0, match.start()):
            rule = None  # The hash of what is at a URL.
        if rule and not near.among_checksums(text, match.end(), end):
            yield Found(rule, match.end(), _trim(text, match.end(), end, opened)), end
            return
    if covering:
        yield None, covering[0].end
        return
    yield from told.read(text, low, event, phrases)


_DECLARED: Final = re.compile(rb"(?:const|final|let|my|val|var) ")
_REFERENCE: Final = re.compile(
    rb"\barn:aws[\w-]*:[^\s\"',]*:\Z|(?i:\b(?:md5|sha[0-9-]+|rmd160|blake[0-9a-z-]+|sm3)) ?\(\Z"
)
"""What is before the name of a stored secret, or of a file with its checksum: `SHA1(token.c)= ...`."""
_SECOND: Final = re.compile(rb"\([^\s(),]{1,40}, ?(?:Object\.assign\()?\{ ?$")


def _of_element(text: bytes, match: re.Match[bytes], end: int) -> bool:
    """Return whether a key is one that compilers of user interfaces give to an element.

    It is a SHA-1, the first member of the second argument: `h(Host, { key: '...', class: ...`.
    """
    begin = match.start()
    return end - match.end() == _SHA1 and bool(_SECOND.search(text, max(0, begin - 48), begin))


_SHA1: Final = 40
_STARTS: Final = re.compile(rb"(?:^|\n)[ \t+]{0,16}(?:- |export |set |ENV )?(?:[\w.-]{1,40}\.)?$")


def _own_line(text: bytes, match: re.Match[bytes], end: int) -> bool:
    """Return whether an assignment is a line of settings: `name=value`, `name: value`."""
    if text[end : end + 1] not in _LINE_ENDS:
        return False
    if (
        match["op"].strip() == b"="
        and b" " in match["op"]
        and not text[match.end() : end].istitle()
    ):
        return False
    return _STARTS.search(text, max(0, match.start() - _INDENT), match.start()) is not None


_LINE_ENDS: Final = (b"", b"\n", b"\r", judging.ESCAPE)
_NESTED: Final = re.compile(rb".?[\"'`]?:\s", re.DOTALL)
"""What follows a name on the line below another one: the value is a section, and has names of its own."""
_WITHIN: Final = (b":", b"/", b"-")
_SECRET_ALONE: Final = frozenset(
    (b"secret", b"shared_secret", b"enable_secret", b"sharedsecret", b"auth_server_shared_secret")
)
_OPERATORS: Final = {
    "→".encode(): b":",
    "—".encode(): b":",
    **dict.fromkeys((b"?=", b":=", b"::=", b"||=", b"??="), b"="),
    **dict.fromkeys((b"!=", b"!=="), b"=="),
}
"""What other operators mean: those of make, Go, Ruby and JavaScript assign."""
_VARIABLE = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
"""The name of a variable, which is followed by its value in a table of variables."""
_NAMED_VALUE = re.compile(rb"(?i)(?:\w{1,10}_?)?value")
_NAME_BEFORE = re.compile(
    rb"([A-Za-z_][\w.-]{1,79})[\\\"'`]{0,4},?\s{0,40}[\\\"']{0,4}(?:\w{1,20}:)?$"
)


def _name(text: bytes, match: re.Match[bytes]) -> bytes:
    """Return the name of an assignment; for `value: Y` after `name: X`, return X."""
    name = match["name"]
    if name[-5:].lower() != b"value" or not _NAMED_VALUE.fullmatch(name):
        return name
    other = _NAME_BEFORE.search(text, max(0, match.start() - LEAD), match.start())
    return other[1] if other else name


def _value_end(text: bytes, match: re.Match[bytes]) -> int:
    begin = match.end()
    opened = match["open"]
    limit = min(len(text), begin + LONGEST)
    if opened:
        close = _closing(text, opened, begin, limit)
        broken = _ENDS.search(text, begin, limit)
        if close >= 0 and not (broken and broken.start() < close):
            return close
    bare = _BARE.match(text, begin, limit)
    if bare is None:
        return begin
    if more := _PARAMETER.search(text, begin, bare.end()):
        return more.start()
    if _LINE.search(text, max(0, match.start() - _INDENT), match.start()):
        whole = _TO_THE_END.match(text, begin, limit)
        if whole and whole.end() > bare.end() and not _MEMBER.search(text, bare.end(), whole.end()):
            return whole.end()
    return bare.end()


def _closing(text: bytes, opened: bytes, begin: int, limit: int) -> int:
    """Return where the quoted value ends: at its quote, unless that is escaped."""
    close = text.find(opened, begin, limit)
    while (
        close > begin and text[close - 1 : close] == b"\\" and not _EVEN.search(text, begin, close)
    ):
        close = text.find(opened, close + 1, limit)
    return close


_EVEN = re.compile(rb"(?<!\\)(?:\\\\)+\Z")


def _trim(text: bytes, begin: int, end: int, opened: bytes) -> int:
    if not opened:
        while end > begin and text[end - 1 : end] in (b",", b":"):
            end -= 1
        if text[end - 2 : end] == b"**" and end - 2 > begin:
            end -= 2
    return end


def assigned(
    name: bytes,
    operator: bytes,
    opened: bytes,
    text: bytes,
    begin: int,
    end: int,
    alone: bool = False,
    line: bool = False,
) -> Rule | None:
    """Return the rule by which the value of an assignment is a secret, or None."""
    level = tier(name)
    if level is Tier.NONE:
        return None
    value = text[begin : _trim(text, begin, end, opened)]
    if not opened and name.endswith(b"." + value):
        return None  # `exports.getTokenOfUser = getTokenOfUser`
    if opened[-2:] in _EMPTY and len(opened) == 2 and value[:1] in _BEHIND_EMPTY:
        return None
    literal = (
        operator == b"="
        and name.isupper()
        and text[begin - len(opened) - 1 : begin] == b"=" + opened
    )
    if level is Tier.PASSWORD and (operator in judging.ASSIGNS or (opened and operator == b"=>")):
        quoted = opened != b"" and text.startswith(opened, end)
        by_name = name.lower() == b"pass" or value in text[max(0, begin - 60) : begin]
        if line and passphrases.worded(value):
            return PASSWORD
        if (quoted or line) and _letters(value, (literal or quoted) and not by_name):
            return None if by_name and not literal else PASSWORD
    return judging.judge(level, value, bool(opened), operator, text[end : end + 1], literal, alone)


def _letters(value: bytes, certain: bool) -> bool:
    """Return whether the value is a password of letters alone; two words only where it is certain."""
    return letters.coined(value) and (certain or value[1:].islower())


_EMPTY = (b"''", b'""', b"``")
_BEHIND_EMPTY = b",;)]}\n"
