"""Paths as steps: what `base.Path` nests from the inside out, from the outside in."""

from __future__ import annotations

from secretgate.bodies.base import Path
from secretgate.bodies.json_reader import plain_name

Steps = tuple[str | int, ...]
"""Member names and indexes, outermost first."""


def steps_of(path: Path, errors: str = "surrogatepass") -> Steps:
    """Return the document that a path begins in, then its steps with the names unescaped.

    `errors` says what becomes of names that are not UTF-8, as in `bytes.decode`.
    """
    steps: list[str | int] = []
    while not isinstance(path, str):
        path, last = path
        steps.append(last if isinstance(last, int) else plain_name(last).decode("utf-8", errors))
    return (path, *reversed(steps))
