"""The chained files: several writers, verification with the key, and what verification detects."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from secretgate.audit import journal as journals
from secretgate.audit.chain import GENESIS
from secretgate.audit.journal import CURRENT, HEAD, Journal, files
from secretgate.audit.verify import AnchorError, anchor, records, verify
from secretgate.state import StateError

KEY = bytes(32)


def record(number: int) -> bytes:
    return json.dumps(
        {"time": "2030-01-01T00:00:00Z", "event": "request", "process": number}
    ).encode()


def written(folder: Path, count: int, **limits: int) -> Journal:
    journal = Journal(folder, KEY, **limits)
    for number in range(count):
        journal.append([record(number)])
    return journal


def problems(folder: Path, key: bytes = KEY) -> list[str]:
    return [
        f"{place.file.name}:{place.line}: {place.what}" for place in verify(folder, key).problems
    ]


def lines(folder: Path) -> list[bytes]:
    return (folder / CURRENT).read_bytes().splitlines(keepends=True)


def rewrite(folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    (folder / CURRENT).write_bytes(b"".join(change(lines(folder))))


def test_what_is_written_is_sound_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    written(folder, 5)
    verdict = verify(folder, KEY)
    assert (verdict.problems, verdict.notes, verdict.records) == ([], [], 5)
    assert [each.process for each in records(folder)] == [0, 1, 2, 3, 4]
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in (CURRENT, HEAD):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_nothing_written_is_sound(tmp_path: Path) -> None:
    verdict = verify(tmp_path, KEY)
    assert (verdict.problems, verdict.records, verdict.last) == ([], 0, (0, GENESIS))


def test_the_chain_goes_on_over_restarts_and_files(tmp_path: Path) -> None:
    for _ in range(4):
        written(tmp_path, 5, rotate=2000)
    assert len(files(tmp_path)) > 2
    verdict = verify(tmp_path, KEY)
    assert (verdict.problems, verdict.records, verdict.last[0]) == ([], 20, 20)


def test_older_files_go_and_the_rest_is_sound(tmp_path: Path) -> None:
    written(tmp_path, 30, rotate=1000, keep=2)
    there = files(tmp_path)
    assert len(there) == 3
    verdict = verify(tmp_path, KEY)
    assert verdict.problems == []
    assert verdict.last[0] == 30
    there[0].unlink()
    (missing,) = problems(tmp_path)
    assert "missing before this" in missing
    assert missing.startswith(there[1].name + ":1:")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            lambda lines: [*lines[:2], lines[2].replace(b"request", b"answer_"), *lines[3:]],
            ["audit.jsonl:3: record 3 was changed"],
            id="edited",
        ),
        pytest.param(
            lambda lines: [*lines[:2], lines[2][:-4] + b'0"}\n', *lines[3:]],
            ["audit.jsonl:3: record 3 was changed"],
            id="hash edited",
        ),
        pytest.param(
            lambda lines: [*lines[:2], *lines[4:]],
            ["audit.jsonl:3: records 3 to 4 are missing before this"],
            id="deleted",
        ),
        pytest.param(
            lambda lines: lines[1:],
            ["audit.jsonl:1: record 1 is missing before this"],
            id="first deleted",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[1], *lines[3:]],
            ["audit.jsonl:4: record 2 is out of order, or a copy of an earlier line"],
            id="copied",
        ),
        pytest.param(
            lambda lines: [*lines[:3], b'{"event":"request"}\n', *lines[3:]],
            ["audit.jsonl:4: not a record of this log: inserted, or a record cut short"],
            id="inserted",
        ),
        pytest.param(
            lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
            [
                "audit.jsonl:2: record 2 is missing before this",
                "audit.jsonl:3: record 2 is out of order, or a copy of an earlier line",
            ],
            id="reordered",
        ),
        pytest.param(
            lambda lines: lines[:4],
            ["audit.jsonl:4: records 5 to 6 are missing after this: cut off"],
            id="cut off",
        ),
        pytest.param(
            lambda lines: [*lines[:5], lines[5][:40]],
            [
                "audit.jsonl:6: not a record of this log: inserted, or a record cut short",
                "audit.jsonl:6: record 6 is missing after this: cut off",
            ],
            id="cut in a record",
        ),
    ],
)
def test_tampering_is_found(
    change: Callable[[list[bytes]], list[bytes]], told: list[str], tmp_path: Path
) -> None:
    written(tmp_path, 6)
    rewrite(tmp_path, change)
    assert problems(tmp_path) == told


def test_tampering_is_found_after_more_has_been_written(tmp_path: Path) -> None:
    written(tmp_path, 6)
    rewrite(tmp_path, lambda lines: lines[:4])
    written(tmp_path, 2)
    assert problems(tmp_path) == ["audit.jsonl:5: records 5 to 6 are missing before this"]
    assert "shorter than the head says" in str(verify(tmp_path, KEY).notes[0])


def test_a_log_that_is_gone_as_a_whole(tmp_path: Path) -> None:
    written(tmp_path, 3)
    (tmp_path / CURRENT).unlink()
    (told,) = problems(tmp_path)
    assert "records 1 to 3 are missing" in told


def test_without_its_head_a_cut_cannot_be_seen_and_that_is_said(tmp_path: Path) -> None:
    written(tmp_path, 4)
    (tmp_path / HEAD).unlink()
    (told,) = problems(tmp_path)
    assert told.startswith(("audit.head:0: damaged", "audit.head:0: missing"))
    written(tmp_path, 1)
    assert problems(tmp_path) == []
    assert "the head was missing" in str(verify(tmp_path, KEY).notes[0])


def test_records_cannot_be_made_without_the_key(tmp_path: Path) -> None:
    written(tmp_path, 2)
    forger = Journal(tmp_path, b"\1" * 32)
    forger.append([record(9)])
    assert "audit.head" in "".join(problems(tmp_path))
    assert any("audit.jsonl:3" in each or "audit.jsonl:4" in each for each in problems(tmp_path))


def test_an_anchor_noted_elsewhere_finds_a_log_that_was_set_back(tmp_path: Path) -> None:
    written(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written(tmp_path, 3)
    noted = verify(tmp_path, KEY).last
    assert verify(tmp_path, KEY, noted).problems == []
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    assert problems(tmp_path) == [], "nothing in the files tells"
    (told,) = verify(tmp_path, KEY, noted).problems
    assert "record 6 of the anchor is missing from the log" in told.what
    with pytest.raises(AnchorError, match="NUMBER:HASH"):
        anchor("6")


def test_a_line_that_a_power_cut_left_behind_is_ended_and_told_of(tmp_path: Path) -> None:
    journal = written(tmp_path, 3)
    with (tmp_path / CURRENT).open("ab") as file:
        file.write(b'{"seq":4,"prev":"')
    journal.append([record(3)])
    verdict = verify(tmp_path, KEY)
    assert verdict.problems == []
    assert [note.line for note in verdict.notes] == [4]
    assert [json.loads(line).get("torn") for line in lines(tmp_path)[4:]] == [17, None]


def test_a_head_that_lags_behind_is_caught_up_on(tmp_path: Path) -> None:
    journal = written(tmp_path, 3)
    head = (tmp_path / HEAD).read_bytes()
    journal.append([record(3)])
    (tmp_path / HEAD).write_bytes(head)
    assert problems(tmp_path) == []
    journal.append([record(4)])
    verdict = verify(tmp_path, KEY)
    assert (verdict.problems, verdict.notes, verdict.records) == ([], [], 5)


def test_a_batch_that_does_not_fit_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = written(tmp_path, 3)
    before = (tmp_path / CURRENT).read_bytes()
    real = os.write
    left = [100]

    def full(descriptor: int, data: memoryview) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = real(descriptor, data[: left[0]])
        left[0] -= size
        return size

    with monkeypatch.context() as patched:
        patched.setattr(journals.os, "write", full)
        with pytest.raises(OSError, match="space"):
            journal.append([record(3), record(4)])
    assert (tmp_path / CURRENT).read_bytes() == before
    journal.append([record(5)])
    assert problems(tmp_path) == []


def _work(folder: Path, number: int) -> None:
    journal = Journal(folder, KEY, rotate=20_000, keep=0)
    for _ in range(40):
        journal.append([record(number)] * 3)


@pytest.mark.thorough
def test_several_workers_write_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(50)
        assert worker.exitcode == 0
    verdict = verify(tmp_path, KEY)
    assert (verdict.problems, verdict.records) == ([], 4 * 40 * 3)
    assert len(files(tmp_path)) > 2


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_link_or_a_folder_open_to_others_is_not_written_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    folder = tmp_path / "audit"
    folder.mkdir(mode=0o700)
    (folder / CURRENT).symlink_to(elsewhere)
    with pytest.raises(StateError, match="is a link"):
        written(folder, 1)
    (folder / CURRENT).unlink()
    folder.chmod(0o777)
    with pytest.raises(StateError, match="chmod 700"):
        written(folder, 1)
    assert elsewhere.read_bytes() == b""
