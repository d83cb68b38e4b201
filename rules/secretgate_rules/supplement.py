"""detect-secrets as a second opinion, for those who install the extra.

Its plugins that go by entropy alone are left off: on source code they report hundreds of strings
a megabyte. What the others find counts as found by context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from .model import CONTEXT, MEDIUM, Rule, RuleError

Supplement = Callable[[bytes], Iterator[tuple[Rule, int, int]]]

_LEFT_OUT = ("entropy", "keyword")


def detect_secrets() -> Supplement:
    """A function that asks detect-secrets; `RuleError` where it is not installed."""
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError as error:
        raise RuleError(
            "detect-secrets is not installed: pip install 'secretgate-mitmproxy[detect-secrets]'"
        ) from error
    classes: dict[str, Any] = dict(get_mapping_from_secret_type_to_class())
    plugins = [
        plugin()
        for name, plugin in sorted(classes.items())
        if not any(word in name.lower() for word in _LEFT_OUT)
    ]
    rules = {
        plugin.secret_type: Rule(
            "detect-secrets-" + re.sub(r"[^a-z0-9]+", "-", plugin.secret_type.lower()).strip("-"),
            plugin.secret_type,
            "",
            specificity=CONTEXT,
            confidence=MEDIUM,
        )
        for plugin in plugins
    }

    def ask(text: bytes) -> Iterator[tuple[Rule, int, int]]:
        offset = 0
        for raw in text.splitlines(keepends=True):
            line = raw.decode("utf-8", "surrogateescape")
            for plugin in plugins:
                for value in plugin.analyze_string(line):
                    found = raw.find(str(value).encode("utf-8", "surrogateescape"))
                    if value and found >= 0:
                        end = found + len(str(value).encode("utf-8", "surrogateescape"))
                        yield rules[plugin.secret_type], offset + found, offset + end
            offset += len(raw)

    return ask
