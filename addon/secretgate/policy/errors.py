"""What is wrong with a policy, for the person who wrote it."""

from __future__ import annotations


class PolicyError(ValueError):
    """A policy that cannot be used: file, line, key and reason."""

    def __init__(self, file: str, line: int, key: str, reason: str) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {key}: {reason}" if key else f"{place}: {reason}")
        self.file = file
        self.line = line
        self.key = key
        self.reason = reason
