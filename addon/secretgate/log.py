"""Log lines through structlog, on stderr. What is logged never holds a value of a secret: only
hosts, rules, field paths, counts, and the types and places of exceptions."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog


class _StandardError:
    """Writes lines to standard error. Where that is closed or its disk is full, requests go on."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)

    info = warning = error = msg


_ODD = re.compile(r"[^ -~\u00a0-\u1fff\u2030-\u205e\u2070-\ud7ff\uf900-\ufffd]")
"""Control characters, line separators, what turns the direction of writing, and what cannot be encoded."""


def _in_one_line(_: object, __: str, told: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Paths and names of clients come from outside: they must not end a line or drive a terminal."""
    for name, value in told.items():
        if isinstance(value, str):
            told[name] = _ODD.sub(lambda odd: ascii(odd[0])[1:-1], value)
    return told


def configure(log_format: str, to_mitmproxy: bool = False) -> None:
    """Sets up how lines are written: `text` for people, `json` for machines.

    `to_mitmproxy`: into mitmproxy's own event log, where standard error is a terminal that mitmproxy
    draws on.
    """
    factory: Any = _StandardError
    processors: list[Any] = [structlog.processors.add_log_level]
    if to_mitmproxy:
        factory = structlog.stdlib.LoggerFactory()
    else:
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    if log_format == "json":
        processors.append(structlog.processors.JSONRenderer())
    elif to_mitmproxy:
        processors.append(_in_one_line)
        processors.append(structlog.processors.KeyValueRenderer(key_order=["event"]))
    else:
        colors = sys.stderr.isatty()
        processors.append(_in_one_line)
        processors.append(structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=24))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )


def logger() -> Any:
    return structlog.get_logger("secretgate")


def where(error: BaseException) -> str:
    """An exception's type and place. Its message may quote what it failed on, and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
