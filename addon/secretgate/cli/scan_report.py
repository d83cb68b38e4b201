"""Reports of a scan: as text, JSON or SARIF. No report contains a secret's value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from urllib.parse import quote

from secretgate.cli.scan_files import Source
from secretgate_rules import Finding


@dataclass(frozen=True)
class Row:
    """A reported finding; `start` and `end` count characters of the decoded file."""

    file: str
    rule: str
    description: str
    line: int
    column: int
    start: int
    end: int
    confidence: str
    view: list[str]

    @property
    def sameness(self) -> tuple[str, str, int, int]:
        """The key by which a baseline recognises a row, even if lines above it were added or removed."""
        return self.file, self.rule, self.column, self.end - self.start


@dataclass
class Report:
    """The findings of a scan."""

    rows: list[Row] = field(default_factory=list)

    @classmethod
    def from_rows(cls, rows: Iterable[object]) -> Report:
        """Return a report from its JSON rows.

        Raises ValueError for a row that is none.
        """
        from msgspec import convert  # here, as most scans have no baseline

        return cls([convert(row, Row) for row in rows])

    def add(self, source: Source, finding: Finding) -> None:
        """Add a finding."""
        name, line, column = source.place(finding.start)
        file = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        start, end = source.characters(finding.start), source.characters(finding.end)
        self.rows.append(
            Row(
                file,
                finding.rule,
                finding.description,
                line,
                column,
                start,
                end,
                finding.confidence,
                list(finding.view),
            )
        )

    def without(self, known: Report) -> Report:
        """Return the rows that are not in a baseline."""
        left = Counter(row.sameness for row in known.rows)
        kept = []
        for row in self.rows:
            if left[row.sameness] > 0:
                left[row.sameness] -= 1
            else:
                kept.append(row)
        return Report(kept)


def shown(name: str) -> str:
    """Return a file's name for a terminal: nothing in it ends the line or moves the cursor."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)


def as_text(report: Report) -> str:
    """Return one line per finding."""
    return "".join(
        f"{shown(row.file)}:{row.line}:{row.column}: {row.rule}: {row.description}"
        + (f" (in {', '.join(row.view)})" if row.view else "")
        + (f" [{row.confidence}]" if row.confidence != "high" else "")
        + "\n"
        for row in report.rows
    )


def as_json(report: Report) -> str:
    """Return a JSON list of objects."""
    return json.dumps([asdict(row) for row in report.rows], indent=2, ensure_ascii=False) + "\n"


_LEVELS = {"high": "error", "medium": "warning", "low": "note"}


def as_sarif(report: Report) -> str:
    """Return SARIF 2.1.0, for code hosts and editors."""
    described = {row.rule: row.description for row in report.rows}
    rules = [
        {"id": rule, "shortDescription": {"text": text}} for rule, text in sorted(described.items())
    ]
    results = [
        {
            "ruleId": row.rule,
            "level": _LEVELS[row.confidence],
            "message": {"text": row.description},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(row.file)},
                        "region": {
                            "startLine": row.line,
                            "startColumn": row.column,
                            "charOffset": row.start,
                            "charLength": row.end - row.start,
                        },
                    }
                }
            ],
        }
        for row in report.rows
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "secretgate", "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"
