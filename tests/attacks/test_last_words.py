"""Exceptions that nothing catches are printed by Python or mitmproxy without their message."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import Iterator
from types import CodeType, FrameType

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.layers.http import HttpResponseHook
from mitmproxy.test import taddons, tflow

from addon.kit import RULES, token
from secretgate import log
from secretgate.proxy import dispatch
from secretgate.proxy.silence import keep_silent
from secretgate_rules import Detector

SECRET = token("silent")


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    before = sys.unraisablehook, threading.excepthook, logging.getLogRecordFactory()
    log.configure("text")
    keep_silent()
    keep_silent()
    yield
    sys.unraisablehook, threading.excepthook = before[:2]
    logging.setLogRecordFactory(before[2])


def _fail() -> None:
    """Make our own code fail, with the secret in the message."""
    broken = Detector.find.__code__

    def trace(frame: FrameType, event: str, argument: object) -> None:
        code: CodeType = frame.f_code
        if code is broken:
            raise RuntimeError(f"could not work on {SECRET}")

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        Detector(RULES).find(b"x")
    finally:
        sys.settrace(None)


def _dropped() -> Iterator[int]:
    try:
        yield 1
    finally:
        _fail()


def test_in_a_generator_that_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    held = _dropped()
    next(held)
    del held
    gc.collect()
    said = capsys.readouterr().err
    assert "RuntimeError at" in said
    assert SECRET not in said


def test_at_the_end_of_a_thread(capsys: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=_fail, name="of-the-test")
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    assert "of-the-test" in said
    assert "RuntimeError at" in said
    assert SECRET not in said


@pytest.mark.parametrize("how", ["raised", "as a cause", "as a context"])
def test_in_a_log_line_of_others(how: str, caplog: pytest.LogCaptureFixture) -> None:
    try:
        try:
            _fail()
        except RuntimeError as error:
            if how == "raised":
                raise
            if how == "as a cause":
                raise OSError(f"because {error}") from error
            raise OSError(f"while {error}")  # noqa: B904
    except Exception as error:
        logging.getLogger("mitmproxy").error(f"Addon error: {error}", exc_info=True)  # noqa: G004, G201 - as mitmproxy does
    assert "Error at" in caplog.text
    assert SECRET not in caplog.text


def test_what_others_say_of_their_own_failures_stays(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("theirs")
    except ValueError:
        logging.getLogger("theirs").exception("of a script beside us")
    assert "ValueError: theirs" in caplog.text
    assert "of a script beside us" in caplog.text


def test_the_failure_of_an_addon_beside_us_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """mitmproxy calls every addon through us, and leaves that out of the trace that it logs."""

    class Beside:
        def response(self, flow: HTTPFlow) -> None:
            raise ValueError("theirs")

    async def trigger() -> None:
        with taddons.context(Beside()) as made:
            dispatch.only_who_listens(made.master.addons)
            await made.master.addons.trigger_event(HttpResponseHook(tflow.tflow()))

    asyncio.run(trigger())
    assert "ValueError: theirs" in caplog.text
    assert "secretgate failed" not in caplog.text
