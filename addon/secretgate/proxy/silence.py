"""Keeps messages of exceptions in our code out of what Python and mitmproxy print on their own.

A message may quote the data that caused the exception. Exceptions that we catch are logged with
type and place only (`log.where`). Those that escape are printed by others, message included: raised
by a generator that is dropped, ending a thread, leaving a hook, or kept by a task until it is
deleted.

mitmproxy also logs what it cannot parse: the head of a request that breaks off, with the client's
own credentials in it.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from mitmproxy import exceptions

import secretgate_rules
from secretgate import log
from secretgate.wording import CANNOT_START

_OURS = tuple(str(Path(each).parent) for each in (log.__file__, secretgate_rules.__file__))
_QUOTED = re.compile(
    r"""b(['"])(?:(?!\1)[^\\]|\\.)*\1|(?<=header: )['"].*|(?<=headers: )\[.*""", re.DOTALL
)
"""Bytes and values of headers, as mitmproxy quotes them in complaints about what it cannot parse."""
_MEANT_FOR_PEOPLE = (exceptions.OptionsError, exceptions.CommandError)
"""Our own messages about settings, which quote no secret."""


def unquoted(complaint: str) -> str:
    """Return what mitmproxy says about data that it cannot parse, without the data."""
    return _QUOTED.sub("(not shown)", complaint)


def keep_silent() -> None:
    """From now on, print no exception that passed through our code with its message."""
    sys.unraisablehook = _unraisable
    threading.excepthook = _ended_a_thread
    keep_log_silent()


def keep_log_silent() -> None:
    """The same for what is logged: an invalid option as one line, and other errors by their place."""
    made = logging.getLogRecordFactory()
    if getattr(made, "__module__", "") == __name__:
        return

    def record(*args: Any, **more: Any) -> logging.LogRecord:
        return _without_words(made(*args, **more))

    logging.setLogRecordFactory(record)


def _unraisable(args: Any) -> None:
    place = getattr(args.object, "__qualname__", type(args.object).__qualname__)
    log.logger().error("an exception was ignored", place=place, error=_described(args.exc_value))


def _ended_a_thread(args: Any) -> None:
    name = args.thread.name if args.thread is not None else ""
    log.logger().error("an exception ended a thread", thread=name, error=_described(args.exc_value))


def _without_words(record: logging.LogRecord) -> logging.LogRecord:
    if record.name.startswith("mitmproxy.proxy") and isinstance(record.msg, str):
        record.msg = unquoted(record.msg)
    if not isinstance(record.exc_info, tuple):
        return record
    # mitmproxy leaves out of this trace how the addon was called, which goes through us for all.
    _, error, trace = record.exc_info
    if error is None or not _is_ours(error, trace):
        return record
    if isinstance(error, exceptions.OptionsError):
        record.msg = CANNOT_START + str(error).removeprefix("secretgate: ")
    elif isinstance(error, _MEANT_FOR_PEOPLE):
        return record
    else:
        record.msg = f"secretgate failed: {log.where(error)}"
    record.args, record.exc_info, record.exc_text = (), None, None
    return record


def _described(error: BaseException | None) -> str:
    return log.where(error) if error is not None else "unknown"


def _is_ours(error: BaseException, trace: TracebackType | None) -> bool:
    """Whether the exception with this trace, or one that led to it, passed through our code."""
    if _through_us(trace):
        return True
    seen = [error]
    todo = [error.__cause__, error.__context__]
    while todo:
        each = todo.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        if _through_us(each.__traceback__):
            return True
        todo += (each.__cause__, each.__context__)
    return False


def _through_us(trace: TracebackType | None) -> bool:
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(_OURS):
            return True
        trace = trace.tb_next
    return False
