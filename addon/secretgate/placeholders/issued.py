"""The placeholders that may be restored in one answer."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import KeysView, Mapping
from functools import cached_property

from secretgate.placeholders.beginnings import Aliases
from secretgate.placeholders.templates import CUT, ID_LENGTH, Template, plain_spelling

_ID = re.compile(rb"[0-9a-f]{%d}" % ID_LENGTH)


class Issued:
    """The placeholders that may be restored in one answer, with their values.

    `aliases` are rewritten spans that contain no placeholder (a base64 run that held a secret):
    they are restored only if the model copies them exactly.
    """

    def __init__(
        self,
        template: Template,
        values: Mapping[bytes, bytes],
        aliases: Mapping[bytes, bytes] | None = None,
        limits: Mapping[bytes, str] | None = None,
    ) -> None:
        """`limits`: for placeholders not restored everywhere, where: `text`, `tools`, `never`."""
        self.template = template
        self._exact = dict(values)
        self._values = {name.lower(): (name, value) for name, value in values.items()}
        self._order = sorted(self._values)
        self._longest = max(map(len, self._order), default=0)
        self.aliases = dict(aliases or {})
        self.limits = {name.lower(): limit for name, limit in (limits or {}).items()}
        self._views: dict[bool, Issued] = {}
        self.restored: set[bytes] = set()
        self.unknown: set[bytes] = set()
        """Placeholders that occurred in the answer but were not issued for it."""

    def __bool__(self) -> bool:
        return bool(self._values or self.aliases)

    def __len__(self) -> int:
        return len(self._values)

    def suspects(self, raw: bytes) -> list[int]:
        """Return offsets, in the text of one or more events, at which to look closer.

        An event that contains none of them holds no placeholder of these, nor the beginning of one
        at the end of a string.
        """
        found = self.template.beginnings.in_events(raw) if self._values else []
        if self.aliases:
            found = sorted((*found, *self._aliases.in_events(raw)))
        return found

    @cached_property
    def by_id(self) -> Mapping[bytes, bytes]:
        """The placeholders, in lower case, by the ids in them."""
        return {ids[-1]: name for name in self._values if (ids := _ID.findall(name))}

    @cached_property
    def _aliases(self) -> Aliases:
        return Aliases(self.aliases)

    def __repr__(self) -> str:
        return f"<Issued {len(self._values)} placeholders>"

    @property
    def values(self) -> dict[bytes, bytes]:
        """The placeholders with their values."""
        return dict(self._values.values())

    @property
    def names(self) -> KeysView[bytes]:
        """The placeholders."""
        return self._exact.keys()

    @property
    def restored_names(self) -> set[bytes]:
        """The placeholders, and the aliases, whose values were restored."""
        names = {name for name, value in self._values.values() if value in self.restored}
        return names | {alias for alias, run in self.aliases.items() if run in self.restored}

    def value(self, spelled: bytes) -> bytes | None:
        """Return the value that a spelling stands for, or None if it was not issued."""
        exact = self._exact.get(spelled)
        if exact is not None:
            return exact
        found = self._values.get(plain_spelling(spelled))
        return found[1] if found else None

    def allowed(self, spelled: bytes, tool: bool) -> bool:
        """Whether policy allows restoring it here: in the arguments of a tool call, or in text."""
        if not self.limits:
            return True
        name = spelled if spelled in self.limits else plain_spelling(spelled)
        return self.limits.get(name) in (None, "always", "tools" if tool else "text")

    def within(self, tool: bool) -> Issued:
        """Return those that may be restored in the arguments of a tool call, or in text.

        What is restored through the result is recorded here too.
        """
        if not self.limits:
            return self
        view = self._views.get(tool)
        if view is None:
            here = {name: value for name, value in self.values.items() if self.allowed(name, tool)}
            view = self._views[tool] = Issued(self.template, here, self.aliases)
            view.restored, view.unknown = self.restored, self.unknown
        return view

    def may_begin(self, tail: bytes) -> bool:
        """Whether `tail` may continue to become an issued placeholder."""
        return self._begins(plain_spelling(CUT.sub(b"", tail)))

    def begins(self, text: bytes, start: int) -> bool:
        """Whether `text[start:]` is an incomplete beginning of an issued placeholder as issued."""
        if not self.template.apart or len(text) - start > self._longest:
            return False
        return self._begins(text[start:].lower(), whole=False)

    def held_from(self, text: bytes, start: int) -> bool:
        """Whether `text[start:]` may continue to become an issued placeholder."""
        if self.begins(text, start):
            return True
        beginning = self.template.beginning.match(text, start)
        return beginning is not None and self.may_begin(beginning[0])

    def _begins(self, plain: bytes, whole: bool = True) -> bool:
        at = bisect_left(self._order, plain)
        if at == len(self._order):
            return False
        return self._order[at].startswith(plain) and (whole or self._order[at] != plain)

    def afresh(self) -> Issued:
        """Return a copy for another answer, in which nothing has been restored yet."""
        return Issued(self.template, self.values, self.aliases, self.limits)

    def covers(self, other: Issued) -> bool:
        """Whether all of the other's placeholders are among these."""
        return other.aliases.keys() <= self.aliases.keys() and (
            other._values.keys() <= self._values.keys()
        )

    def joined(self, other: Issued) -> Issued:
        """Return the union of these and the other's."""
        both = Issued(
            self.template.beside(other.template),
            {**other.values, **self.values},
            {**other.aliases, **self.aliases},
            {**other.limits, **self.limits},
        )
        both.restored, both.unknown = self.restored | other.restored, self.unknown | other.unknown
        return both
