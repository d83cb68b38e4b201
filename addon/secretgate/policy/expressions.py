"""`when` expressions: defs and aliases written out, compiled once, evaluated for every call.

What CEL calls a missing field is false here, for the whole expression. Everything else that goes
wrong is an `EvaluationError`, and the rule file's `on_error` says what that means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any
from zoneinfo import available_timezones

from secretgate.policy import functions

_TOKEN = re.compile(
    r"""(?P<string>[rRbB]{0,2}(?:'{3}.*?'{3}|"{3}.*?"{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))"""
    r"""|(?P<comment>//[^\n]*)|(?P<number>[0-9][0-9a-zA-Z_.]*)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>\s+|.)""",
    re.DOTALL,
)
_VARIABLES = frozenset(("params", "context", "now"))
_BOUND = re.compile(r"\.(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")
_LIBRARY_HELP = re.compile(r"\s*(?:ERROR: <input>:\d+:\d+: )?([^\n]*)")


@cache
def _cel() -> Any:
    """The library, which takes a while to import, and only policies with expressions need it."""
    return import_module("cel")


class BadExpression(ValueError):
    """An expression that cannot be compiled."""


class EvaluationError(Exception):
    """An expression went wrong for a call. The message tells the kind of error alone."""


class Expression:
    """A compiled `when`."""

    def __init__(self, text: str, words: Mapping[str, str] | None = None) -> None:
        """`words`: defs and aliases. Raises BadExpression."""
        self.text = text
        self.source = written_out(text, words or {})
        try:
            self._program = _cel().compile(self.source)
        except ValueError as error:
            raise BadExpression(_problem(str(error))) from None
        unknown = set(self._program.variables()) - _VARIABLES - set(_BOUND.findall(self.source))
        called = {name for name in self._program.functions() if name.isidentifier()}
        strange = {
            name for name in called - functions.NAMES - functions.STANDARD if name[0] not in "_@"
        }
        if unknown or strange:
            names = ", ".join(sorted(unknown | strange))
            raise BadExpression(f"no such variable, def, alias or function: {names}")
        self._check_type()

    def _check_type(self) -> None:
        """Where it gives a value without looking at the call, that must be a bool."""
        try:
            value = self._program.execute(_cel().Context({"params": {}, "context": {}}))
        except Exception:
            return
        if not isinstance(value, bool):
            raise BadExpression("must be true or false, and is neither")

    @property
    def counts(self) -> bool:
        """Whether the verdict depends on more than the call."""
        return "rateCount" in self._program.functions() or "now" in self._program.variables()

    def holds(self, scene: Scene) -> bool:
        """Whether it is true for a call; raises EvaluationError."""
        try:
            value = self._program.execute(scene.context())
        except KeyError:
            return False
        except Exception as error:
            raise EvaluationError(type(error).__name__) from None
        if not isinstance(value, bool):
            raise EvaluationError("no bool")
        return value


class Scene:
    """What an expression sees of one call; made for CEL when the first expression asks."""

    def __init__(
        self,
        params: Mapping[str, Any],
        context: Mapping[str, Any],
        now: datetime,
        read: Callable[[Any], Any],
        called: Callable[[], Mapping[str, functions.Function]],
    ) -> None:
        """`read` makes a value fit for CEL."""
        self._params, self._around, self._now = params, context, now
        self._read = read
        self._called = called
        self._context: Any = None

    def context(self) -> Any:
        if self._context is None:
            variables = {
                "params": self._read(self._params),
                "context": self._read(self._around),
                "now": self._now,
            }
            self._context = _cel().Context(variables, dict(self._called()))
        return self._context

    def changed(self, params: Mapping[str, Any]) -> None:
        """The params after a redaction."""
        self._params = params
        if self._context is not None:
            self._context.add_variable("params", self._read(params))


def written_out(text: str, words: Mapping[str, str]) -> str:
    """The expression with defs and aliases in place of their names."""
    out: list[str] = []
    before = ""
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if name in words and before != ".":
            out.append(words[name])
        else:
            out.append(token[0])
        if not token[0].isspace():
            before = token[0]
    return "".join(out)


def capitals(text: str) -> list[str]:
    """String literals with capitals, which nothing in lower case will ever equal."""
    return [
        token["string"]
        for token in _TOKEN.finditer(text)
        if token["string"]
        and token["string"] != token["string"].lower()
        and token["string"].strip("'\"") not in available_timezones()
    ]


def _problem(message: str) -> str:
    """The library's message without the expression in it, which the reader has before them."""
    _, _, told = message.partition("': ")
    found = _LIBRARY_HELP.match(told or message)
    return f"is no CEL expression: {found[1] if found else 'syntax error'}"
