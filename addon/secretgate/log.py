"""Log lines through structlog, on stderr. What is logged never holds a value of a secret: only
hosts, rules, field paths, counts, and the types and places of exceptions."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog


def configure(log_format: str) -> None:
    """Sets up how lines are written: `text` for people, `json` for machines."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger() -> Any:
    return structlog.get_logger("secretgate")


def where(error: BaseException) -> str:
    """An exception's type and place. Its message may quote what it failed on, and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
