"""Decides how an answer is processed, and passes its bytes through.

Bytes in, bytes out. The headers decide, or the first bytes where the headers are vague; the
decision never depends on the complete body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from secretgate import grpc
from secretgate.bodies.base import Unreadable
from secretgate.bodies.encodings import Decoder
from secretgate.inbound.answers import (
    Answer,
    DocumentAnswer,
    EventAnswer,
    SniffedAnswer,
    TextAnswer,
)
from secretgate.inbound.documents import DocumentReader, document, text_or_document
from secretgate.inbound.events import Events
from secretgate.inbound.written import Recorder
from secretgate.placeholders import Issued
from secretgate.policy.judged import JudgedDocument, JudgedFramer, JudgedMessages, Judging
from secretgate.policy.messages import OneMessage, TextsFramer
from secretgate.providers import Dialect
from secretgate.streams.base import Framer
from secretgate.streams.framers import framer_for, is_vague, sniffed, sniffed_file, sniffed_text

MOST_HELD = 128 << 20
"""Maximum number of bytes of an answer that may be held back, for example until the end of a line.

Beyond that the answer is given up, since a provider might never send that end.
"""
_NO_TEXT = ("audio/", "image/", "video/", "font/", "application/pdf", "application/zip")
"""Media types in whose bodies nothing is restored."""
_FIRST_TYPE = re.compile(r"[;,]")
"""What ends a media type; behind a comma stands the type of a header that was sent twice."""


@dataclass(slots=True)
class Response:
    """One answer in transit. `rewrites`: the output is decoded, and may differ in length."""

    rewrites: bool
    _answer: Answer | None
    """None once the answer is no longer inspected."""
    _decoder: Decoder
    _broken: Callable[[str], None]
    _held: int = field(default=0)

    def feed(self, data: bytes) -> bytes:
        if self._answer is None:
            return self._blindly(data)
        try:
            plain = self._decoder.feed(data)
            out = self._answer.feed(plain)
        except Unreadable as error:
            return self._undecodable(error, data)
        self._held = max(0, self._held + len(plain) - len(out))
        if self._held > MOST_HELD:
            self._let_go(f"more than {MOST_HELD >> 20} MiB of an answer would have to be held back")
            return self._blindly(data)
        return out if self.rewrites else data

    def finish(self) -> bytes:
        if self._answer is None:
            return b""
        try:
            out = self._answer.feed(self._decoder.finish()) + self._answer.finish()
        except Unreadable as error:
            return self._undecodable(error, b"")
        return out if self.rewrites else b""

    def _undecodable(self, error: Unreadable, data: bytes) -> bytes:
        """Give up on an answer that cannot be decoded, and so holds no secret to restore.

        If it is not being rewritten, it passes through unchanged; otherwise it ends at this point.
        """
        answer = self._let_go(error.reason)
        return answer.finish() if answer is not None and self.rewrites else self._blindly(data)

    def _let_go(self, reason: str) -> Answer | None:
        self._broken(reason)
        answer, self._answer = self._answer, None
        return answer

    def _blindly(self, data: bytes) -> bytes:
        return b"" if self.rewrites else data


@dataclass(frozen=True, slots=True)
class Readers:
    """What the readers of an answer's formats need, and one method for each format."""

    dialect: Dialect
    issued: Issued
    warn: Callable[[str], None]
    """Told why an answer, or a part of it, is passed on unread."""
    recorder: Recorder | None = None
    later: Callable[[], Issued] | None = None
    """Returns what has been issued so far, where more is issued during the answer."""
    judge: Judging | None = None
    """Reads the answer before anything is restored."""
    inserted: list[int] = field(default_factory=list)
    told: Callable[[], None] = lambda: None
    """As in `Events`."""

    def stream(self, framer: Framer) -> Answer:
        judged = JudgedFramer(framer, self.judge) if self.judge else framer
        events = Events(self.dialect, self.issued, self.recorder, self.inserted, self.told)
        return EventAnswer(judged, events, self.later)

    def text(self) -> Answer:
        plain = TextAnswer(self.issued)
        return JudgedDocument(plain, self.judge) if self.judge else plain

    def document(self, read: DocumentReader = document) -> Answer:
        whole = DocumentAnswer(
            self.dialect,
            self.issued,
            self.recorder,
            over=lambda: self.warn("an answer was too large to restore"),
            read=read,
        )
        return JudgedDocument(whole, self.judge) if self.judge else whole

    def said_text(self) -> Answer:
        """Read a document whose type says text."""
        return self.document(text_or_document)

    def envelopes(self, headers: Mapping[str, str]) -> Answer:
        """Read gRPC and Connect messages, each in its envelope."""
        answer = grpc.EnvelopesAnswer(headers, self.later or (lambda: self.issued))
        return self._judged(answer, TextsFramer(grpc.coding(headers)))

    def message(self) -> Answer:
        """Read one bare protobuf message."""
        return self._judged(grpc.ProtobufAnswer(self.issued), OneMessage())

    def _judged(self, answer: Answer, framer: Framer) -> Answer:
        if self.judge is None:
            return answer
        return JudgedMessages(answer, JudgedFramer(framer, self.judge.of_texts()))


def respond(
    headers: Mapping[str, str], readers: Readers, *, stream: bool = False, file: bool = False
) -> Response | None:
    """Return the processing for an answer, or None if there is nothing to do.

    `stream`: whether the request asked for a stream; `file`: whether it asked for a file. Raises
    `Unreadable` if a judge would have to read the answer, but its coding is unknown.
    """
    issued, judge, later = readers.issued, readers.judge, readers.later
    if not issued and readers.recorder is None and later is None and judge is None:
        return None
    try:
        decoder = Decoder(headers.get("content-encoding", ""))
    except Unreadable as error:
        if judge is not None and judge.wanted.held:
            raise
        readers.warn(error.reason)
        return None
    media_type = _FIRST_TYPE.split(headers.get("content-type", ""), 1)[0].strip().lower()
    rewrites = bool(issued) or (judge is not None and bool(judge.wanted.held))
    answer: Answer
    if grpc.speaks(media_type) and "json" not in media_type:
        answer = readers.envelopes(headers)
        rewrites = rewrites or later is not None
    elif framer := framer_for(media_type):
        answer = readers.stream(framer)
        rewrites = rewrites or later is not None
    elif (stream and _may_stream(media_type)) or (file and is_vague(media_type)):
        sniff = sniffed_file if file else sniffed
        answer = SniffedAnswer(readers.stream, readers.text, readers.document, sniff)
    elif media_type in ("", "application/json") or media_type.endswith("+json"):
        answer = readers.document()
    elif media_type in grpc.PROTOBUF and (issued or judge):
        answer = readers.message()
    elif (issued or judge or is_vague(media_type)) and not media_type.startswith(_NO_TEXT):
        # JSON and JSON lines are sometimes declared as text: Go's servers do so by default.
        answer = SniffedAnswer(readers.stream, readers.text, readers.said_text, sniffed_text)
    else:
        return None
    return Response(rewrites, answer, decoder, readers.warn)


def _may_stream(media_type: str) -> bool:
    """Whether an answer of this type may be the stream that was asked for."""
    if is_vague(media_type):
        return True
    other = media_type.endswith("+json") or media_type in grpc.PROTOBUF
    return not other and not media_type.startswith(_NO_TEXT)
