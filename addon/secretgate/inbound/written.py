"""Collects what the provider wrote itself from an answer in transit, and remembers it.

A key-shaped value that the model made up is not secret from the provider; redacting it when the
history is sent back would change what the provider wrote. Therefore the text of every answer, as
the client receives it, is run through the detector once it is complete, exactly as it will be when
it is sent back, and findings that are not known secrets are stored in the ledger.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from secretgate import tolerant
from secretgate.inbound.spoken import Heard, Read, Said, Spoken, Text, Unread
from secretgate.ledger import Ledger
from secretgate.outbound.redaction import Redactor
from secretgate.providers import Dialect, kind_of
from secretgate.scanner import Many, Scanner
from secretgate.streams.base import Run
from secretgate.vault import Scope

MOST_BYTES = 1 << 20
"""Size in bytes of the portions in which an answer is analysed: all flows wait meanwhile."""

_BETWEEN = b"\0"
"""Separates two texts; no pattern matches across it."""
_TOKEN = re.compile(rb"[A-Za-z0-9_+/=.~-]{16,200}")
_LEAST = 16
_OF_TOKENS = (string.ascii_letters + string.digits + "_+/=.~-").encode()
_SHAPE = bytes(ord("x") if each in _OF_TOKENS else ord(" ") for each in range(256))
"""Translates the characters of tokens to one letter, and all others to spaces."""
_DIGITS = (
    rb"(?:[A-Za-z_+/=~][.-]{0,3}[0-9][A-Za-z0-9_+/=.~-]*|[0-9][A-Za-z0-9_+/=.~-]{15,})"
    rb"(?:[^A-Za-z0-9_+/=.~-]|\z)"
)
"""The end of a token, of any length, with a digit in it that is no mere number."""
_ANY_WITH_DIGITS = Scanner([_DIGITS], once=True)
_WITH_DIGITS = Scanner([_DIGITS])
_FEW = 16
_SPARSE = 64
"""Average distance in bytes up to which it pays to look for these: in prose and code, though not in a
table, a scan for them takes a tenth of one for long tokens."""
_LONG = Scanner([rb"(?:^|[^A-Za-z0-9_+/=.~-])[A-Za-z0-9_+/=.~-]{16}"])
_MIXED = re.compile(rb"(?=.*[0-9])(?:(?=.*[a-z])(?=.*[A-Z])|[0-9a-f]{32,})", re.DOTALL)
_MOST_TOKENS = 500


class Recorder:
    """Collects what one answer says; it is analysed and remembered at its `end`."""

    def __init__(self, dialect: Dialect, redactor: Redactor, ledger: Ledger, scope: Scope) -> None:
        self._dialect = dialect
        self._redactor = redactor
        self._ledger = ledger
        self._scope = scope
        self._said: list[Said] = []
        self._begun: list[Heard] = []
        """The ends of the texts analysed so far, which may continue."""
        self._size = 0
        self._seen: Callable[[Any], None] | None = None
        self._first = False
        self._told: Callable[[bytes], None] | None = None
        self._failed: Callable[[Exception], None] | None = None
        self._soon: Callable[[Callable[[], None]], object] | None = None

    def postpone(self, soon: Callable[[Callable[[], None]], object]) -> None:
        """Have `soon` called with the work that an `end` is."""
        self._soon = soon

    def tell(
        self, told: Callable[[bytes], None], failed: Callable[[Exception], None] | None = None
    ) -> None:
        """Have `told` called with the joined texts of the answer, in one or several portions.

        If they cannot be analysed, `failed` is called: the client gets the answer nevertheless.
        """
        self._told, self._failed = told, failed

    def watch(self, seen: Callable[[Any], None]) -> None:
        """Have `seen` called with parsed events.

        It is called with the first event at once, because it names the id of the answer, to which
        the client may refer as soon as the answer ends; and later with all events that differ from
        earlier ones in more than their text.
        """
        self._seen = seen
        self._first = True

    def add(self, said: Said) -> None:
        """Add what one or more events say, as the client receives it."""
        self._said.append(said)
        self._size += said.size
        if self._size > MOST_BYTES:
            self._analysed(self._taken(), goes_on=True)
        if self._first:
            self._see_first(said)

    def hear(self, said: Iterable[Said | Read]) -> None:
        """Add what several events say."""
        for each in said:
            if not isinstance(each, Read):
                self.add(each)
                continue
            self._first = False
            if self._seen is not None:
                self._seen(each.event.head)
            for leaf in each.said():
                self.add(leaf)

    def _see_first(self, said: Said) -> None:
        if isinstance(said, Unread):
            self._see(said.payload)
        elif isinstance(said, Run):
            payloads = (frame.payload for frame in said.frames())
            first = next((payload for payload in payloads if payload is not None), None)
            if first is not None:
                self._see(first)

    def _see(self, payload: bytes) -> None:
        self._first = False
        try:
            event = tolerant.decode(payload)
        except (ValueError, RecursionError):
            return
        if self._seen is not None:
            wraps = isinstance(event, dict) and self._dialect.wrappers
            self._seen(self._dialect.unwrapped(event, kind_of(event, ""))[0] if wraps else event)

    def end(self) -> None:
        """Note that what comes next does not continue what was said so far, and analyse that."""
        if self._soon is None:
            self.flush()
        else:
            self._soon(partial(self._analysed, self._taken(), goes_on=False))

    def flush(self) -> None:
        """Analyse at once what was said since the last `end`."""
        self._analysed(self._taken(), goes_on=False)

    def _taken(self) -> tuple[list[Said], list[Heard]]:
        said, self._said, self._size = self._said, [], 0
        begun, self._begun = self._begun, []
        return said, begun

    def _analysed(self, taken: tuple[list[Said], list[Heard]], goes_on: bool) -> None:
        said, begun = taken
        if not (said or begun):
            return
        try:
            self._analyse(said, begun, goes_on)
        except Exception as error:
            if self._failed is None:
                raise
            self._failed(error)

    def _analyse(self, said: list[Said], begun: list[Heard], goes_on: bool) -> None:
        spoken = Spoken(self._dialect, self._seen, several=len(said) > 1, begun=begun)
        for each in _joined(said):
            spoken.add(each)
        if goes_on:
            self._begun = spoken.open_ends()
        self._note([*spoken.texts()])

    def _note(self, said: list[Text]) -> None:
        if not said:
            return
        said = _distinct(said)
        texts = [text for _, text in said]
        together = _BETWEEN.join(texts)
        if self._told is not None:
            self._told(together)
        values = self._redactor.written(texts, self._scope, [key for key, _ in said])
        if _ANY_WITH_DIGITS.scan(together):
            for text in texts:
                values.update(self._tokens(text))
        if values:
            self._ledger.note_written(self._scope, values)

    def _tokens(self, text: bytes) -> Iterator[bytes]:
        """Yield tokens random enough to count as secrets elsewhere, in a context that says so."""
        known = self._redactor.known(self._scope)
        for token in islice(_long_tokens(text), _MOST_TOKENS):
            if _MIXED.match(token) and token not in known and not known.find(token):
                yield token


def _long_tokens(text: bytes) -> Iterator[bytes]:
    """Yield the matches of `_TOKEN`, at least those with digits; `re` is slow at skipping the rest."""
    try:
        ends = _WITH_DIGITS.few(text, len(text) // _SPARSE + _FEW)
    except Many:
        starts = [end - _LEAST for _, end in _LONG.scan(text)]
    else:
        starts = [_start(text, end if text[end - 1] in _OF_TOKENS else end - 1) for end in ends]
    for start in starts:
        token = _TOKEN.match(text, start)
        while token is not None:
            yield token[0]
            token = _TOKEN.match(text, token.end())


def _start(text: bytes, end: int) -> int:
    """Return where the token characters begin that end at `end`."""
    size = 256
    while True:
        low = max(0, end - size)
        start = low + text[low:end].translate(_SHAPE).rfind(b" ") + 1
        if start > low or not low:
            return start
        size *= 4


def _distinct(said: list[Text]) -> list[Text]:
    """Return the texts without repeats: some APIs send every text four times.

    What occurs under a name too is left out without one, as it will be sent back under that name.
    """
    if len({len(text) for _, text in said}) == len(said):
        return said
    named = {text for key, text in said if key}
    return [each for each in dict.fromkeys(said) if each[0] or each[1] not in named]


def _joined(said: list[Said]) -> Iterator[Said]:
    """Yield the same, with adjacent runs merged."""
    runs: list[Run] = []
    for each in said:
        if isinstance(each, Run) and (not runs or runs[0].end == each.end):
            runs.append(each)
            continue
        yield from _one(runs)
        runs = []
        if isinstance(each, Run):
            runs = [each]
        else:
            yield each
    yield from _one(runs)


def _one(runs: list[Run]) -> Iterator[Run]:
    if runs:
        yield Run(b"".join([run.raw for run in runs]), runs[0].end, runs[0].frame)
