"""The queue between requests and the disk: it never blocks or fails, and reports every loss."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Sequence

from secretgate.audit.record import Record
from secretgate.audit.writer import Writer


class Disk:
    """A disk that is full until `room` is set."""

    def __init__(self) -> None:
        self.room = threading.Event()
        self.tried: queue.Queue[int] = queue.Queue()
        self.lines: list[bytes] = []

    def write(self, records: Sequence[bytes]) -> None:
        self.tried.put(len(records))
        if not self.room.is_set():
            raise OSError(28, "No space left on device")
        self.lines += records

    def close(self) -> None:
        self.lines.append(b'{"event": "closed"}')

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.lines]


def request(number: int = 0) -> Record:
    return Record(time="", event="request", process=number)


def test_a_full_disk_is_told_of_once_and_what_was_lost_is_on_record() -> None:
    disk, said = Disk(), []
    writer = Writer("it", disk, lambda what, why: said.append((what, why)), most=3, retry=0.01)
    writer.put(request())
    for _ in range(3):
        disk.tried.get(timeout=5)
    for number in range(10):
        writer.put(request(number))
    assert writer.lost == 7
    assert "No space left" in writer.failing
    assert writer.full
    disk.room.set()
    writer.close()
    assert disk.events == ["request", "lost", *["request"] * 3, "closed"]
    assert json.loads(disk.lines[1])["count"] == 7
    assert [what for what, _ in said] == [
        "it cannot be written; requests go on",
        "it is being written again",
    ]
    assert writer.failing == ""


def test_the_end_does_not_wait_for_a_full_disk() -> None:
    disk, said = Disk(), []
    writer = Writer("it", disk, lambda what, why: said.append((what, why)), retry=30)
    writer.put(request())
    disk.tried.get(timeout=5)
    writer.put(request())
    writer.close()
    assert writer.lost == 2
    assert said[-1] == ("it stopped with unwritten records", "2 lost")


def test_whatever_fails_in_a_target_is_kept_there() -> None:
    class Broken(Disk):
        def write(self, records: Sequence[bytes]) -> None:
            self.tried.put(0)
            raise RuntimeError("a message that may quote anything")

    said: list[tuple[str, str]] = []
    broken = Broken()
    writer = Writer("it", broken, lambda what, why: said.append((what, why)), retry=30)
    writer.put(request())
    broken.tried.get(timeout=5)
    writer.close()
    assert said[0] == ("it cannot be written; requests go on", "RuntimeError")


def test_many_writers_at_once_lose_nothing() -> None:
    disk = Disk()
    disk.room.set()
    writer = Writer("it", disk, lambda what, why: None)
    threads = [
        threading.Thread(target=lambda: [writer.put(request(n)) for n in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len(disk.lines) == 2001
    assert writer.lost == 0
