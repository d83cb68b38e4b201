"""Context rules: assignments in any syntax, and sentences that state a secret.

Hyperscan finds places where a credential word is followed by something that could be a value
(`context_places`). Here each place is read: as an assignment (`assignments`) or, if there is none,
as a sentence (`sentences`). What the name says decides how random the value must be (`judging`), so
that a verdict depends on one assignment or one line and on nothing further away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from . import judging, letters, passphrases, sentences, standins, surroundings, values
from .assignments import Assignment, Assignments
from .context_rules import LEAD, LONGEST, PASSWORD, RULES, Found
from .model import Rule
from .names import Tier, tier
from .phrases import STEMS, Phrases
from .randomness import scrambled

__all__ = ["LONGEST", "RULES", "search"]

_REACH: Final = LEAD + 40
"""How many bytes before a place its assignment may begin."""
_SAME_TOKEN = re.compile(rb"[A-Za-z0-9+/_-]*+")
_NEXT: Final = 40
"""How far apart two places in the same token may be for the second one to be skipped."""


def search(text: bytes, events: Sequence[int]) -> Iterator[Found]:
    """Yield the secrets at places found by the database.

    `events` are ascending offsets inside or after a value.
    """
    reached = seen = -1
    for stretch in _stretches(events):
        assignments = Assignments(text, stretch[-1])
        phrases = Phrases(text, max(0, stretch[0] - _REACH), stretch[-1])
        for event in stretch:
            if event <= reached:
                continue
            if event - seen < _NEXT and _SAME_TOKEN.fullmatch(text, seen - 1, event):
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


def _stretches(events: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split ascending offsets where they are far apart."""
    first = 0
    for at in range(1, len(events)):
        if events[at] - events[at - 1] > _REACH:
            yield events[first:at]
            first = at
    if events:
        yield events[first:]


_PASSWORD_STEMS: Final = re.compile(b"|".join((*STEMS, b"psw", b"mdp", b"authtok")))
"""Every name of a password contains one of these."""
_SOLID = re.compile(rb"\S*+")
_SOLID_CHARS = bytes(char for char in range(256) if not bytes([char]).isspace())
_LONG_WORD: Final = 15
_AROUND_VALUES: Final = b"\"'`,;)]}"
_LINE_NUMBER = re.compile(rb"\.[a-z]{1,5}[:-][0-9]{1,6}(?=[:-]|\Z)")
"""The end of a file's name, and the number of a line in it, as a search prints them before the line."""


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
    return _PASSWORD_STEMS.search(text[begin:event].lower()) is None


def _read(
    text: bytes, event: int, assignments: Assignments, phrases: Phrases
) -> Iterator[tuple[Found | None, int]]:
    """Yield the secret at a place (or None) and the offset up to which the text has been read."""
    start = max(0, event - _REACH)
    above = text.rfind(b"\n", start, max(start, event - 1))
    low = start if above < 0 else max(start, text.rfind(b"\n", start, above) + 1)
    covering = assignments.covering(low, event)
    if not covering:
        yield from sentences.read(text, low, event, phrases)
        return
    for assignment in (*covering[:1], *covering[1:][-1:]):
        if rule := _assigned(text, assignment):
            begin = assignment.begin
            yield Found(rule, begin, begin + len(assignment.value)), assignment.end
            return
    yield None, covering[0].end


def _assigned(text: bytes, assignment: Assignment) -> Rule | None:
    """Return the rule by which the value of an assignment is a secret, or None."""
    end = assignment.end
    if assignment.before == b"%" and text[end - 1 : end] == b"%":
        return None  # `[%key:component::text%]`, a reference of Home Assistant.
    if _alternative(assignment):
        return None
    rule = _valued(text, assignment)
    return rule if rule and not _harmless(text, assignment) else None


def _alternative(assignment: Assignment) -> bool:
    """Return whether this assigns nothing.

    Such are `"PASSWORD" || "WEB_AUTHN"`, `sign("secret") => "..."`, the port of a URL with a
    password, and base64 with its next line.
    """
    match, quote = assignment.match, assignment.quote
    if assignment.before == b":" and b"@" in assignment.name:
        return True
    if match["close"].endswith(b")") and assignment.operator == b"=>":
        return True
    if assignment.operator == b"||":
        return quote != b"" and match["close"].strip(b"\\") == quote.strip(b"\\")
    # The end of base64, and what follows it.
    return not quote and re.fullmatch(rb"==\s+", match["op"] + match["gap"]) is not None


_NESTED: Final = re.compile(rb".?[\"'`]?:\s", re.DOTALL)
"""What follows a name on the line below another one: the value is a section, and has names of its own."""
_DECLARED: Final = re.compile(rb"(?:const|final|let|my|val|var) ")
_REFERENCE: Final = re.compile(
    rb"\barn:aws[\w-]*:[^\s\"',]*:\Z|(?i:\b(?:md5|sha[0-9-]+|rmd160|blake[0-9a-z-]+|sm3)) ?\((?:b?[\"'])?\Z|\bdid:\Z"
)
"""What is before the name of a stored secret, of what was hashed (`SHA1(token.c)= ...`), or of a public key."""


