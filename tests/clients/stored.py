"""The last results of each tool, stored next to the tools: a document needs those of all tools."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clients import installing, matrix
from clients.matrix import Outcome
from clients.report import Results
from clients.tool import Tool


def _file(tool: Tool) -> Path:
    return installing.cache() / "results" / f"{tool.name}.json"


def keep(results: Results) -> None:
    content: dict[str, Any] = {
        "day": results.day,
        "place": results.place,
        "missing": results.missing,
        "versions": dict(results.versions),
        "outcomes": [asdict(each) for each in results.outcomes],
    }
    file = _file(results.tool)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def kept(tool: Tool) -> Results | None:
    file = _file(tool)
    if not file.is_file():
        return None
    content = json.loads(file.read_text())
    found = Results(tool, content["day"], content["place"], content["versions"], content["missing"])
    cases = matrix.every()
    for each in content["outcomes"]:
        outcome = Outcome(**each)
        if outcome.case in cases:
            found.add(cases[outcome.case], outcome)
    return found
