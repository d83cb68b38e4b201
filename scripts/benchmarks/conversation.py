"""Requests as coding tools send them: conversations of any size, new or extended by a turn."""

from __future__ import annotations

import itertools
import json
import random

from benchmarks.stream import prose
from secretgate.demo.planted import Maker

_BLOCK = 2000
_FRAME = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 8192,
    "stream": True,
    "system": "You are a coding agent.",
    "messages": [],
}
_HEAD = json.dumps(_FRAME).encode().removesuffix(b"]}")
_text = prose(1 << 20)
_salts = itertools.count(1)


def secret() -> str:
    """Return a fake token that the rules detect."""
    return Maker(1).github()


class Conversation:
    """Turns of user and assistant; no two conversations share a block."""

    def __init__(self, size: int, with_secret: bool = True) -> None:
        self._salt = next(_salts)
        self._messages: list[bytes] = []
        self._size = 0
        if with_secret:
            self._add(f"The deploy script has GITHUB_TOKEN={secret()} in line 3.")
        self.grow(size)

    def _add(self, text: str) -> None:
        role = "assistant" if len(self._messages) % 2 else "user"
        block = {"type": "text", "text": text}
        self._messages.append(json.dumps({"role": role, "content": [block]}).encode())
        self._size += len(text) + 80

    def grow(self, size: int) -> None:
        """Extend the next request to at least this length."""
        place = random.Random(self._salt)
        while self._size < size - 300:
            at = place.randrange(len(_text) - _BLOCK)
            length = min(_BLOCK, size - self._size - 200)
            mark = f"[{self._salt}.{len(self._messages)}] "
            self._add(mark + _text[at : at + max(length, 20)])

    def body(self) -> bytes:
        return b"".join((_HEAD, b", ".join(self._messages), b"]}"))


def first_seen(size: int, with_secret: bool = True) -> bytes:
    """Return a request of which no part was sent before."""
    return Conversation(size, with_secret).body()
