"""What the provider wrote itself is not changed, in whatever form it comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.kit import SCOPE, Bench, prompt, random_text, token
from secretgate.inbound import written
from secretgate.inbound.spoken import Unread
from secretgate.inbound.written import _TOKEN, Recorder, _distinct, _long_tokens
from secretgate.ledger import Ledger
from secretgate.providers import DIALECTS
from secretgate.stores import Told
from secretgate.stores.line import Line
from secretgate.stores.sqlite import SQLiteStore
from secretgate.vault import Scope


def in_file(file: Path, warn: Callable[[str], None] = lambda message: None) -> Ledger:
    return Ledger(Line(SQLiteStore(file, 3600, warn)), Bench().namer.digest)


ANSWERS = {
    "anthropic": [
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "X"[:0] + "%s"},
        },
    ],
    "openai-chat": [{"choices": [{"index": 0, "delta": {"content": "%s"}}]}],
    "openai-responses": [
        {
            "type": "response.output_text.delta",
            "item_id": "m",
            "output_index": 0,
            "content_index": 0,
            "delta": "%s",
        }
    ],
    "gemini": [{"candidates": [{"content": {"parts": [{"text": "%s"}]}}]}],
    "generic": [{"text": "%s"}],
}


def events(dialect: str, text: str, size: int) -> list[bytes]:
    (shape,) = ANSWERS[dialect]
    return [
        json.dumps(shape).replace("%s", json.dumps(text[at : at + size])[1:-1]).encode()
        for at in range(0, len(text), size)
    ]


@pytest.mark.parametrize("dialect", ANSWERS)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_value_cut_into_pieces_is_remembered(dialect: str, size: int) -> None:
    bench = Bench()
    recorder = bench.recorder(DIALECTS[dialect])
    for event in events(dialect, f"the config: token {token(1)} end", size):
        recorder.add(Unread(event))
    recorder.flush()
    raw = prompt(f"what is {token(1)} for?")
    assert bench.redact(raw).raw is raw


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_was_said_is_remembered_when_the_postponed_work_is_done(goes_on: bool) -> None:
    """Each answer of a connection by its own; what comes meanwhile belongs to the next one."""
    bench, waiting = Bench(), list[Callable[[], None]]()
    recorder = bench.recorder(DIALECTS["generic"])
    recorder.postpone(waiting.append)
    for event in events("generic", f"the config: token {token(1)} end", 7):
        recorder.add(Unread(event))
    recorder.end()
    if goes_on:
        recorder.add(Unread(json.dumps({"text": "and more"}).encode()))
    (work,) = waiting
    work()
    raw = prompt(f"what is {token(1)} for?")
    assert bench.redact(raw).raw is raw


def test_it_may_come_back_where_its_surroundings_make_it_a_secret() -> None:
    bench = Bench()
    value = random_text("invented", 24)
    recorder = bench.recorder()
    for event in events("anthropic", f"I suggest {value} as the key.", 5):
        recorder.add(Unread(event))
    recorder.flush()
    raw = prompt(f"password={value}")
    assert bench.redact(raw).raw is raw


def test_arguments_are_read_as_they_will_come_back() -> None:
    bench = Bench()
    recorder = bench.recorder()
    arguments = json.dumps({"content": f"password={random_text('args', 20)}\n"})
    for at in range(0, len(arguments), 3):
        piece = {"type": "input_json_delta", "partial_json": arguments[at : at + 3]}
        event = {"type": "content_block_delta", "index": 1, "delta": piece}
        recorder.add(Unread(json.dumps(event).encode()))
    recorder.flush()
    raw = prompt(f"password={random_text('args', 20)}")
    assert bench.redact(raw).raw is raw


def test_what_is_said_several_times_is_analysed_once() -> None:
    bench = Bench()
    told: list[bytes] = []
    recorder = bench.recorder(DIALECTS["openai-responses"])
    recorder.tell(told.append)
    text = "It is done."
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": text}
    item = {"type": "message", "content": [part]}
    for event in (
        {"type": "response.output_text.delta", **place, "delta": text[:6]},
        {"type": "response.output_text.delta", **place, "delta": text[6:]},
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"output": [item]}},
    ):
        recorder.add(Unread(json.dumps(event).encode()))
    recorder.flush()
    assert told == [text.encode()]


def test_of_repeats_the_ones_under_names_are_kept() -> None:
    """A value may be a secret under its name only, and that is how it comes back."""
    said = [(b"", b"one"), (b"password", b"two"), (b"", b"two"), (b"", b"one"), (b"pin", b"two")]
    assert _distinct(said) == [(b"", b"one"), (b"password", b"two"), (b"pin", b"two")]


def test_a_known_secret_is_not_forgiven_because_the_answer_holds_it() -> None:
    bench = Bench()
    bench.redact(prompt(token(2)))
    recorder = bench.recorder()
    recorder.add(Unread(events("anthropic", f"restored: {token(2)}", 1000)[0]))
    recorder.flush()
    assert token(2).encode() not in bench.redact(prompt(token(2))).raw


def test_it_counts_for_the_scope_alone() -> None:
    bench = Bench()
    recorder = bench.recorder(scope=Scope("another", "anthropic", b"account"))
    recorder.add(Unread(events("anthropic", token(3), 1000)[0]))
    recorder.flush()
    assert token(3).encode() not in bench.redact(prompt(token(3))).raw


def test_it_outlives_the_process(tmp_path: Path) -> None:
    file = tmp_path / "state" / "ledger.sqlite3"
    first = Bench(in_file(file))
    recorder = first.recorder()
    recorder.add(Unread(events("anthropic", token(4), 1000)[0]))
    recorder.flush()
    name = first.ledger.name(b"some value", "first-rule")
    first.ledger.close()
    second = Bench(in_file(file))
    assert second.ledger.written(SCOPE, [token(4).encode()])
    assert second.ledger.name(b"some value", "other-rule") == name == "first-rule"
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_ledger_holds_no_value(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    tmp_path.chmod(0o700)
    ledger = in_file(file)
    ledger.name(token(5).encode(), "rule")
    ledger.note_written(SCOPE, [token(6).encode()])
    ledger.close()
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert token(5).encode() not in stored
    assert token(6).encode() not in stored


def test_a_broken_ledger_is_told_once_and_goes_on_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    tmp_path.chmod(0o700)
    file.write_bytes(b"no database at all" * 100)
    told: list[str] = []
    ledger = in_file(file, told.append)
    assert ledger.name(b"value", "rule") == "rule"
    assert ledger.name(b"value", "other") == "rule"
    ledger.note_written(SCOPE, [b"written"])
    assert ledger.written(SCOPE, [b"written"])
    assert len(told) == 1


def test_two_workers_agree_on_a_name(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    workers = [in_file(tmp_path / "ledger.sqlite3") for _ in range(2)]
    assert workers[0].name(b"value", "one") == workers[1].name(b"value", "two") == "one"


def test_more_values_than_a_query_may_have_parameters(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    one, two = (in_file(tmp_path / "ledger.sqlite3") for _ in range(2))
    values = [token(number).encode() for number in range(1200)]
    assert set(one.names(dict.fromkeys(values, "first-rule")).values()) == {"first-rule"}
    one.note_written(SCOPE, values)
    one.close()
    assert set(two.names(dict.fromkeys(values, "other-rule")).values()) == {"first-rule"}
    assert two.written(SCOPE, [*values, b"never"]) == set(values)


def test_the_ledger_is_asked_about_all_secrets_of_a_request_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    bench = Bench(in_file(tmp_path / "ledger.sqlite3"))
    asked: list[int] = []
    ask = SQLiteStore.ask

    def counted(
        self: SQLiteStore, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]
    ) -> Told:
        asked.append(len(names) + len(digests))
        return ask(self, place, names, digests)

    monkeypatch.setattr(SQLiteStore, "ask", counted)
    found = bench.redact(prompt(" ".join(token(number) for number in range(30))))
    assert len(found.spots) == 30
    assert asked == [30, 30]


@given(
    st.lists(
        st.sampled_from(
            ["a", "Zz9_", "7", "-", ".", " ", "é", "\n", "=" * 15, "k" * 199, "/" * 400, "0" * 17]
        ),
        max_size=9,
    )
)
def test_long_tokens_with_digits_are_found_where_they_stand(pieces: list[str]) -> None:
    text = "".join(pieces).encode()
    runs = re.findall(rb"[A-Za-z0-9_+/=.~-]+", text)
    told = [run for run in runs if re.search(rb"[A-Za-z_+/=~][.-]{0,3}[0-9]|[0-9].{15}", run)]
    assert list(_long_tokens(text)) == [token for run in told for token in _TOKEN.findall(run)]
    table = b" x1" * 99
    assert list(_long_tokens(text + table)) == _TOKEN.findall(text + table)


def streamed(piece: dict[str, Any], text: str, size: int) -> Iterator[Unread]:
    for at in range(0, len(text), size):
        yield Unread(
            json.dumps(piece).replace("%s", json.dumps(text[at : at + size])[1:-1]).encode()
        )


def tool_input(text: str) -> dict[str, Any]:
    return {"delta": {"type": "input_json_delta", "partial_json": text}, **_BLOCK}


_BLOCK = {"type": "content_block_delta", "index": 0}


@pytest.mark.parametrize("size", [7, 300])
@pytest.mark.parametrize("filler", ["some words ", "\u00e9 \n"])
def test_a_value_that_is_cut_between_two_portions_is_remembered(
    monkeypatch: pytest.MonkeyPatch, filler: str, size: int
) -> None:
    monkeypatch.setattr(written, "MOST_BYTES", 2000)
    bench = Bench()
    piece = {"delta": {"type": "text_delta", "text": "%s"}, **_BLOCK}
    for before in range(0, 200, 7):
        told: list[bytes] = []
        recorder = Recorder(DIALECTS["anthropic"], bench.redactor, bench.ledger, SCOPE)
        recorder.tell(told.append)
        own = token((filler, before))
        said = f"{'x' * before}{filler * 100}\ntoken = '{own}'\n{filler * 100}"
        for each in streamed(piece, said, size):
            recorder.add(each)
        recorder.flush()
        assert bench.ledger.written(SCOPE, [own.encode()]), before
        assert len(told) > 1


def test_arguments_of_a_tool_are_read_whole_in_spite_of_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(written, "MOST_BYTES", 2_000)
    bench = Bench()
    recorder = Recorder(DIALECTS["anthropic"], bench.redactor, bench.ledger, SCOPE)
    told: list[bytes] = []
    recorder.tell(told.append)
    arguments = json.dumps({"path": "x", "content": "line\n" * 500 + 'say "so"\n'})
    for each in streamed(tool_input("%s"), arguments, 50):
        recorder.add(each)
    recorder.flush()
    assert b"\0" + json.loads(arguments)["content"].encode() in b"".join(told)


def test_what_is_read_again_of_a_long_text_is_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "MOST_BYTES", 100_000)
    bench = Bench()
    recorder = Recorder(DIALECTS["anthropic"], bench.redactor, bench.ledger, SCOPE)
    told: list[bytes] = []
    recorder.tell(told.append)
    piece = {"delta": {"type": "text_delta", "text": "%s"}, **_BLOCK}
    other = {"delta": {"type": "text_delta", "text": "%s"}, **_BLOCK, "index": 1}
    for each in (
        *streamed(other, "o" * 9000, 9000),
        *streamed(piece, "x" * 900_000, 5000),
    ):
        recorder.add(each)
    recorder.flush()
    assert 900_000 < b"".join(told).count(b"x") < 1_200_000
    assert b"".join(told).count(b"o") <= 2 * 9000
