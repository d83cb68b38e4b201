"""The content view `secretgate`, for mitmproxy 12 and for 11, whose interfaces differ.

It is chosen by itself where a body holds a placeholder, and shows all that the usual view would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mitmproxy import contentviews
from mitmproxy.contentviews import base

from secretgate.placeholders import Template
from secretgate.views.listing import holds, listing

_NAME = "secretgate"
_FIRST = 10.0


class _View:
    """As mitmproxy 12 wants it."""

    name = _NAME
    syntax_highlight = "yaml"

    def __init__(self, template: Callable[[], Template]) -> None:
        self._template = template

    def prettify(self, data: bytes, metadata: Any) -> str:
        return listing(data, metadata.content_type or "", self._template())

    def render_priority(self, data: bytes, metadata: Any) -> float:
        return _FIRST if holds(data, self._template()) else -1

    def __lt__(self, other: Any) -> bool:
        return bool(self.name < other.name)


def _old_view(template: Callable[[], Template]) -> Any:
    """As mitmproxy 11 wants it; 12 warns of whoever derives from its class."""

    class OldView(base.View):
        name = _NAME

        def __call__(
            self, data: bytes, *, content_type: str | None = None, **_: Any
        ) -> tuple[str, Iterator[list[tuple[str, str | bytes]]]]:
            text = listing(data, content_type or "", template())
            return _NAME, ([("text", line)] for line in text.splitlines())

        def render_priority(self, data: bytes, **_: Any) -> float:
            return _FIRST if holds(data, template()) else -1

    return OldView()


def register(template: Callable[[], Template]) -> None:
    """In place of one that an earlier load of the addon left."""
    known: Any = contentviews
    if hasattr(known, "registry"):
        known.registry.register(_View(template))
        return
    for view in [each for each in known.views if each.name == _NAME]:
        known.remove(view)
    known.add(_old_view(template))
