"""Log lines on stderr, through the standard library. They never contain the value of a secret.

They contain only hosts, rules, field paths, counts, and the types and places of exceptions. Lines
at level info are written a moment later, several at a time, so that no request waits for them; a
warning or an error is written at once, after the lines still waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import logging.handlers
import os
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

_GATHER = 0.05
"""Seconds for which a line waits for others."""
_MOST = 64
"""Maximum number of waiting lines."""
_PAD = 24
"""Width of the event column."""


class Logger(logging.LoggerAdapter[logging.Logger]):
    """Logs events with fields: `info("ready", hosts=84)`."""

    def bind(self, **fields: object) -> Logger:
        """Return a logger that adds these fields to every line."""
        return Logger(self.logger, {**(self.extra or {}), **fields})

    def log(self, level: int, msg: object, *args: object, **fields: Any) -> None:
        """Log an event, without looking for the caller, which no format shows."""
        logger = self.logger
        if logger.isEnabledFor(level):
            more = {"fields": {**(self.extra or {}), **fields}}
            record = logger.makeRecord(logger.name, level, "", 0, msg, args, None, extra=more)
            logger.handle(record)


class _Batch(logging.handlers.BufferingHandler):
    """Collects info lines while an event loop runs; writes others at once."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(_MOST)
        self.setFormatter(formatter)
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop on which writing is scheduled."""

    def shouldFlush(self, record: logging.LogRecord) -> bool:  # noqa: N802 - a method of the library
        return record.levelno > logging.INFO or super().shouldFlush(record) or not self._later()

    def _later(self) -> bool:
        """Schedule writing on the event loop; return False if none runs in this thread."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(_GATHER, self.flush)
        return True

    def flush(self) -> None:
        """Write what waits. If stderr is closed or its disk is full, requests go on."""
        with self.lock or contextlib.nullcontext():
            lines = [self.format(record) for record in self.buffer]
            self._loop = None
            self.buffer.clear()
            if lines:
                with contextlib.suppress(OSError, ValueError):
                    print("\n".join(lines), file=sys.stderr, flush=True)


_BREAKS = re.compile(r"[ \t=\r\n\"']")


def _printable(text: str) -> str:
    """Escape characters that could end a line or control a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _spelled(value: object) -> str:
    text = _printable(value) if isinstance(value, str) else repr(value)
    return repr(text) if isinstance(value, str) and _BREAKS.search(text) else text


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", {})


def _time(record: logging.LogRecord) -> str:
    then = datetime.fromtimestamp(record.created, UTC)
    return then.isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Text(logging.Formatter):
    """`TIME [LEVEL] EVENT NAME=VALUE ...`."""

    def format(self, record: logging.LogRecord) -> str:
        level, event = record.levelname.lower(), _printable(record.getMessage())
        more = [(name, _spelled(value)) for name, value in sorted(_fields(record).items())]
        return self._line(_time(record), level, event, more)

    def _line(self, time: str, level: str, event: str, more: list[tuple[str, str]]) -> str:
        parts = [f"{time} [{level:<9}] {event:<{_PAD}}", *(f"{name}={said}" for name, said in more)]
        return " ".join(parts).rstrip(" ")


_LEVELS = {"info": "32", "warning": "33", "error": "31"}


class _Colours(_Text):
    """The same for a terminal."""

    def _line(self, time: str, level: str, event: str, more: list[tuple[str, str]]) -> str:
        shown = f"[\x1b[{_LEVELS.get(level, '0')}m{level:<9}\x1b[0m]"
        head = f"\x1b[2m{time}\x1b[0m {shown} \x1b[1m{event:<{_PAD}}\x1b[0m"
        return " ".join([head, *(f"\x1b[36m{name}\x1b[0m={said}" for name, said in more)])


class _Short(_Text):
    """For mitmproxy's event log, which adds the level itself."""

    def _line(self, time: str, level: str, event: str, more: list[tuple[str, str]]) -> str:
        return " ".join([event, *(f"{name}={said}" for name, said in more)])


class _Json(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        head = {"event": record.getMessage(), "level": record.levelname.lower()}
        return json.dumps({**_fields(record), **head, "timestamp": _time(record)}, default=repr)


class _IntoMessage(logging.Filter):
    """Puts an event and its fields into the message, for handlers that know no fields."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._formatter.format(record), ()
        return True


_logger = Logger(logging.getLogger("secretgate"), {})
_logger.logger.propagate = False


def configure(log_format: str, to_mitmproxy: bool = False) -> None:
    """Set up logging: `text` for people, `json` for machines.

    `to_mitmproxy`: log to mitmproxy's own event log, for when mitmproxy draws on the terminal that
    is standard error.
    """
    flush()
    own = _logger.logger
    own.setLevel(logging.INFO)
    own.handlers.clear()
    own.filters.clear()
    own.propagate = to_mitmproxy
    if to_mitmproxy:
        own.addFilter(_IntoMessage(_Json() if log_format == "json" else _Short()))
        return
    plain = not sys.stderr.isatty() or bool(os.environ.get("NO_COLOR"))
    text = _Text() if plain else _Colours()
    own.addHandler(_Batch(_Json() if log_format == "json" else text))


def flush() -> None:
    """Write all waiting lines."""
    for handler in _logger.logger.handlers:
        handler.flush()


def logger() -> Logger:
    """Return the logger; before `configure`, it writes text."""
    if _logger.logger.level == logging.NOTSET:
        configure("text")
    return _logger


def where(error: BaseException) -> str:
    """Return an exception's type and place, without its message, which may quote the data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
