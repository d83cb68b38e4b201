"""The benchmark page agrees with the figures, and the benchmarks measure what they claim."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from benchmarks import charts, conversation, measuring, report, stream

pytestmark = pytest.mark.thorough
MACHINE = {"processor": "a processor", "cores": 2}


def part(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"date": "2026-01-02", "quick": False, "machine": MACHINE, "rows": list(rows)}


def latency(case: str, added: float) -> dict[str, Any]:
    row = {"part": "latency", "case": case, "http": "HTTP/1.1", "added p50 ms": added}
    return {**row, "plain p50 ms": 4.0, "secretgate p50 ms": 4.0 + added}


RESULTS = {
    "proxy": part(
        latency("2 kB, first seen", 0.75),
        latency("200 kB, first seen", 3.5),
        {"part": "start-up", "case": "warm", "plain s": 0.5, "secretgate s": 1.25},
    ),
    "memory": part(
        {"part": "memory", "case": "plain", "requests": 10, "resident MB": 100.0},
        {"part": "memory", "case": "plain", "requests": 1000, "resident MB": 101.0},
        {"part": "memory", "case": "secretgate", "requests": 10, "resident MB": 200.0},
        {"part": "memory", "case": "secretgate", "requests": 1000, "resident MB": 222.5},
    ),
    "growth": part(
        *(
            {"part": "growth", "with": "bytes", "size": size, "ms": size / 1e3}
            for size in (10, 1000)
        )
    ),
    "peers": part({"part": "peers", "peer": "other", "case": "2 kB", "p50 ms": 12.5}),
    "detection": {**part(), "rows": "# Speed\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"},
}


def test_the_page_holds_every_part_and_judges_the_goals(tmp_path: Path) -> None:
    report.write(RESULTS, tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| Added latency, 2 kB | at most 1 ms | 0.75 ms | yes |" in page
    assert "| Added latency, 200 kB | at most 3 ms | 3.5 ms | no |" in page
    assert "after 1,000 requests of 2 MB | at most 120 MB | 122 MB | no |" in page
    assert "### Speed" in page
    assert page.count("2026-01-02") == len(RESULTS)
    linked = {line.partition("](")[2].rstrip(")") for line in page.splitlines() if line[:2] == "!["}
    assert linked == {f"benchmarks/{file.name}" for file in (tmp_path / "benchmarks").iterdir()}
    for file in linked:
        ElementTree.parse(tmp_path / file)


def test_of_several_families_the_slowest_counts(tmp_path: Path) -> None:
    row = {
        "part": "stream",
        "situation": "issued, none in the answer",
        "delta": 64,
        "us/event alone": 3.0,
    }
    row |= {"MB/s in 16 kB chunks": 90.0}
    rows = [{**row, "family": "anthropic"}, {**row, "family": "other", "us/event alone": 17.0}]
    answers = {"part": "stream", "situation": "answers", "family": "other", "ms/answer": 1.25}
    report.write({"stream": part(*rows, answers)}, tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "at most 15 us | 17 us | no |" in page
    assert "| other | 1.25 |" in page


@pytest.mark.parametrize("log", [True, False])
def test_charts_draw_every_value(log: bool) -> None:
    bar = charts.bars(
        "Bars & more", {"one": {"a": 1.5, "b": 0.0}, "two": {"a": 4000.0}}, "ms", 9, log
    )
    root = ElementTree.fromstring(bar)
    said = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1.5 ms", "0 ms", "4k ms", "goal 9 ms"} <= set(said)
    line = charts.lines("Lines", {"a": [(1, 2), (100, 300)], "b": [(3, 4)]}, "x", "y", log)
    circles = ElementTree.fromstring(line).iter("{http://www.w3.org/2000/svg}circle")
    assert len(list(circles)) == 3


def test_figures_are_shown_for_people() -> None:
    assert measuring.table([{"a": 1234567, "b": 0.012345}, {"b": 5678.9}]).splitlines()[2:] == [
        "| 1,234,567 | 0.0123 |",
        "|  | 5,679 |",
    ]


def test_a_conversation_grows_at_its_end_and_no_two_are_alike() -> None:
    first = conversation.Conversation(20_000)
    before = json.loads(first.body())["messages"]
    first.grow(25_000)
    after = json.loads(first.body())["messages"]
    assert after[: len(before)] == before
    assert len(after) > len(before)
    other = json.loads(conversation.first_seen(20_000))["messages"]
    texts = [{m["content"][0]["text"] for m in messages[1:]} for messages in (after, other)]
    assert not texts[0] & texts[1]
    assert conversation.secret() in before[0]["content"][0]["text"]


def test_answers_with_ids_of_their_own_say_the_same() -> None:
    events = stream.stream("openai-responses", stream.prose(2000), 64)
    one, other = (stream._own_ids(events, number) for number in (1, 2))
    assert all(event != another for event, another in zip(one, other, strict=True))
    assert [len(event) for event in one] == [len(event) for event in events]
    assert b"msg_0000000002" in other[0]


@pytest.mark.parametrize("family", stream.FAMILIES)
def test_the_streams_that_are_measured_are_restored(family: str) -> None:
    bench = stream.Bench()
    raw = b"".join(stream.stream(family, stream.prose(4000, bench.name, 500), 16))
    response = bench.response(stream.FAMILIES[family][0], True)
    out = response.feed(raw) + response.finish()
    pieces = json.dumps(stream.prose(4000, bench.name, 500)).count(bench.name)
    assert pieces > 5
    assert b"REDACTED" not in out
    assert raw.count(b"\n\n") <= out.count(b"\n\n")
