"""`python -m clients [--install] [NAME...]`: installs, plays and reports in `docs/clients.md`.

Earlier results are kept in the cache folder, so the document has the last run of every tool.
"""

from __future__ import annotations

import datetime
import platform
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from clients import installing, matrix, report, stored
from clients.report import Results
from clients.scenes import Case
from clients.tool import Tool
from clients.tools import TOOLS

DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"


def main(arguments: list[str]) -> int:
    install = "--install" in arguments
    names = [each for each in arguments if each != "--install"]
    cases = matrix.every()
    unknown = [name for name in names if name not in TOOLS and name not in cases]
    if unknown:
        print(f"no such tool: {', '.join(unknown)}; there are {', '.join(TOOLS)}", file=sys.stderr)
        return 2
    if install:
        return _install([TOOLS[name] for name in names or TOOLS if name in TOOLS])
    played = [
        _played(TOOLS[name]) if name in TOOLS else _again(cases[name]) for name in names or TOOLS
    ]
    print(report.table(played))
    every = [stored.kept(tool) for tool in TOOLS.values()]
    known = [each for each in every if each is not None]
    DOCUMENT.write_text(report.document(known))
    print(f"\nwritten: {DOCUMENT}")
    return int(any(each.problems for result in played for each in result.outcomes))


def _install(tools: Sequence[Tool]) -> int:
    missing = 0
    for tool in tools:
        try:
            installing.install(tool.package)
        except installing.NotInstalled as reason:
            print(f"{tool.title}: {reason}", file=sys.stderr)
            missing += 1
    return int(missing > 0)


def _played(tool: Tool) -> Results:
    print(f"{tool.title} ...", file=sys.stderr, flush=True)
    place = (
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, {platform.system()}"
    )
    results = Results(tool, datetime.datetime.now(datetime.UTC).date().isoformat(), place)
    try:
        installing.node()
        installing.install(tool.package)
    except installing.NotInstalled as reason:
        results.missing = str(reason)
        stored.keep(results)
        return results
    results.versions = installing.versions(tool.package)
    _play(results, matrix.cases(tool))
    return results


def _again(case: Case) -> Results:
    """Play one case again, and store its result with the others."""
    results = stored.kept(case.tool)
    if results is None:
        return _played(case.tool)
    _play(results, [case])
    return results


def _play(results: Results, cases: Iterable[Case]) -> None:
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="clients-") as folder:
            try:
                outcome = matrix.run(case, Path(folder))
            except matrix.Unfinished as problem:
                outcome = matrix.Outcome(str(case), [str(problem)])
        results.add(case, outcome)
        stored.keep(results)
        print(f"  {case}: {'; '.join(outcome.problems) or 'ok'}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
