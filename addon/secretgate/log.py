"""Logging through structlog, to stderr. Log lines never contain the value of a secret.

They contain only hosts, rules, field paths, counts, and the types and places of exceptions. Lines
at level info are rendered a moment later, several at a time, so that no request waits for them; a
warning or an error is written at once, after the lines still waiting.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import re
import sys
import threading
import traceback
from collections.abc import MutableMapping, Sequence
from typing import Any

import structlog

_GATHER = 0.05
"""Seconds for which a line waits for others."""
_MOST = 64
"""Maximum number of waiting lines."""
_PAD = 24
"""Width of the event column."""


class _StandardError:
    """Writes lines to standard error. If that is closed or its disk is full, requests go on."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)

    info = warning = error = msg


class _Waiting:
    """The last processor: batches info lines while an event loop runs; writes others at once."""

    def __init__(self, wording: Sequence[Any]) -> None:
        self._wording = wording
        self._told: list[tuple[str, MutableMapping[str, Any]]] = []
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop on which writing is scheduled."""

    def __call__(self, _: object, method: str, told: MutableMapping[str, Any]) -> str:
        with self._lock:
            self._told.append((method, told))
        if method != "info" or len(self._told) >= _MOST or not self._later():
            self.write()
        raise structlog.DropEvent

    def _later(self) -> bool:
        """Schedule writing on the event loop; return False if none runs in this thread."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(_GATHER, self.write)
        return True

    def write(self) -> None:
        with self._lock:
            told, self._told, self._loop = self._told, [], None
            lines = [self._worded(method, each) for method, each in told]
            if lines:
                _StandardError().msg("\n".join(lines))

    def _worded(self, method: str, told: Any) -> str:
        for processor in self._wording:
            told = processor(None, method, told)
        return str(told)


_waiting: _Waiting | None = None
_logger: Any = None
"""The logger made by the last `configure`."""


def flush() -> None:
    """Write all waiting lines."""
    if _waiting is not None:
        _waiting.write()


atexit.register(flush)


_ODD = re.compile(r"[^ -~\u00a0-\u1fff\u2030-\u205e\u2070-\ud7ff\uf900-\ufffd]")
"""Control characters, line separators, bidirectional controls, and what cannot be encoded."""


def _in_one_line(_: object, __: str, told: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape characters that could end a line or control a terminal, in values from outside."""
    for name, value in told.items():
        if isinstance(value, str):
            told[name] = _ODD.sub(lambda odd: ascii(odd[0])[1:-1], value)
    return told


def _line(_: object, __: str, told: MutableMapping[str, Any]) -> str:
    """Render a line like structlog's `ConsoleRenderer` without colours, in a tenth of the time."""
    level, event = told.pop("level"), told.pop("event")
    head = f"{told.pop('timestamp')} [{level:<9}] {event:<{_PAD}}"
    return " ".join([head, *(f"{name}={_spelled(told[name])}" for name in sorted(told))]).rstrip(
        " "
    )


_BREAKS = re.compile(r"[ \t=\r\n\"']")


def _spelled(value: object) -> str:
    return value if isinstance(value, str) and not _BREAKS.search(value) else repr(value)


def configure(log_format: str, to_mitmproxy: bool = False) -> None:
    """Set up logging: `text` for people, `json` for machines.

    `to_mitmproxy`: log to mitmproxy's own event log, for when mitmproxy draws on the terminal that
    is standard error.
    """
    global _waiting, _logger
    flush()
    _waiting = None
    processors: list[Any] = [structlog.processors.add_log_level]
    wording: list[Any] = [structlog.processors.JSONRenderer()]
    if log_format != "json":
        render: Any = structlog.processors.KeyValueRenderer(key_order=["event"])
        if not to_mitmproxy:
            render = _line
            if sys.stderr.isatty():
                render = structlog.dev.ConsoleRenderer(colors=True, pad_event_to=_PAD)
        wording = [_in_one_line, render]
    if to_mitmproxy:
        processors += wording
    else:
        _waiting = _Waiting(wording)
        processors += [structlog.processors.TimeStamper(fmt="iso", utc=True), _waiting]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory() if to_mitmproxy else _StandardError,
        cache_logger_on_first_use=False,
    )
    _logger = structlog.get_logger("secretgate").bind()


def logger() -> Any:
    return _logger if _logger is not None else structlog.get_logger("secretgate")


def where(error: BaseException) -> str:
    """Return an exception's type and place, without its message, which may quote the data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
