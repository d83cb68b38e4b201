"""How `--help` of a command is laid out: what its values stand for, and paragraphs that the terminal breaks.

Both commands use it. Typer writes the Python type of each value (`<list[str]>`, and `<bool>` where nothing is given); people
want to know what to type.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import typer


def name_values(params: Iterable[Any], stands_for: Mapping[str, str]) -> None:
    """Says of a value what it stands for, by the option's name, and nothing where an option takes none."""
    for param in params:
        if param.metavar is not None:
            continue
        if param.param_type_name == "argument":
            param.metavar = param.name.upper()
            param.display_type_rich = _no_type
        else:
            name = max(param.opts, key=len).lstrip("-")
            param.metavar = "" if param.is_flag else stands_for.get(name, "TEXT")


def lay_out(command: Any, stands_for: Mapping[str, str]) -> None:
    """Of a command and those below it. A paragraph of a docstring becomes one line, which the terminal breaks; a command that
    only holds others shows the first example of each."""
    paragraphs = [_joined(each) for each in inspect.cleandoc(command.help or "").split("\n\n")]
    inner = list(getattr(command, "commands", {}).values())
    for each in inner:
        lay_out(each, stands_for)
    if inner:
        firsts = [example for each in inner for example in _examples(each.help)[:1]]
        paragraphs.append("\n".join([_EXAMPLES, *firsts]))
        paragraphs.append("Options and exit codes: --help of each command.")
    command.help = "\n\n".join(paragraphs)
    name_values(command.get_params(typer.Context(command)), stands_for)


_EXAMPLES = "Examples:"


def _joined(paragraph: str) -> str:
    """Lists of examples stay lists."""
    return paragraph if "\n  " in paragraph else " ".join(paragraph.split())


def _examples(text: str) -> list[str]:
    found = (each for each in text.split("\n\n") if each.startswith(_EXAMPLES))
    return next(found, _EXAMPLES).split("\n")[1:]


def _no_type(**_: Any) -> None:
    """An argument's name says what it is."""
