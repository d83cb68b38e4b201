"""Loads YAML from untrusted files, for example those of a repository.

PyYAML builds nodes recursively, in C if available, so deep nesting can crash the process. An alias
is one node in memory, but many nodes for code that walks the result. So the events of a file, which
need neither recursion nor expansion, are checked first.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.nodes import Node, ScalarNode

DEEPEST: Final = 100
LARGEST: Final = 200_000
"""Maximum number of nodes, with all aliases expanded."""

LONGEST: Final = 100
"""Maximum length of a sexagesimal number (`1:30:00`); PyYAML needs quadratic time for them."""

_UNFIT: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Exceptions of PyYAML for scalars that do not fit their tag or apparent type: `2024-13-45`."""
_C_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_C_LOADER):  # type: ignore[misc]
    """A safe loader that loads invalid dates and numbers as strings."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        if not isinstance(node, ScalarNode):
            return super().construct_object(node, deep)
        if not endless(node):
            try:
                return super().construct_object(node, deep)
            except _UNFIT:
                del self.recursive_objects[node]
        self.constructed_objects[node] = node.value
        return node.value


def endless(node: Node) -> bool:
    """Return whether a scalar is a number that takes too long to parse."""
    value = node.value
    return len(value) > LONGEST and ":" in value and node.tag.endswith((":int", ":float"))


def load(text: str) -> Any:
    """Return the document in a text; raise `yaml.YAMLError`."""
    check(text)
    return yaml.load(text, Loader=Loader)  # noqa: S506 - Loader is a safe loader


def check(text: str) -> None:
    """Raise `yaml.MarkedYAMLError` if loading or walking a document could take too long.

    Or if a key is given twice: PyYAML would keep the last one and say nothing.
    """
    open_: list[list[Any]] = [[None, 0]]
    sizes: dict[str, int] = {}
    keys = _Keys()
    for event in yaml.parse(text, Loader=Loader):
        keys.see(event)
        if isinstance(event, yaml.AliasEvent):
            # An anchor that contains its own alias has no size yet: expanding it would not end.
            size = sizes.get(event.anchor or "", LARGEST)
            open_[-1][1] += size
        elif isinstance(event, yaml.ScalarEvent):
            open_[-1][1] += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append([event.anchor, 1])
            if event.anchor:
                sizes.pop(event.anchor, None)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_.pop()
            open_[-1][1] += size
            if anchor:
                sizes[anchor] = size
        if len(open_) > DEEPEST:
            raise _refused(event, f"nested deeper than {DEEPEST}")
        if open_[-1][1] >= LARGEST:
            raise _refused(event, f"more than {LARGEST} nodes after expanding aliases")


class _Keys:
    """Follows the keys of the mappings that are open."""

    def __init__(self) -> None:
        self._open: list[set[str] | None] = [None]
        """The keys of each mapping so far; None for what is no mapping."""
        self._is_key: list[bool] = [False]

    def see(self, event: Any) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._is_key.pop()
            return
        if not isinstance(event, yaml.NodeEvent):
            return
        seen = self._open[-1]
        if seen is not None and self._is_key[-1] and isinstance(event, yaml.ScalarEvent):
            if event.value in seen and event.value != "<<":
                raise _refused(event, f"{event.value!r} is given twice")
            seen.add(event.value)
        self._is_key[-1] = not self._is_key[-1]
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(set() if isinstance(event, yaml.MappingStartEvent) else None)
            self._is_key.append(True)


def complaint(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line of an error in a text, 1 if unknown, and what is wrong there."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return 1, problem or "not valid YAML"
    if "cannot start any token" in problem:
        line = text.splitlines()[mark.line]
        if line[mark.column] == "\t":
            problem = "a tab, which YAML does not take for indentation: use spaces"
        else:
            problem = f"a value that begins with {line[mark.column]} has to be in quotes"
    return mark.line + 1, problem


def _refused(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