def _harmless(text: bytes, assignment: Assignment) -> bool:
    """Return whether what is around an assignment says that its value is no secret."""
    match, name, end = assignment
    if b"\n" in match["gap"] and _NESTED.match(text, end - 1):
        return True
    if _DECLARED.sub(b"", name.lower()) == b"key" and (
        _of_element(text, assignment) or surroundings.among_vectors(text, assignment.begin, end)
    ):
        return True
    if _REFERENCE.search(text, max(0, match.start() - LEAD), match.start()):
        return True
    if match["close"] and text.endswith(b"://", 0, match.start()):
        return True  # The hash of what is at a URL.
    return surroundings.among_checksums(text, assignment.begin, end)


_SECOND_ARGUMENT: Final = re.compile(rb"\([^\s(),]{1,40}, ?(?:Object\.assign\()?\{ ?$")
_SHA1: Final = 40
"""Number of hex digits of a SHA-1."""


def _of_element(text: bytes, assignment: Assignment) -> bool:
    """Return whether a key is one that compilers of user interfaces give to an element.

    It is a SHA-1, the first member of the second argument: `h(Host, { key: '...', class: ...`.
    """
    start = assignment.start
    return assignment.end - assignment.begin == _SHA1 and bool(
        _SECOND_ARGUMENT.search(text, max(0, start - 48), start)
    )


_SETTING: Final = re.compile(rb"(?:^|\n)[ \t+]{0,16}(?:- |export |set |ENV )?(?:[\w.-]{1,40}\.)?$")
"""What is before the name of a setting that has a line of its own."""
_INDENT: Final = 48
_LINE_ENDS: Final = (b"", b"\n", b"\r", judging.ESCAPE)


def _own_line(text: bytes, assignment: Assignment) -> bool:
    """Return whether an assignment is a line of settings: `name=value`, `name: value`."""
    match, _, end = assignment
    if text[end : end + 1] not in _LINE_ENDS:
        return False
    if (
        match["op"].strip() == b"="
        and b" " in match["op"]
        and not text[assignment.begin : end].istitle()
    ):
        return False
    return _SETTING.search(text, max(0, match.start() - _INDENT), match.start()) is not None


_WITHIN: Final = (b":", b"/", b"-")
_SECRET_ALONE: Final = frozenset(
    (b"secret", b"shared_secret", b"enable_secret", b"sharedsecret", b"auth_server_shared_secret")
)
_EMPTY: Final = (b"''", b'""', b"``")
_BEHIND_EMPTY: Final = b",;)]}\n"
_ONE_USE: Final = (b"ClientToken", b"clientToken")
"""What makes a request of AWS idempotent."""
_LABEL = re.compile(rb"(?i)(?:\b|[_-])(?:your|change|reset|forgot|forgotten|retype)[_-]?password$")
"""A label in a catalogue of translations: `userlogin-yourpassword`."""


def _valued(text: bytes, assignment: Assignment) -> Rule | None:
    """Return the rule by which this value is a secret under this name, whatever is around them."""
    name, end, quote = assignment.name, assignment.end, assignment.quote
    value, operator = assignment.value, assignment.operator
    if not quote and name.endswith(b"." + value):
        return None  # `exports.getTokenOfUser = getTokenOfUser`
    if quote in _EMPTY and value[:1] in _BEHIND_EMPTY:
        return None
    if operator == b"," and name == b"pwd" and not assignment.match["close"]:
        return None  # `os.path.join(pwd, 'line2.dat')`
    if name in _ONE_USE and standins.uuid(value):
        return None
    if value.isalpha() and _LABEL.search(name):
        return None
    begin, level = assignment.begin, tier(name)
    literal = (
        operator == b"=" and name.isupper() and text[begin - len(quote) - 1 : begin] == b"=" + quote
    )
    if level is Tier.PASSWORD and (operator in judging.ASSIGNS or (quote and operator == b"=>")):
        quoted = quote != b"" and text.startswith(quote, end)
        by_name = name.lower() == b"pass" or value in text[max(0, begin - 60) : begin]
        line = _own_line(text, assignment)
        if line and passphrases.worded(value):
            return PASSWORD
        if (quoted or line) and _letters(value, (literal or quoted) and not by_name):
            return None if by_name and not literal else PASSWORD
    alone = assignment.before not in _WITHIN and name.lower() in _SECRET_ALONE
    return judging.judge(level, value, bool(quote), operator, text[end : end + 1], literal, alone)


def _letters(value: bytes, certain: bool) -> bool:
    """Return whether the value is a password of letters alone; two words only where it is certain."""
    return letters.coined(value) and (certain or value[1:].islower())
