"""Reads YAML files with the line of every key, and with limits against YAML bombs.

A document is built from its nodes by hand: aliases are expanded and counted, duplicate keys are
rejected, and the line of every key is kept for error messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from msgspec import inspect

from secretgate.policy.errors import PolicyError
from secretgate.wording import yaml_words
from secretgate_rules import safe_yaml

MOST_BYTES = 1 << 20
MOST_NODES = 100_000
DEEPEST = 50

T = TypeVar("T")
Place = tuple[str | int, ...]

_WHERE = re.compile(r"(?s)(.*?)(?: - at `(?:key in )?\$([^`]*)`)?\Z")
_STEP = re.compile(r"\.([^.\[]+)|\[(\.\.\.|\d+|\"[^\"]*\")\]")


@dataclass(frozen=True)
class Document:
    """The plain data of a YAML file, with the line of every value."""

    file: str
    data: Any = field(repr=False)
    lines: dict[Place, int] = field(repr=False)

    def error(self, place: Place, reason: str) -> PolicyError:
        """Return an error at a place, or at its nearest enclosing place with a known line."""
        at = place
        while at and at not in self.lines:
            at = at[:-1]
        return PolicyError(self.file, self.lines.get(at, 1), spelled(place), reason)

    def convert(self, data: Any, kind: type[T], place: Place = ()) -> T:
        """Convert data of this document to a struct; raise PolicyError at the exact place."""
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            reason, steps = _reason(str(error))
            exact = _exact(data, kind, steps)
            if expected := _expected(kind, exact):
                reason = f"{reason}; expected one of: {', '.join(expected)}"
            raise self.error((*place, *exact), reason) from None


def read(path: Path) -> Document:
    """Return the document in a file; raise PolicyError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PolicyError(
            str(path), 0, "", f"cannot be read ({error.strerror or type(error).__name__})"
        ) from None
    if len(raw) > MOST_BYTES:
        raise PolicyError(str(path), 0, "", f"is larger than {MOST_BYTES >> 20} MiB")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise PolicyError(str(path), 0, "", "is not UTF-8 text") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Document:
    """Parse a document; `file` is its name in error messages. Raise PolicyError."""
    try:
        loader = yaml.SafeLoader(text)
    except yaml.YAMLError:
        raise PolicyError(file, 1, "", "holds a character that YAML does not allow") from None
    try:
        node = loader.get_single_node()
        builder = _Builder(loader, file)
        data = builder.built(node, ()) if node is not None else None
    except yaml.YAMLError as error:
        line, reason = safe_yaml.complaint(error, text)
        raise PolicyError(file, line, "", reason) from None
    except RecursionError:
        raise PolicyError(file, 1, "", "is nested too deeply") from None
    finally:
        loader.dispose()
    return Document(file, data, builder.lines)


class _Builder:
    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self.lines: dict[Place, int] = {}
        self._loader = loader
        self._file = file
        self._count = 0

    def built(self, node: yaml.Node, place: Place) -> Any:
        self._count += 1
        self.lines.setdefault(place, node.start_mark.line + 1)
        if self._count > MOST_NODES:
            raise self._refused(place, f"more than {MOST_NODES} values, aliases written out")
        if len(place) > DEEPEST:
            raise self._refused(place, f"nested deeper than {DEEPEST} levels")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.built(item, (*place, at)) for at, item in enumerate(node.value)]
        if node.tag.endswith(":bool") and node.value.lower() not in ("true", "false"):
            return node.value
        try:
            if not safe_yaml.endless(node):
                return self._loader.construct_object(node)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            pass
        raise self._refused(place, f"{node.tag.rpartition(':')[2]} cannot be read")

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag.endswith(":merge"):
                raise self._refused(place, "a key that is not a plain name")
            here = (*place, key)
            if key in mapping:
                self.lines[here] = key_node.start_mark.line + 1
                raise self._refused(here, "is given twice")
            self.lines[here] = key_node.start_mark.line + 1
            mapping[key] = self.built(value_node, here)
        return mapping

    def _refused(self, place: Place, reason: str) -> PolicyError:
        return Document(self._file, None, self.lines).error(place, reason)


def spelled(place: Place) -> str:
    """Return a place as text, for example `rules[3].match.when`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def _reason(message: str) -> tuple[str, list[str]]:
    found = _WHERE.match(message)
    assert found is not None
    steps = [name or index.strip('"') for name, index in _STEP.findall(found[2] or "")]
    reason = found[1][:1].lower() + found[1][1:]
    unknown = re.match(r"object contains unknown field `([^`]*)`", reason)
    if unknown:
        return "there is no such key", [*steps, unknown[1]]
    return yaml_words(reason), steps


def _expected(kind: Any, place: Place) -> list[str]:
    """Return the words that are valid at a place, if only some are."""
    types = _alternatives(inspect.type_info(kind))
    for step in place:
        types = [inner for each in types for inner in _inside(each, step)]
    words = [each.values for each in types if isinstance(each, inspect.LiteralType)]
    return [str(word) for values in words for word in values]


def _alternatives(kind: inspect.Type) -> list[inspect.Type]:
    types = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [each.type if isinstance(each, inspect.Metadata) else each for each in types]


def _inside(kind: inspect.Type, step: str | int) -> list[inspect.Type]:
    match kind:
        case inspect.StructType(fields=fields):
            found = [each.type for each in fields if each.encode_name == step]
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            found = [item]
        case inspect.DictType(value_type=value):
            found = [value]
        case _:
            found = []
    return [each for inner in found for each in _alternatives(inner)]


def _exact(data: Any, kind: Any, steps: list[str]) -> Place:
    """Return the place that `steps` refer to.

    msgspec writes `[...]` for any array index; it is resolved to the first item that fails.
    """
    place: list[str | int] = []
    at = data
    for number, step in enumerate(steps):
        if step == "..." and isinstance(at, list):
            index = _first_bad(data, kind, place, len(at))
            place.append(index)
            at = at[index] if index < len(at) else None
        elif step == "...":
            break
        elif isinstance(at, list):
            place.append(int(step))
            at = at[int(step)]
        elif isinstance(at, dict):
            place.append(step)
            at = at.get(step)
        else:
            place += steps[number:]
            break
    return tuple(place)


def _first_bad(data: Any, kind: Any, place: list[str | int], size: int) -> int:
    for length in range(1, size):
        try:
            msgspec.convert(_cut(data, place, length), kind)
        except msgspec.ValidationError:
            return length - 1
    return size - 1


def _cut(data: Any, place: list[str | int], length: int) -> Any:
    """Return `data` with the list at `place` cut to its first `length` items."""
    if not place:
        return data[:length]
    step, *rest = place
    if isinstance(data, list):
        return [_cut(item, rest, length) if at == step else item for at, item in enumerate(data)]
    return {key: _cut(item, rest, length) if key == step else item for key, item in data.items()}
