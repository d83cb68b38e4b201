"""Expands `{{36:alnum}}` in examples to fake secrets that exist only while tests run.

Examples of secrets in a repository trigger every scanner that reads it. So packs write the random
part of an example as `{{LENGTH:CHARSET}}`; the expansion is the same on every run.
"""

from __future__ import annotations

import random
import re
import string
from functools import lru_cache

from .model import RuleError

_TEMPLATE = re.compile(r"\{\{(\d{1,4}):([^{}]+)\}\}")

_NAMED = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "alnum": string.ascii_letters + string.digits,
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "_-",
    "base32": string.ascii_uppercase + "234567",
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "digit": string.digits,
}


def expand(text: str, seed: str) -> str:
    """Return `text` with every `{{LENGTH:CHARSET}}` expanded; raise `RuleError`.

    `seed` consists of the rule id and the position of the example.
    """
    count = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        chars = _charset(match[2])
        source = random.Random(f"{seed}:{count}")
        return "".join(source.choice(chars) for _ in range(int(match[1])))

    return _TEMPLATE.sub(fill, text)


@lru_cache(maxsize=256)
def _charset(spec: str) -> str:
    if spec in _NAMED:
        return _NAMED[spec]
    try:
        chars = re.compile(f"[{spec}]")
    except re.error as error:
        raise RuleError(f"{{{{N:{spec}}}}}: not a character class: {error}") from error
    return "".join(char for char in map(chr, range(33, 127)) if chars.match(char))
