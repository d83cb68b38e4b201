"""Lays out `--help`: value placeholders, and paragraphs that the terminal wraps. Used by both commands.

Typer would show the Python type of each value (`<list[str]>`, or `<bool>` for flags), but users
need to know what to type.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import typer


def name_values(params: Iterable[Any], stands_for: Mapping[str, str]) -> None:
    """Set the placeholder of each option's value by the option's name; flags get none."""
    for param in params:
        if param.metavar is not None:
            continue
        if param.param_type_name == "argument":
            param.metavar = param.name.upper()
            param.display_type_rich = _no_type
        else:
            name = max(param.opts, key=len).lstrip("-")
            param.metavar = "" if param.is_flag else stands_for.get(name, "TEXT")


_EXAMPLES = "Examples:"


def lay_out(command: Any, stands_for: Mapping[str, str]) -> None:
    """Lay out the help of a command and its sub-commands.

    Each docstring paragraph becomes one line, which the terminal wraps. A command group lists the
    first example of each of its commands.
    """
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


def _joined(paragraph: str) -> str:
    """Join the lines of a paragraph, unless it is a list of examples."""
    return paragraph if "\n  " in paragraph else " ".join(paragraph.split())


def _examples(text: str) -> list[str]:
    found = (each for each in text.split("\n\n") if each.startswith(_EXAMPLES))
    return next(found, _EXAMPLES).split("\n")[1:]


def _no_type(**_: Any) -> None:
    """Suppress the type of an argument, whose name is enough."""
