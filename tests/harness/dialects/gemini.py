"""Gemini generateContent: as SSE with CRLF, as a JSON array in pieces, and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.dialects import Event, Style, cut, dump, identifier, sign, signed
from harness.model import Call, Item, Prompt, Text, Thinking, names, strings

_UNSIGNED = "skip_thought_signature_validator"
"""What Google accepts in place of a signature that the client has not kept."""


class Gemini:
    def streams(self, path: str, body: dict[str, Any]) -> bool:
        return ":streamGenerateContent" in path

    def content_type(self, path: str) -> str:
        return "text/event-stream" if "alt=sse" in path else "application/json; charset=UTF-8"

    def prompt(self, body: dict[str, Any]) -> Prompt:
        contents = body.get("contents", [])
        turns = [at for at, each in enumerate(contents) if each.get("role") == "model"]
        last = contents[turns[-1] + 1 :] if turns else contents
        system = body.get("systemInstruction") or body.get("system_instruction")
        texts = [*strings(system), *strings([each["parts"] for each in contents])]
        recent = tuple(strings([each["parts"] for each in last]))
        return Prompt(len(turns), tuple(texts), recent, names(body.get("tools")))

    def refusal(self, body: dict[str, Any]) -> str | None:
        for content in body.get("contents", []):
            parts = content["parts"]
            for part in parts:
                name = part.get("functionCall", {}).get("name", "").encode()
                signature = part.get("thoughtSignature")
                if signature in (None, _UNSIGNED):
                    continue
                if not signed(signature, name):
                    return "Corrupted thought signature."
            calls = [part for part in parts if "functionCall" in part]
            if calls and "thoughtSignature" not in calls[0]:
                return "Function call is missing a thought_signature in functionCall parts."
        return None

    def _parts(self, items: Sequence[Item], size: int | None) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        called = False
        for item in items:
            match item:
                case Thinking(text):
                    parts += ({"text": p, "thought": True} for p in cut(text, size or len(text)))
                case Text(text):
                    parts += ({"text": piece} for piece in cut(text, size or len(text)))
                case Call(name, arguments):
                    part = {"functionCall": {"name": name, "args": json.loads(arguments)}}
                    if not called:
                        part |= {"thoughtSignature": sign(name.encode())}
                    called = True
                    parts.append(part)
                case _:
                    raise TypeError(f"no such item in this dialect: {type(item).__name__}")
        return parts

    def _chunk(
        self, parts: list[dict[str, Any]], head: dict[str, Any], end: bool
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if end:
            candidate["finishReason"] = "STOP"
        return self._outer({"candidates": [candidate], **head})

    def _outer(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer

    def _head(self) -> dict[str, Any]:
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18}
        return {
            "usageMetadata": usage,
            "modelVersion": "gemini-2.5-flash",
            "responseId": identifier("r"),
        }

    def whole(self, path: str, body: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
        if ":countTokens" in path:
            return {"totalTokens": len(dump(body)) // 4}
        return self._chunk(self._parts(items, None), self._head(), True)

    def events(
        self, path: str, body: dict[str, Any], items: Sequence[Item], style: Style
    ) -> Iterator[Event]:
        head = self._head()
        parts = self._parts(items, style.delta)
        chunks = [self._chunk([part], head, False) for part in parts]
        chunks.append(self._chunk([{"text": ""}], head, True))
        if "alt=sse" in path:
            for at, chunk in enumerate(chunks):
                yield Event(b"data: " + dump(chunk) + b"\r\n\r\n", at < len(parts))
            return
        for at, chunk in enumerate(chunks):
            pretty = json.dumps(chunk, indent=2).encode()
            yield Event((b"[" if not at else b",\r\n") + pretty, at < len(parts))
        yield Event(b"]\n")

    def error(self, status: int, message: str) -> dict[str, Any]:
        names = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}
        return {
            "error": {"code": status, "message": message, "status": names.get(status, "INTERNAL")}
        }


class CodeAssist(Gemini):
    """Nested one level deeper in both directions: what Gemini CLI uses after a login."""

    def prompt(self, body: dict[str, Any]) -> Prompt:
        return super().prompt(body["request"])

    def refusal(self, body: dict[str, Any]) -> str | None:
        return super().refusal(body["request"])

    def _outer(self, answer: dict[str, Any]) -> dict[str, Any]:
        return {"response": answer, "traceId": identifier("t")}
