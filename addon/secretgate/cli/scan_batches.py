"""Runs the detector on many sources, several batches at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from secretgate.cli.scan_files import Source
from secretgate_rules import Detector, Finding

ALLOW_MARK = b"secretgate:allow"
_BATCH = 1 << 20
"""Bytes of small files that are scanned together."""
_AHEAD = 4
"""Maximum number of batches in progress; Hyperscan releases the GIL, so they run in parallel."""


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    size = 0
    for source in sources:
        batch.append(source)
        size += len(source.text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def scanned(
    detector: Detector, sources: Iterable[Source]
) -> Iterator[tuple[Source, list[Finding]]]:
    """Yield each source with its findings, in order."""
    threads = min(_AHEAD, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[list[tuple[Source, list[Finding]]]]] = deque()
        for batch in _batches(sources):
            running.append(pool.submit(_together, detector, batch))
            if len(running) > threads:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()


def _together(detector: Detector, batch: Sequence[Source]) -> list[tuple[Source, list[Finding]]]:
    found = detector.find_many([source.text for source in batch], halves=False)
    return [
        (
            source,
            [
                finding
                for finding in found.get(index, ())
                if source.covers(finding.start)
                and ALLOW_MARK not in source.lines_around(finding.start, finding.end)
                and not detector.leaves_out(source.place(finding.start)[0])
            ],
        )
        for index, source in enumerate(batch)
    ]
