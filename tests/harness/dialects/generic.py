"""An unknown JSON endpoint: repeats what it was sent, and streams JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.dialects import Event, Style, cut, dump
from harness.model import Call, Item, Prompt, Text, strings


class Generic:
    def streams(self, path: str, body: dict[str, Any]) -> bool:
        return isinstance(body, dict) and body.get("stream") is True

    def content_type(self, path: str) -> str:
        return "application/x-ndjson"

    def prompt(self, body: dict[str, Any]) -> Prompt:
        said = tuple(strings(body))
        return Prompt(0, said, said)

    def refusal(self, body: dict[str, Any]) -> str | None:
        return None

    def whole(self, path: str, body: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
        said = [item.text for item in items if isinstance(item, Text)]
        calls = [item.arguments for item in items if isinstance(item, Call)]
        return {"ok": True, "said": said, "calls": calls}

    def events(
        self, path: str, body: dict[str, Any], items: Sequence[Item], style: Style
    ) -> Iterator[Event]:
        for item in items:
            if isinstance(item, Text):
                for piece in cut(item.text, style.delta):
                    yield Event(dump({"response": piece, "done": False}) + b"\n", True)
        yield Event(dump({"response": "", "done": True}) + b"\n")

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": message}
