"""Says in plain words what the value of a setting has to be, for errors."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from secretgate.wording import yaml_words

_NUMBERS = {int: "a whole number", float: "a number"}


def unsuitable(hint: Any, value: Any, error: Exception) -> str:
    """Return why `value` does not suit a setting of type `hint`, or the error where that says it."""
    said = str(error).partition(" - at `$")[0]
    if not isinstance(error, msgspec.ValidationError):
        return said
    kind, metas = _bare(hint)
    if get_origin(kind) is Literal:
        return f"{reprlib.repr(value)} is none of: {', '.join(get_args(kind))}"
    if kind is bool:
        return f"{reprlib.repr(value)} is neither true nor false"
    if kind in _NUMBERS:
        return f"{reprlib.repr(value)} is not {_NUMBERS[kind]}{_range(metas)}"
    if get_origin(kind) is tuple and not isinstance(value, list):
        return f"{reprlib.repr(value)} is not a list: write it in brackets, or as lines that begin with -"
    if kind is str and (examples := [each for meta in metas for each in meta.examples or ()]):
        return f"{reprlib.repr(value)} is not of the form {examples[0]}"
    if isinstance(value, dict) and (member := _only_choice(kind, value)) is not None:
        return member
    return yaml_words(said[:1].lower() + said[1:])


def _bare(hint: Any) -> tuple[Any, list[Meta]]:
    """Return a type without its annotations and without None, and the annotations."""
    metas: list[Meta] = []
    while True:
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            metas += (meta for meta in more if isinstance(meta, Meta))
        elif get_origin(hint) in (Union, UnionType):
            hint = next(each for each in get_args(hint) if each is not type(None))
        else:
            return hint, metas


def _range(metas: list[Meta]) -> str:
    def bounds() -> Iterator[str]:
        for meta in metas:
            if meta.ge is not None:
                yield f"at least {meta.ge}"
            if meta.gt is not None:
                yield f"more than {meta.gt}"
            if meta.le is not None:
                yield f"at most {meta.le}"

    found = list(bounds())
    return f" of {' and '.join(found)}" if found else ""


def _only_choice(kind: Any, value: dict[str, Any]) -> str | None:
    """Return the error for the only member of an object, if that is one of a few words."""
    if len(value) != 1 or not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return None
    ((name, given),) = value.items()
    choice, _ = _bare(get_type_hints(kind, include_extras=True).get(name))
    if get_origin(choice) is not Literal:
        return None
    return f"{reprlib.repr(given)} is none of: {', '.join(get_args(choice))}"
