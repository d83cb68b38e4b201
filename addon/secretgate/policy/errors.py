"""The error raised for an invalid policy, addressed to its author."""

from __future__ import annotations


class PolicyError(ValueError):
    """An invalid policy: file, line, key and reason."""

    def __init__(self, file: str, line: int, key: str, reason: str) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {key}: {reason}" if key else f"{place}: {reason}")
        self.file = file
        self.line = line
        self.key = key
        self.reason = reason
