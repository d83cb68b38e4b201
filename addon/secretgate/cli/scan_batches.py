"""Runs the detector on many sources, a batch of small ones at a time.

In one thread: more of them wait for the GIL most of the time, take a tenth to a fifth more
processor time and save hardly any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from secretgate.cli.scan_files import Source
from secretgate_rules import Detector, Finding

ALLOW_MARK = b"secretgate:allow"
_BATCH = 1 << 20
"""Bytes of small files that are scanned together."""


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
    for batch in _batches(sources):
        yield from _together(detector, batch)


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
