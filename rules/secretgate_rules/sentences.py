"""Finds secrets stated in a sentence: "the password is ... and it worked yesterday"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from . import letters, passphrases, standins, surroundings, values
from .context_rules import LEAD, LONGEST, NEARBY, TOLD, UUID, Found
from .model import Rule
from .names import Tier, tier
from .phrases import FIRM, LINK, SAID, Phrases
from .randomness import evidence

_NO_PASSWORD = re.compile(
    rb"(?i)(?:\b|_)(?:hashed|encrypted|masked|sha|sha1|sha256|hash|digest|checksum|md5|fingerprint"
    rb"|public|csrf)(?:\b|_)"
)
"""Words before `password` that say that a hash of it follows."""
_CHOSEN = re.compile(rb"(?:[^\s\"'`<>|\\]|\\(?!\\{0,14}[nrt\"'`]))++")
_CHOSEN_CHARS = bytes(char for char in range(256) if _CHOSEN.match(bytes([char])))


_NO_SENTENCE: Final = (b"/", b".", b"#")
"""What is before a part of a path, a member or a selector."""


def _stated_password(text: bytes, low: int, event: int, phrases: Phrases) -> tuple[int, int] | None:
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
    if not LINK.fullmatch(between) or not _fits(value, between):
        return None
    if between == b"|" and text.startswith(b"|", begin + len(value)):
        return None
    if _NO_PASSWORD.search(text[max(low, phrase.start() - 24) : phrase.start()]):
        return None
    if surroundings.among_checksums(text, begin, begin + len(value)):
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


def _random(value: bytes) -> bool:
    """Return whether letters, with signs or without, were drawn at random."""
    if standins.template(value) or standins.dummy(value) or values.code(value):
        return False
    return values.tangled(value) or values.random(value, 6.0)


_BLANKS_AND_QUOTES: Final = b" \t\"'`"


def _fits(value: bytes, between: bytes) -> bool:
    """Return whether the words between a phrase and a value are explicit enough for the value."""
    if not any(48 <= c <= 57 for c in value):
        link = FIRM if passphrases.joined(value) or _random(value) else SAID
        return link.search(between) is not None
    if len(value) < 8:
        return SAID.search(between) is not None or b":" in between
    if FIRM.search(between):
        return (
            values.human(value) or value.isdigit() or passphrases.day(value) or evidence(value) > 5
        )
    dashed = value.islower() and not value.isalnum() and value.translate(None, b"-_").isalnum()
    if between.strip(_BLANKS_AND_QUOTES) or dashed:
        return False
    if value.isdigit():
        return len(value) >= 8
    return values.human(value) or (values.varied(value) and evidence(value) > 12)


_PROMPT: Final = re.compile(rb"[^\n$%#>]{0,60}(?:[$%]|[~\]\w/\\][#>]) ")
_SHOWING: Final = re.compile(
    rb"(?i)(?!git |[^\n]*(?:-o name|sha[0-9]|md5|hash|digest|checksum|fingerprint|pub))"
    rb"[^\n]*(?:passw|secret|token|api[_-]key|access[_-]key|credential|base64 -{1,2}d)"
)
"""A command that shows a credential."""


def read(text: bytes, low: int, event: int, phrases: Phrases) -> Iterator[tuple[Found | None, int]]:
    """Yield the secret at `event` (or None) and the offset up to which the text has been read.

    Nothing before `low` is considered but the line above a value that is alone on its own.
    """
    if place := _stated_password(text, low, event, phrases):
        yield Found(TOLD, *place), place[1]
        return
    token = _token_at(text, low, event)
    if token is None:
        return
    begin, end = token
    above = _above(text, begin, end)
    if above is not None and (prompt := _PROMPT.match(text, above, begin)):
        shown = _SHOWING.match(text, prompt.end(), begin) and _random(text[begin:end])
        yield (Found(TOLD, begin, end) if shown else None), end
        return
    line = max(low, begin - LEAD, text.rfind(b"\n", low, begin) + 1)
    low = line if above is None else above
    phrase = phrases.last(low, begin)
    if phrase is None:
        return
    rule = _stated(text, low, token, phrase, alone=above is not None)
    yield (Found(rule, begin, end) if rule else None), end


_NAME = re.compile(rb"([A-Za-z_$][\w.$@-]{3,79})[\"'`]{0,2}[ \t]{0,3}[:=][ \t]{0,3}[\"'`]{0,2}$")
"""The name of an assignment. If it says that its value is no secret, so it is, whatever else is in it."""
_WEAK = frozenset((b"key", b"id", b"sid"))
_FINGERPRINT = re.compile(rb"[0-9A-F]{16}|[0-9A-F]{40}")
_CALL = re.compile(rb"[A-Za-z]\([\"']?\Z|=[\"']\w+[\"']>\Z")
"""The value is an argument, `key=Address('...')`, or what an element holds, `<bytes key="NSWhite">...`."""
_OUTRIGHT = re.compile(rb"(?i)token|secret|cred|bearer|pat|(?:api|access|private)[ _-]?key")
_ENCRYPTED: Final = b"ENC("
"""Begins an encrypted value of Jasypt."""
_MEMBER = re.compile(rb"([A-Za-z][\w.-]{1,40})=(?=[\w/])")
"""The next member of a line: `token_type=secret nonce=...`."""
_UNLIKE = re.compile(
    rb"(?i)(?:\b|_)(?:crashreporter|hashed|encrypted|masked|commit|sha|sha1|sha256|hash|digest|revision|rev"
    rb"|checksum|md5|fingerprint|etag|build|version|merge|public|cache|csrf|page|id|uuid|request"
    rb"|trace|session_id|sec[-_]websocket"
    rb"|(?:next|continuation|sync|change|starting|sequence|idempotency|progress|resumption|lock|client|claim)"
    rb"[_-]?(?:page_?)?token)(?:\b|_)"
)
"""Words before a value that say that it is something else than a secret."""


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
    member = _MEMBER.match(value)
    if member and tier(member[1]) is Tier.NONE:
        return None
    clauses = (text.rfind(sign, low, phrase.start()) for sign in (b" and ", b", "))
    around = low if alone else max(low, phrase.start() - 24, *clauses)
    if (
        text[low : phrase.start()].endswith(b"/")
        or text.endswith(_ENCRYPTED, low, begin)
        or b"SHA256:" in value
        or not LINK.fullmatch(between)
        or _UNLIKE.search(text, around, begin)
        or standins.template(value)
        or standins.dummy(value)
    ):
        return None
    firm = alone or bool(FIRM.search(between))
    if phrase["pass"]:
        return TOLD if firm and _chosen(value) else None
    beside = not between.strip(_BLANKS_AND_QUOTES)
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


_INDENT: Final = 16
"""How far a value on a line of its own may be indented."""
_ABOVE: Final = re.compile(rb"[^\n]++\n(?:[ \t\r]*\n)?(?:```\w{0,8}\r?\n)?\Z")
_ONLY: Final = re.compile(rb"[`\"']?[ \t]*\r?(?:\Z|\n(?![ \t]*[A-Za-z0-9_+/=-]{18}))")
"""The end of a line, if the next one is not of the same kind."""


def _above(text: bytes, begin: int, end: int) -> int | None:
    """Return where the line above a value begins, if nothing else is on the value's line.

    It may be a comment, a heading with a blank line below it, or a command.
    """
    line = text.rfind(b"\n", max(0, begin - _INDENT), begin)
    if line < 0 or text[line:begin].strip(b" \t\n`\"'") or not _ONLY.match(text, end):
        return None
    found = _ABOVE.search(text, max(0, line - LEAD), line + 1)
    return found.start() if found else None


_TOKEN = re.compile(rb"[A-Za-z0-9_+/.~=-]+")
_TOKEN_CHARS = bytes(char for char in range(256) if _TOKEN.match(bytes([char])))
_FIRST_HALF: Final = re.compile(
    rb"(?<![^\s\"'`(])(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[\w.-]{8,64}:\Z"
)
"""The first half of a token of two; a name of the second one seldom has a number in it."""


_NAMED: Final = re.compile(rb"(?i)[a-z_]{0,16}id=(?=[^=])")
"""The name of an identifier before it: `issued token id=...`."""
_SET: Final = re.compile(rb"[+-]?[A-Za-z_][A-Za-z0-9_]{1,60}=(?=[^=])")
"""The name of an assignment that begins a line."""


def _token_at(text: bytes, low: int, event: int) -> tuple[int, int] | None:
    begin = low + len(text[low : event - 1].rstrip(_TOKEN_CHARS))
    match = _TOKEN.match(text, begin, min(len(text), begin + LONGEST))
    if match is None or match.end() < event:
        return None
    end = match.end()
    if text[begin - 1 : begin] == b":" and (first := _FIRST_HALF.search(text, low, begin)):
        begin = first.start()
    elif text[end : end + 1] == b":" and end - begin >= 8:
        second = _TOKEN.match(text, end + 1, min(len(text), begin + LONGEST))
        end = second.end() if second and second.end() - end > 8 else end
    names = _SET if text[begin - 1 : begin] == b"\n" else _NAMED
    if named := names.match(text, begin, end):
        begin = named.end()
    while end > begin and text[end - 1 : end] in (b".", b"-", b"_", b"~"):
        end -= 1
    while begin < end and text[begin : begin + 1] in (b".", b"=", b"~"):
        begin += 1
    return (begin, end) if end > begin else None
