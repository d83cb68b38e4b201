"""Traces the calls of our functions, and makes one of them raise with a secret in its message."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Self

from addon.kit import token
from secretgate import gate

ROOTS = tuple(str(Path(each.__file__).parent) for each in (gate, sys.modules["secretgate_rules"]))


SECRET = token("injected")


class Injected(Exception):
    pass


class Tracer:
    """Records every function of ours that is called; raises in `broken`."""

    def __init__(self, broken: CodeType | None = None) -> None:
        self.broken = broken
        self.seen: dict[CodeType, None] = {}
        self.raised = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(ROOTS):
            self.seen[code] = None
            if code is self.broken and not self.raised:
                self.raised += 1
                raise Injected(f"could not work on {SECRET}")

    def __enter__(self) -> Self:
        threading.settrace(self)  # type: ignore[arg-type]
        sys.settrace(self)  # type: ignore[arg-type]
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
