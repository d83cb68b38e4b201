"""`when` expressions: defs and aliases are expanded, the result is compiled once, evaluated per call.

If a field is missing, which CEL treats as an error, the whole expression is false. Any other
failure raises `EvaluationError`; `on_error` in the rule file decides what follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
_PLAIN = re.compile(r"""(["'])([^"'\\]*)\1""")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_VARIABLES = frozenset(("params", "context", "now"))
_BOUND = re.compile(r"\.(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")
_LIBRARY_HELP = re.compile(r"\s*(?:ERROR: <input>:\d+:\d+: )?([^\n]*)")


@cache
def _cel() -> Any:
    """Return the CEL library, imported late because it loads slowly and few policies need it."""
    return import_module("cel")


class BadExpression(ValueError):
    """An expression that cannot be compiled."""


class EvaluationError(Exception):
    """An expression failed on a call. The message contains only the kind of error."""


class Expression:
    """A compiled `when` expression."""

    def __init__(self, text: str, words: Mapping[str, str] | None = None) -> None:
        """Compile `text`, with defs and aliases given in `words`. Raise BadExpression."""
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
        for name, literals in _calls(self.source):
            if wrong := functions.misused(name, literals):
                said = ", ".join(repr(each) for each in literals if each is not None)
                raise BadExpression(f"{name}({said}): {wrong}")
        self._check_type()

    def _check_type(self) -> None:
        """Raise BadExpression if the expression yields a non-bool without looking at the call."""
        try:
            value = self._program.execute(_cel().Context({"params": {}, "context": {}}))
        except Exception:
            return
        if not isinstance(value, bool):
            raise BadExpression("must evaluate to true or false")

    @property
    def counts(self) -> bool:
        """Whether the result depends on more than the call."""
        return "rateCount" in self._program.functions() or "now" in self._program.variables()

    def holds(self, scene: Scene) -> bool:
        """Return whether the expression is true for a call; raise EvaluationError."""
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
    """The variables that expressions see of one call, converted for CEL on first use."""

    def __init__(
        self,
        params: Mapping[str, Any],
        context: Mapping[str, Any],
        now: datetime,
        read: Callable[[Any], Any],
        called: Callable[[], Mapping[str, functions.Function]],
    ) -> None:
        """`read` converts a value for CEL; `called` returns the functions."""
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
        """Update the params after a redaction."""
        self._params = params
        if self._context is not None:
            self._context.add_variable("params", self._read(params))


def written_out(text: str, words: Mapping[str, str]) -> str:
    """Return the expression with defs and aliases expanded."""
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
    """Return string literals with capitals, which can never equal a lower-case string."""
    return [
        token["string"]
        for token in _TOKEN.finditer(text)
        if token["string"]
        and token["string"] != token["string"].lower()
        and token["string"].strip("'\"") not in available_timezones()
    ]


def _calls(source: str) -> Iterator[tuple[str, list[str | None]]]:
    """Yield each call of a function with its arguments: string literals, and None for all others."""
    tokens = [
        token[0]
        for token in _TOKEN.finditer(source)
        if not (token[0].isspace() or token["comment"])
    ]
    for at, name in enumerate(tokens):
        if name not in functions.NAMES or tokens[at + 1 : at + 2] != ["("]:
            continue
        depth, argument, arguments = 0, list[str](), list[list[str]]()
        for word in tokens[at + 1 :]:
            depth += (word in _OPENING) - (word in _CLOSING)
            if not depth or (depth == 1 and word == ","):
                arguments.append(argument)
                argument = []
            elif word not in ("(", ")"):  # Defs are in parentheses.
                argument.append(word)
            if not depth:
                break
        yield name, [_literal(argument) for argument in arguments]


def _literal(tokens: Sequence[str]) -> str | None:
    """Return the value of a string literal without escapes; None if it is anything else."""
    match = _PLAIN.fullmatch(tokens[0]) if len(tokens) == 1 else None
    return match[2] if match else None


def _problem(message: str) -> str:
    """Return the library's message without the expression, which the reader already has."""
    _, _, told = message.partition("': ")
    found = _LIBRARY_HELP.match(told or message)
    return f"is not a CEL expression: {found[1] if found else 'syntax error'}"
