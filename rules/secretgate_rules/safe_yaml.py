"""YAML from files that somebody else may have written, a repository's say.

PyYAML builds nodes by recursion, in C where it can: a file nested deep enough takes the process with it. And
an alias is one node in memory but many to whoever walks the result. So the events of a file, which cost
neither, are looked at first.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.nodes import Node, ScalarNode

DEEPEST: Final = 100
LARGEST: Final = 200_000
"""Nodes, each alias counted as all that it stands for."""

LONGEST: Final = 100
"""Characters of a number of minutes and seconds (`1:30:00`); PyYAML's time grows with their square."""

_UNFIT: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What PyYAML raises where a scalar is not what its tag, or its look, says: `2024-13-45`."""
_C_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_C_LOADER):  # type: ignore[misc]
    """Makes a text of what is no date or number, though it looks like one."""

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
    """Whether a scalar is a number that takes too long to work out."""
    value = node.value
    return len(value) > LONGEST and ":" in value and node.tag.endswith((":int", ":float"))


def load(text: str) -> Any:
    """The document of a text; raises yaml.YAMLError."""
    check(text)
    return yaml.load(text, Loader=Loader)  # noqa: S506 - a safe one


def check(text: str) -> None:
    """Raises yaml.MarkedYAMLError where a document could not be loaded or walked in reasonable time."""
    open_: list[list[Any]] = [[None, 0]]
    sizes: dict[str, int] = {}
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.AliasEvent):
            # An anchor around its own alias has no size yet: that would have no end.
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
            raise _refused(event, f"more than {LARGEST} nodes, aliases written out")


def _refused(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
