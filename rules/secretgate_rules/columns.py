"""Credentials in table columns: CSV, tabs, semicolons, Markdown, HTML, aligned by spaces, rows of SQL.

The column header names the kind of a value, and may be many lines above it. The database finds
headers that name a credential (`EXPRESSION`). This module then reads the table below, line by
line, as long as the lines have as many cells as the header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from . import letters, passphrases, standins, values
from .database import CASELESS, Expression
from .model import CONTEXT, MEDIUM, Rule
from .names import Tier, tier

RULE: Final = Rule(
    "credential-column",
    "A credential in the column of a table",
    "",
    specificity=CONTEXT,
    confidence=MEDIUM,
)
_EDGE: Final = r"[ \"'`*]{0,3}"
_PADDING: Final = r"[ \"'`*]{0,40}"
EXPRESSION: Final = Expression(
    rf"(?:^|[\t,;|>]{_EDGE}|[a-z][ _-]|[a-z][ ]{{2,24}})(?:password|passwd|pwd|pw|pass|passphrase|passwort|kennwort|wachtwoord|has(?:ł|l)o|senha|contraseña|mot de passe|secret|token|(?:api|secret|access|private|signing|master|app|storage|account|encryption)[_ -]?key){_PADDING}(?:[\t,;|<]|[ ]{{2}}|\r?$|\\{{1,4}}[nr])|\)\s{{0,200}}(?:values\s{{0,4}}\(|from\s{{1,4}}stdin)",
    CASELESS,
)
ROWS: Final = 1000
"""Maximum number of table rows that are read."""
_WIDEST: Final = 2048
_HEAD = re.compile(rb"[A-Za-z#][\w./()#-]{0,24}(?: [\w./()#-]{1,16}){0,2}")
_VERB: Final = re.compile(rb"(?i)\b(?:must|should|will|can|may|to|not|did|does) pass$")
"""No head says that something passes: `Regex must pass`."""
_RULER = re.compile(rb"[\s|:+=-]+")
_CELL: Final = {
    mark: re.compile(
        rb' *+(?:"((?:[^"\n]|"")*+)"[ \r]*+(?:[%b]|$)|([^%b\n]*+)(?:[%b]|$))' % (mark, mark, mark)
    )
    for mark in (b",", b";", b"\t", b"|")
}
_WRAPS: Final = b" `*'"
_OPENED: Final = re.compile(rb"[^\n]*?([\"'`]++)(?=[|A-Za-z#][^\n\"'`]*$)")
"""What stands before a head that is at the beginning of a string, and the quotes of that."""
_ESCAPED: Final = re.compile(rb"[^\n\"\\]{0,200}\\++n(?:[^\n\"\\]|\\++.){0,32768}+")


class Cell(NamedTuple):
    """The span of a cell without its quotes."""

    start: int
    end: int


_CELL_ENDS: Final = re.compile(rb"(?i)</t[hd]>")


def search(text: bytes, events: Sequence[int]) -> Iterator[Cell]:
    """Yield the credentials in tables; `events` are ascending offsets in or after their headers."""
    reached = 0
    for event in events:
        if text[event - 1 : event] == b"(":
            yield from _inserted(text, event)
            continue
        if text[event - 5 : event].lower() == b"stdin":
            yield from _copied(text, event)
            continue
        if _CELL_ENDS.match(text, event - 1):
            if event > reached:
                reached, found = _html(text, event)
                yield from found
            continue
        start, end = _line(text, event - 1)
        if start < reached or end - start > _WIDEST:
            continue
        reached = end
        found = [*_table(text, start, end)]
        yield from found or _quoted(text, start, event)


def escaped(text: bytes, events: Sequence[int]) -> list[tuple[int, int]]:
    """Return the spans of tables whose lines end in escapes, from their heads; ascending, disjoint."""
    found: list[tuple[int, int]] = []
    for event in events:
        if found and event <= found[-1][1]:
            continue
        if table := _ESCAPED.match(text, event):
            found.append((event, table.end()))
    return found


def _quoted(text: bytes, start: int, event: int) -> Iterator[Cell]:
    """Yield the credentials of a table that is a string, which begins in the line of its head."""
    opened = _OPENED.match(text, start, event)
    if opened is None:
        return
    first = opened.end()
    closed = text.find(opened[1], event)
    table = text[first : closed if closed >= 0 else first + ROWS * _WIDEST]
    for cell in _table(table, *_line(table, 0)):
        yield Cell(first + cell.start, first + cell.end)


def _line(text: bytes, at: int) -> tuple[int, int]:
    start = text.rfind(b"\n", 0, at) + 1
    end = text.find(b"\n", at)
    return start, end if end >= 0 else len(text)


def _table(text: bytes, start: int, end: int) -> Iterator[Cell]:
    line = text[start:end].strip()
    for mark in _CELL:
        if mark not in line:
            continue
        head = _cells(text, start, end, mark)
        names = [text[slice(*cell)] for cell in head]
        if len(names) < 2 or not all(map(_HEAD.fullmatch, names)) or any(map(_VERB.search, names)):
            continue
        if mark == b"|" and _within(text, start, end):
            continue
        wanted = [(at, level) for at, name in enumerate(names) if (level := tier(name)) > Tier.KEY]
        if wanted and not _continues(text, start, mark, len(names)):
            yield from _rows(text, end + 1, mark, len(names), wanted)
            return
    if b"  " in line:
        yield from _aligned(text, start, end)


_ABOVE: Final = 3


def _continues(text: bytes, start: int, mark: bytes, cells: int) -> bool:
    """Return whether a line is a row, because there are as many cells in those above it."""
    for _ in range(_ABOVE):
        if start == 0:
            return False
        end = start - 1
        start, _end = _line(text, end)
        if end - start > _WIDEST or len(_cells(text, start, end, mark)) != cells:
            return False
    return True


_COLUMN = re.compile(rb"[^\s]+(?: [^\s]+)*")
_WORD = re.compile(rb"\S+")


def _aligned(text: bytes, start: int, end: int) -> Iterator[Cell]:
    """Yield the credentials below a head whose columns are kept apart by two spaces or more."""
    head = [(at.start() - start, at[0]) for at in _COLUMN.finditer(text, start, end)]
    wanted = [(at, level) for at, name in head if (level := tier(name)) > Tier.KEY]
    if not wanted or not all(_HEAD.fullmatch(name) for _, name in head):
        return
    if len(head) < 2 or (len(head) == 2 and not all(name[:1].isupper() for _, name in head)):
        return
    for _ in range(ROWS):
        start, end = _line(text, end + 1)
        if not start < end < start + _WIDEST:
            return
        row = {
            word.start() - start: Cell(*word.span()) for word in _WORD.finditer(text, start, end)
        }
        if not _RULER.fullmatch(text, start, end) and sum(at in row for at, _ in head) < 2:
            return
        for at, level in wanted:
            if at in row and _secret(text[slice(*row[at])], level):
                yield row[at]


_INSERT = re.compile(
    rb"(?i)\binto\s{1,4}[^\s(]{1,120}\s{0,4}\(([^()]{1,600})\)\s{0,60}values\s{0,60}\($"
)
_REACH: Final = 800
_DATUM = re.compile(
    rb"\s*(?:[NnEeBb]?'((?:[^'\\\n]|''|\\.)*+)'|\"([^\"\n]*+)\"|[^,()'\"]*+(?:\([^()]*+\))?)\s*([,)])"
)
_NEXT = re.compile(rb"\s*,\s*\(")


def _inserted(text: bytes, at: int) -> Iterator[Cell]:
    """Yield the credentials in the rows of an INSERT whose first row begins at offset `at`."""
    head = _INSERT.search(text, max(0, at - _REACH), at)
    levels = [tier(name.strip(b' \t\r\n`"[]')) for name in head[1].split(b",")] if head else []
    if max(levels, default=Tier.NONE) <= Tier.KEY:
        return
    for _ in range(ROWS):
        for level in levels:
            datum = _DATUM.match(text, at, at + _WIDEST)
            if datum is None:
                return
            at = datum.end()
            group = 1 if datum[1] is not None else 2
            if level > Tier.KEY and datum[group] and _secret(datum[group], level):
                yield Cell(*datum.span(group))
        more = _NEXT.match(text, at) if datum and datum[3] == b")" else None
        if more is None:
            return
        at = more.end()


_COPY = re.compile(
    rb"(?i)\bcopy\s{1,4}[^\s(]{1,120}\s{0,4}\(([^()]{1,600})\)\s{0,4}from\s{1,4}stdin$"
)


def _copied(text: bytes, at: int) -> Iterator[Cell]:
    """Yield the credentials in the lines below a COPY of a dump of PostgreSQL that ends at `at`."""
    head = _COPY.search(text, max(0, at - _REACH), at)
    levels = [tier(name.strip(b' \t\r\n"')) for name in head[1].split(b",")] if head else []
    wanted = [(index, level) for index, level in enumerate(levels) if level > Tier.KEY]
    if wanted:
        yield from _rows(text, _line(text, at)[1] + 1, b"\t", len(levels), wanted)


_ROW: Final = re.compile(rb"(?i)<tr[\s>]")
_ROW_ENDS: Final = re.compile(rb"(?i)</tr>|</table>")
_HTML_CELL: Final = re.compile(
    rb"(?i)<t[hd](?:\s[^<>]{0,200})?>(?:\s|<[^<>/]{1,80}>){0,8}([^<>]{0,512}?)\s*"
    rb"(?:</[a-z]{1,12}>\s*){0,4}(?=<t[hd]|</t[rh]|$)"
)


def _html(text: bytes, at: int) -> tuple[int, list[Cell]]:
    """Return where a table of HTML was read to, whose head is around `at`, and its credentials."""
    rows = [row.start() for row in _ROW.finditer(text, max(0, at - _WIDEST), at)]
    if not rows:
        return at, []
    opened = text.rfind(b"<table", max(0, at - _WIDEST), rows[-1])
    if text[at + 2 : at + 3] not in b"hH" and (opened < 0 or rows[-2:-1] > [opened]):
        return at, []
    head, at = _html_row(text, rows[-1])
    levels = [tier(text[slice(*cell)]) for cell in head]
    found: list[Cell] = []
    for _ in range(ROWS if max(levels, default=Tier.NONE) > Tier.KEY else 0):
        row = _ROW.search(text, at, at + _WIDEST)
        if row is None or b"</table>" in text[at : row.start()].lower():
            break
        cells, at = _html_row(text, row.start())
        if len(cells) != len(head):
            break
        pairs = zip(cells, levels, strict=True)
        found += [
            cell for cell, level in pairs if level > Tier.KEY and _secret(text[slice(*cell)], level)
        ]
    return at, found


def _html_row(text: bytes, start: int) -> tuple[list[Cell], int]:
    """Return the cells of the row at `start`, and where it ends."""
    limit = min(len(text), start + 4 * _WIDEST)
    close = _ROW_ENDS.search(text, start, limit)
    end = close.start() if close else limit
    return [Cell(*match.span(1)) for match in _HTML_CELL.finditer(text, start, end)], end


def _within(text: bytes, start: int, end: int) -> bool:
    """Return whether a line is a row of a table whose head is above it."""
    if not start or _RULER.fullmatch(text, *_line(text, end + 1)):
        return False
    above = text[slice(*_line(text, start - 1))]
    return above.count(b"|") > 1 and above.count(b"|") == text.count(b"|", start, end)


def _rows(
    text: bytes, at: int, mark: bytes, width: int, wanted: list[tuple[int, Tier]]
) -> Iterator[Cell]:
    for _ in range(ROWS):
        if at >= len(text):
            return
        start, end = _line(text, at)
        at = end + 1
        if mark == b"|" and (start == end or _RULER.fullmatch(text, start, end)):
            continue
        if end - start > _WIDEST or mark not in text[start:end]:
            return
        row = _cells(text, start, end, mark)
        if len(row) != width:
            return
        for index, level in wanted:
            if _secret(text[slice(*row[index])], level):
                yield row[index]


def _cells(text: bytes, start: int, end: int, mark: bytes) -> list[Cell]:
    if mark == b"|":
        while start < end and text[start : start + 1] in b" |":
            start += 1
        while end > start and text[end - 1 : end] in b" \r|":
            end -= 1
    found: list[Cell] = []
    while match := _CELL[mark].match(text, start, end):
        found.append(_bare(text, *match.span(match.lastindex or 0)))
        if match.end() == end:
            ended = match.end() > start and text[end - 1 : end] == mark
            return [*found, Cell(end, end)] if ended else found
        start = match.end()
    return []


def _bare(text: bytes, low: int, high: int) -> Cell:
    high = low + len(text[low:high].rstrip(b" \r"))
    while low < high and text[low] in _WRAPS:
        low += 1
    while high > low and text[high - 1] in _WRAPS:
        high -= 1
    return Cell(low, high)


def _secret(value: bytes, level: Tier) -> bool:
    if not 6 <= len(value) <= 512 or b" " in value:
        return False
    if standins.template(value) or standins.dummy(value):
        return False
    if level >= Tier.PASSWORD:
        return (
            passphrases.brief(value)
            or passphrases.worded(value)
            or (
                values.password(value)
                and (letters.coined(value) or not value.translate(None, b"-_./").isalpha())
            )
        )
    return not values.code(value) and values.random(value)
