"""Reads assignments to names that say credential, in the syntax of any language or file.

An assignment has a name, an operator, perhaps a quote, and a value: `password = "..."`,
`"api_key": ...`, `export TOKEN=...`, `private const string Key = ...`, `| SECRET | ... |`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .context_rules import LEAD, LONGEST
from .judging import IN_QUERY
from .names import Tier, tier

_ASSIGNMENT = re.compile(
    rb"""
    (?<![\w$])
    (?P<name> [A-Za-z_$][\w.$@/-]{0,79}+ (?:[ ](?i:key|token|secret|password|id|pat))? )
    (?P<close> \\{0,3}["'`]? [\])]{0,2} \*{0,2} )
    (?:  # A type between the name and `=`, unless the colon is the operator, with `X=...` behind it.
        [ \t]{0,3} : [ \t]{0,2} (?:&(?:'static[ ])?)?
        (?! [A-Z0-9]+_[A-Z0-9_]+=
          | value=
          | (?i:[a-z0-9_.]*(?:pass|passwd|password|pwd|token|secret|api_?key))=[^\s"'`]
        )
        (?:[\w.]{1,20}+ (?:\[\w{1,20}\])? )
        (?=[ \t]{1,2}= | =["'`]?[^=\s"'`,;)\]}])
      | [ \t]{1,3}(?:(?:[Aa]s[ ])?[Ss]tring|str)(?=[ \t]{0,3}=)
    )?
    (?P<op>
        [ \t]{0,40}
        (?: [?]?:{0,3}={1,3}>? | !={1,2} | =>? | :{1,3}
          | \|\|=? | \?\?= | , | <- | (?<=[ ])\|(?=[ ])
          | \xe2\x86\x92 | \xe2\x80\x94  # An arrow, a dash.
          | (?<=[ ])\xe2(?:\x94\x82|\x94\x83|\x95\x91)  # A line of a table.
        )
        \*{0,2} [ \t]{0,8}
      | >
    )
    (?P<gap>
        \s{0,40} (?:\*\*)? (?:@(?="))?
        (?: (?:Some|Ok|Just|Optional|Secret(?:Str)?|String::from) [(\[] (?=["'A-Za-z0-9])
          | <<(?=") | !!(?:str|binary)[ ]
        )?
    )
    (?P<open> \\{0,3} (?: ["'`]{1,3} ) )?
    """,
    re.VERBOSE,
)
_TYPE: Final = 64
"""How many bytes after a place the text may still decide what was assigned: `key: Type = value`."""
_OPERATORS: Final = {
    "→".encode(): b":",
    "—".encode(): b":",
    **dict.fromkeys(map(str.encode, "│┃║"), b":"),
    **dict.fromkeys((b"?=", b":=", b"::=", b"||=", b"??="), b"="),
    **dict.fromkeys((b"!=", b"!=="), b"=="),
}
"""What other operators mean: those of make, Go, Ruby and JavaScript assign."""
_VARIABLE = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
"""The name of a variable, which is followed by its value in a table of variables."""
_NAMED_VALUE = re.compile(rb"(?i)(?:\w{1,10}_?)?value")
_NAME_BEFORE = re.compile(
    rb"([A-Za-z_][\w.-]{1,79})[\\\"'`]{0,4}(?:,?\s{0,40}|\s?[:=]\s?\{\s{0,40})[\\\"']{0,4}(?:\w{1,20}:)?$"
)


class Assignment(NamedTuple):
    """An assignment to a name that says credential."""

    match: re.Match[bytes]
    """Everything before the value."""
    name: bytes
    end: int
    """Where the value ends, punctuation behind it included."""

    @property
    def start(self) -> int:
        """Where the name begins."""
        return self.match.start()

    @property
    def begin(self) -> int:
        """Where the value begins."""
        return self.match.end()

    @property
    def quote(self) -> bytes:
        """The quote before the value, with its backslashes, or nothing."""
        return self.match["open"] or b""

    @property
    def before(self) -> bytes:
        """The character before the name."""
        return self.match.string[self.start - 1 : self.start]

    @property
    def operator(self) -> bytes:
        """What is between name and value: `=`, `:`, `==`, `=>`, `,`, `|`, `>` or `IN_QUERY`."""
        if self.before in (b"?", b"&"):
            return IN_QUERY
        written = self.match["op"].strip(b" \t*")
        operator = _OPERATORS.get(written, written)
        if operator == b"|" or (operator == b"," and self._in_first_column()):
            return b":" if _VARIABLE.fullmatch(self.name) else operator
        return operator

    def _in_first_column(self) -> bool:
        """Return whether the name begins a row of a table in CSV, and its value is next."""
        row = self.before in (b"", b"\n") and not self.match["close"]
        return row and self.match.end() == self.match.end("op") == self.match.start("op") + 1

    @property
    def value(self) -> bytes:
        """The value, without punctuation behind it."""
        text, end = self.match.string, self.end
        if not self.quote:
            while end > self.begin and text[end - 1 : end] in (b",", b":"):
                end -= 1
            if text[end - 2 : end] == b"**" and end - 2 > self.begin:
                end -= 2
        return text[self.begin : end]


class Assignments:
    """The assignments of a stretch of text, each read once however many places are in its value."""

    def __init__(self, text: bytes, last: int) -> None:
        self._text = text
        self._end = min(len(text), last + _TYPE)
        self._matches: Iterator[re.Match[bytes]] | None = None
        self._next: re.Match[bytes] | None = None
        self._recent: list[Assignment] = []

    def covering(self, low: int, event: int) -> list[Assignment]:
        """Return those from `low` on whose value covers a place; both offsets must not decrease."""
        text = self._text
        if self._matches is None:
            self._matches = _ASSIGNMENT.finditer(text, low, self._end)
            self._next = next(self._matches, None)
        while (match := self._next) and match.end() < event:
            if tier(name := _name(text, match)) > Tier.NONE:
                self._recent.append(Assignment(match, name, _value_end(text, match)))
            self._next = next(self._matches, None)
        self._recent = [one for one in self._recent if one.start >= low]
        return [one for one in self._recent if event <= one.end + 1]


def _name(text: bytes, match: re.Match[bytes]) -> bytes:
    """Return the name of an assignment; for `value: Y` after `name: X`, return X."""
    name = match["name"]
    if name[-5:].lower() != b"value" or not _NAMED_VALUE.fullmatch(name):
        return name
    other = _NAME_BEFORE.search(text, max(0, match.start() - LEAD), match.start())
    return other[1] if other else name


_BARE = re.compile(rb"[^\s\"'`<>,;(){}\[\]|\\\x1b]++")
_PARAMETER = re.compile(rb"&(?:amp;)?[A-Za-z_][\w.-]{0,40}=")
"""The next parameter of a URL."""
_LINE = re.compile(rb"(?:^|\n)[ \t+]{0,16}(?:- |export |set |ENV )?$")
_INDENT: Final = 48
_TO_THE_END = re.compile(rb"[^\s\"'`<>\\${}()\[\]]++(?<![,;|])(?=[ \t\r]*(?:\n|$))", re.MULTILINE)
_MEMBER = re.compile(rb"[,;|][\w -]{0,40}[=:]")
"""The next member of a list: `;encrypt=true`."""
_LINE_BREAK = re.compile(rb"[\r\n]")
_EVEN_BACKSLASHES = re.compile(rb"(?<!\\)(?:\\\\)+\Z")


_NEXT_LINE = re.compile(rb"[+-]?[A-Za-z_][\w.-]{1,60}=[^=\s]")
"""The next assignment, if nothing was assigned to the name on the line above it, as in a patch."""


def _value_end(text: bytes, match: re.Match[bytes]) -> int:
    """Return where the value ends: at its quote, or where a bare value does in this syntax."""
    begin = match.end()
    limit = min(len(text), begin + LONGEST)
    if not match["open"] and b"\n" in match["gap"] and _NEXT_LINE.match(text, begin):
        return begin
    if quote := match["open"]:
        close = _closing(text, quote, begin, limit)
        broken = _LINE_BREAK.search(text, begin, limit)
        if close >= 0 and not (broken and broken.start() < close):
            return close
    bare = _BARE.match(text, begin, limit)
    if bare is None:
        return begin
    if more := _PARAMETER.search(text, begin, bare.end()):
        return more.start()
    lined = match["op"] != b"," and _LINE.search(
        text, max(0, match.start() - _INDENT), match.start()
    )
    if lined:
        whole = _TO_THE_END.match(text, begin, limit)
        if whole and whole.end() > bare.end() and not _MEMBER.search(text, bare.end(), whole.end()):
            return whole.end()
    return bare.end()


def _closing(text: bytes, quote: bytes, begin: int, limit: int) -> int:
    """Return where the quoted value ends: at its quote, unless that is escaped; -1 without one."""
    close = text.find(quote, begin, limit)
    while (
        close > begin
        and text[close - 1 : close] == b"\\"
        and not _EVEN_BACKSLASHES.search(text, begin, close)
    ):
        close = text.find(quote, close + 1, limit)
    return close
