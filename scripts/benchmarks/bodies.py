"""Request bodies for benchmarks: conversations of a coding agent, reproducible by seed.

Prose and source code come from the interpreter's standard library, so that words, indentation and
string lengths are those of real text; tool output (listings, search results, test runs, JSON) is
derived from it. Secrets are generated here, so that no file of this repository contains one.
"""

from __future__ import annotations

import json
import random
import string
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

_ALPHABET = string.ascii_letters + string.digits
_EXCERPT = 6000
_SOURCES = 200


@cache
def sources() -> tuple[tuple[str, str], ...]:
    """Return names and texts of source files of the standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    files = sorted(path for path in library.glob("*/*.py") if "site-packages" not in path.parts)
    random.Random(1).shuffle(files)
    taken = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if 2000 < len(text) < 200_000 and "password" not in text.lower():
            taken.append((str(path.relative_to(library)), text))
    return tuple(taken[:_SOURCES])


@cache
def sentences() -> tuple[str, ...]:
    """Return sentences from documentation."""
    from pydoc_data.topics import topics

    text = " ".join(" ".join(str(topic).split()) for topic in topics.values())
    return tuple(each for each in text.split(". ") if 20 < len(each) < 300)


def token(seed: object) -> str:
    """Return a key of a well-known shape that was never issued."""
    return "gh" + "p_" + "".join(random.Random(f"token {seed}").choices(_ALPHABET, k=36))


class Conversation:
    """A conversation that grows turn by turn, as sent by one client; `body` is the next request."""

    def __init__(self, seed: int = 1, markers: bool = True, head: bool = False) -> None:
        """`markers`: put cache markers on the last two messages, so that they move with every turn.

        `head`: change the first block of the system prompt in every request.
        """
        self._random = random.Random(f"conversation {seed}")
        self._markers = markers
        self._head = head
        self._requests = 0
        self.messages: list[dict[str, Any]] = []
        self._tools = [self._tool(number) for number in range(24)]
        self._system = self.prose(120)

    def grow(self, size: int) -> Conversation:
        """Add turns until the body has about `size` bytes and end with a user turn."""
        at = len(self.body())
        while at < size:
            left = size - at
            before = len(self.messages)
            self._turn(min(left, _EXCERPT * 4))
            at += sum(len(json.dumps(each)) + 2 for each in self.messages[before:])
        return self

    def plant(self, secret: str, where: int | None = None) -> Conversation:
        """Insert a secret into tool output: at a given message, or at the first that fits."""
        results = [each for each in self.messages if isinstance(each["content"], list)]
        block = results[0 if where is None else where % len(results)]["content"][-1]
        if block["type"] == "tool_result":
            block["content"] += f"\nexport GITHUB_TOKEN={secret}\n"
        else:
            block["input"]["note"] = f"uses {secret}"
        return self

    def body(self) -> bytes:
        self._requests += 1
        system: list[dict[str, Any]] = [
            {"type": "text", "text": "You are a coding agent."},
            {"type": "text", "text": self._system, "cache_control": {"type": "ephemeral"}},
        ]
        if self._head:
            mark = f"x-client-request: {self._requests:08x}; version=1.{self._requests}"
            system.insert(0, {"type": "text", "text": mark})
        messages = self.messages
        if self._markers:
            messages = [*messages[:-2], *(_marked(each) for each in messages[-2:])]
        request = {
            "model": "claude-sonnet-4-5",
            "max_tokens": 32000,
            "system": system,
            "tools": self._tools,
            "metadata": {"user_id": "user_" + "0" * 64},
            "stream": True,
            "messages": messages,
        }
        return json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()

    def prose(self, count: int) -> str:
        return ". ".join(self._random.choices(sentences(), k=count)) + "."

    def _turn(self, room: int) -> None:
        chance = self._random
        if not self.messages or chance.random() < 0.2:
            self.messages.append({"role": "user", "content": self.prose(chance.randint(1, 6))})
        call = "toolu_01" + "".join(chance.choices(_ALPHABET, k=22))
        name, text = chance.choice(sources())
        start = chance.randrange(max(1, len(text) - 1000))
        excerpt = text[start : start + min(max(200, room // 2), chance.randint(500, _EXCERPT))]
        tool, arguments, printed = chance.choice((_read, _run, _search, _edit))(name, excerpt)
        self.messages += (
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": self.prose(chance.randint(1, 3))},
                    {"type": "tool_use", "id": call, "name": tool, "input": arguments},
                ],
            },
            {
                "role": "user",
                "content": [{"tool_use_id": call, "type": "tool_result", "content": printed}],
            },
        )

    def _tool(self, number: int) -> dict[str, Any]:
        properties = {
            f"argument_{at}": {"type": "string", "description": self.prose(1)} for at in range(5)
        }
        return {
            "name": f"Tool{number}",
            "description": self.prose(8),
            "input_schema": {
                "type": "object",
                "properties": properties,
                "required": ["argument_0"],
                "additionalProperties": False,
            },
        }


def _marked(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    last = {**content[-1], "cache_control": {"type": "ephemeral"}}
    return {**message, "content": [*content[:-1], last]}


def _read(name: str, text: str) -> tuple[str, dict[str, Any], str]:
    numbered = "\n".join(f"{at:6}\t{line}" for at, line in enumerate(text.splitlines(), 1))
    return "Read", {"file_path": f"/home/dev/project/{name}"}, numbered


def _run(name: str, text: str) -> tuple[str, dict[str, Any], str]:
    lines = [f"-rw-r--r-- 1 dev dev {len(line):6} Jan 12 10:{len(line) % 60:02} {name}.{at}"
             for at, line in enumerate(text.splitlines())]  # fmt: skip
    return "Bash", {"command": f"ls -l {name}* && git log -3"}, "\n".join(lines)


def _search(name: str, text: str) -> tuple[str, dict[str, Any], str]:
    lines = [f"{name}:{at}:{line}" for at, line in enumerate(text.splitlines(), 1)]
    return "Grep", {"pattern": "def ", "path": "/home/dev/project"}, "\n".join(lines)


def _edit(name: str, text: str) -> tuple[str, dict[str, Any], str]:
    half = len(text) // 2
    arguments = {
        "file_path": f"/home/dev/project/{name}",
        "old_string": text[:half],
        "new_string": text[half:],
    }
    return "Edit", arguments, "The file has been updated."


def short_strings(count: int) -> bytes:
    """Return a body with a large number of very short strings."""
    items = ",".join(f'"s{number % 977}"' for number in range(count))
    return b'{"model":"m","messages":[{"role":"user","content":[%s]}]}' % items.encode()


def one_string(size: int, seed: int = 1) -> bytes:
    """Return a body with one long string."""
    chance = random.Random(f"string {seed}")
    pieces: list[str] = []
    length = 0
    while length < size:
        pieces.append(chance.choice(sources())[1])
        length += len(pieces[-1])
    text = "".join(pieces)[:size]
    message = {"role": "user", "content": text}
    return json.dumps({"model": "m", "messages": [message]}, ensure_ascii=False).encode()
