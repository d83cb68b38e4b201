"""Timing of log lines: those about success are written later and together, others at once."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator

import pytest

from secretgate import log

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    log.configure("json")
    yield
    log.configure("text")


def events(written: str) -> list[str]:
    return [json.loads(line)["event"] for line in written.splitlines()]


def test_without_an_event_loop_a_line_is_written_at_once(capsys: Capture) -> None:
    log.logger().info("one")
    assert events(capsys.readouterr().err) == ["one"]


async def test_lines_of_a_loop_are_written_together_and_in_order(capsys: Capture) -> None:
    log.logger().info("one")
    log.logger().info("two")
    assert capsys.readouterr().err == ""
    await asyncio.wait_for(_written(capsys, ["one", "two"]), 5)


async def _written(capsys: Capture, wanted: list[str]) -> None:
    seen: list[str] = []
    while seen != wanted:
        await asyncio.sleep(0)
        seen += events(capsys.readouterr().err)
        assert seen == wanted[: len(seen)]


async def test_a_warning_is_written_at_once_behind_what_waits(capsys: Capture) -> None:
    log.logger().info("one")
    log.logger().warning("two")
    assert events(capsys.readouterr().err) == ["one", "two"]


async def test_many_lines_do_not_wait(capsys: Capture) -> None:
    for number in range(200):
        log.logger().info(str(number))
    written = events(capsys.readouterr().err)
    assert len(written) > 100
    log.flush()
    written += events(capsys.readouterr().err)
    assert written == [str(number) for number in range(200)]


async def test_a_thread_writes_at_once(capsys: Capture) -> None:
    log.logger().info("one")
    thread = threading.Thread(target=lambda: log.logger().info("two"))
    thread.start()
    thread.join()
    assert events(capsys.readouterr().err) == ["one", "two"]


def test_what_a_loop_leaves_behind_is_written_by_the_next(capsys: Capture) -> None:
    async def say(what: str) -> None:
        log.logger().info(what)

    asyncio.run(say("one"))
    assert capsys.readouterr().err == ""

    async def later() -> None:
        await say("two")
        await _written(capsys, ["one", "two"])

    asyncio.run(asyncio.wait_for(later(), 5))


def test_a_line_for_people_has_its_columns(capsys: Capture) -> None:
    log.configure("text")
    log.logger().bind(host="example").warning("seen", note="two words", odd="a\x1bb", more=5)
    line = capsys.readouterr().err
    assert line.endswith(
        " [warning  ] seen                     host=example more=5 note='two words' odd=a\\x1bb\n"
    )


def test_before_it_is_configured_it_writes_text(capsys: Capture) -> None:
    logging.getLogger("secretgate").setLevel(logging.NOTSET)
    logging.getLogger("secretgate").addHandler(logging.NullHandler())
    log.logger().warning("seen")
    assert "[warning  ] seen" in capsys.readouterr().err


def test_a_logger_follows_the_last_configuration(capsys: Capture) -> None:
    log.configure("text")
    log.logger().info("one")
    log.configure("json")
    log.logger().info("two")
    first, second = capsys.readouterr().err.splitlines()
    assert "[info     ] one" in first
    assert json.loads(second)["event"] == "two"


def test_a_terminal_has_colours_unless_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    log.configure("text")
    log.logger().warning("seen", host="example")
    line = capsys.readouterr().err
    assert "\x1b[33mwarning" in line
    plain = re.sub(r"\x1b\[[0-9]+m", "", line)
    assert plain.endswith(" [warning  ] seen                     host=example\n")
    monkeypatch.setenv("NO_COLOR", "1")
    log.configure("text")
    log.logger().warning("seen", host="example")
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "expected"),
    [("text", "seen host=example note='a b'"), ("json", '"event": "seen"')],
)
def test_mitmproxys_event_log_gets_the_fields_too(
    form: str, expected: str, capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    log.configure(form, to_mitmproxy=True)
    log.logger().bind(host="example").info("seen", note="a b")
    assert capsys.readouterr().err == ""
    assert expected in caplog.messages[0]
