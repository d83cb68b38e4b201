"""The record of changes, which makes them reversible: one file, written before each step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from secretgate.state import private_folder
from secretgate.system.changes import ChangeError, FileChange, Run, replace_file

FORMAT = 1


class Record:
    """The changes made so far; raises ChangeError if the file cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.steps: list[FileChange | Run] = []
        self.facts: dict[str, Any] = {}
        try:
            read = json.loads(path.read_text("utf-8"))
            self.facts = read["facts"]
            self.steps = [_step(row) for row in read["steps"]]
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError):
            raise ChangeError(
                f"{path} cannot be read, so it is unknown what was changed: move it away, and look for "
                "secretgate in the files that `secretgate system on --dry-run` names"
            ) from None

    @property
    def present(self) -> bool:
        return bool(self.steps)

    def add(self, step: FileChange | Run) -> None:
        self.steps.append(step)
        self.save()

    def drop_last(self) -> None:
        self.steps.pop()
        self.save()

    def save(self) -> None:
        if not self.steps:
            self._path.unlink(missing_ok=True)
            return
        private_folder(self._path.parent)
        rows = [_row(step) for step in self.steps]
        text = json.dumps({"format": FORMAT, "facts": self.facts, "steps": rows}, indent=1)
        replace_file(self._path, text.encode(), 0o600)


def _row(step: FileChange | Run) -> dict[str, Any]:
    if isinstance(step, FileChange):
        return step.json()
    return {"kind": "run", "what": step.what, "undo": [list(each) for each in step.undo]}


def _step(row: dict[str, Any]) -> FileChange | Run:
    if row["kind"] == "file":
        return FileChange.from_json(row)
    return Run(row["what"], (), tuple(tuple(each) for each in row["undo"]))
