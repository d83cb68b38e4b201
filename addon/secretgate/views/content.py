"""The content view `secretgate`, for mitmproxy 12 and 11, whose view interfaces differ.

It is selected automatically for a body that contains a placeholder, and shows everything the
default view would.
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
    """The view for mitmproxy 12."""

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
    """Return the view for mitmproxy 11; its base class is deprecated in 12."""

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
    """Register the view, replacing one left by an earlier load of the addon."""
    known: Any = contentviews
    if hasattr(known, "registry"):
        known.registry.register(_View(template))
        return
    for view in [each for each in known.views if each.name == _NAME]:
        known.remove(view)
    known.add(_old_view(template))
