"""Timing of log lines: those about success are written later and together, others at once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

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


_VALUES = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.text()))


@given(
    st.sampled_from(["info", "warning", "error"]),
    st.text(min_size=1),
    st.dictionaries(st.text("abcxyz_", min_size=1), _VALUES),
)
def test_a_plain_line_is_as_structlog_would_have_it(
    level: str, event: str, more: dict[str, object]
) -> None:
    told = {"timestamp": "2026-01-01T00:00:00Z", "level": level, "event": event, **more}
    expected = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24)(None, level, {**told})
    assert log._line(None, level, {**told}) == expected


def test_a_line_for_people_has_its_columns(capsys: Capture) -> None:
    log.configure("text")
    log.logger().bind(host="example").warning("seen", note="two words", odd="a\x1bb", more=5)
    line = capsys.readouterr().err
    assert line.endswith(
        " [warning  ] seen                     host=example more=5 note='two words' odd=a\\x1bb\n"
    )


def test_a_logger_follows_the_last_configuration(capsys: Capture) -> None:
    log.configure("text")
    log.logger().info("one")
    log.configure("json")
    log.logger().info("two")
    first, second = capsys.readouterr().err.splitlines()
    assert "[info     ] one" in first
    assert json.loads(second)["event"] == "two"
