"""What may stand right before and behind a token, beside what a rule says.

Rules have lookarounds, so that no part of a longer name or number counts as a token. The `+` or `-`
of a patch and the `_` or `__` of Markdown's italics are no parts of a token, though.
"""

from __future__ import annotations

import re
from typing import Final

_ITALIC: Final = r"(?<!\w)_"
_BEFORE: Final = re.compile(r"\(\?<!\[[^]]*[+-][^]]*\](?=[)|])")
_BEHIND: Final = re.compile(r"\(\?!(?=\[\\w)")
_END: Final = re.compile(r"\(\?:\[\^\\w[^]]*\]\|\$\)")
"""The lookarounds that no character of some class is before or behind a token, and its end."""


def in_prose(pattern: str) -> str:
    """Return the pattern of a rule, for tokens that begin a line of a patch or are in italics, too."""
    if pattern.startswith(r"\b"):
        pattern = rf"(?:\b|(?<={_ITALIC})|(?<={_ITALIC}_))" + pattern.removeprefix(r"\b")
    pattern = _BEFORE.sub(
        lambda match: rf"{match[0]}(?<!\n[+-])(?<!{_ITALIC})(?<!{_ITALIC}_)", pattern
    )
    pattern = _END.sub(lambda match: match[0][:-1] + r"|(?=__?(?!\w)))", pattern)
    return _BEHIND.sub(lambda match: r"(?!(?!__?(?!\w))", pattern)
