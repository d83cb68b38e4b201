"""detect-secrets as an additional scanner, if the extra is installed.

Its plugins based on entropy alone are disabled, because they report hundreds of strings per
megabyte of source code. So are those whose findings are not secrets (addresses, the first line of
a key) and its keyword plugin. Findings of the others have the specificity of context rules;
placeholders and short values (mere prefixes of tokens) are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from . import standins
from .model import CONTEXT, MEDIUM, Rule, RuleError

Supplement = Callable[[bytes], Iterator[tuple[Rule, int, int]]]

_LEFT_OUT = ("entropy", "keyword", "public ip", "private key")
_SHORTEST = 8
PREFIX = "detect-secrets-"
"""How the ids of its rules begin."""


def detect_secrets() -> Supplement:
    """Return a function that yields (rule, start, end) of what detect-secrets finds in a text.

    Raises `RuleError` if detect-secrets is not installed.
    """
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
            PREFIX + re.sub(r"[^a-z0-9]+", "-", plugin.secret_type.lower()).strip("-"),
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
                for found in plugin.analyze_string(line):
                    value = str(found).encode("utf-8", "surrogateescape")
                    start = raw.find(value)
                    if start >= 0 and _counts(value):
                        rule = rules[plugin.secret_type]
                        yield rule, offset + start, offset + start + len(value)
            offset += len(raw)

    return ask


def _counts(value: bytes) -> bool:
    return len(value) >= _SHORTEST and not standins.dummy(value) and not standins.template(value)
