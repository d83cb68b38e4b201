"""OpenAI Responses: the same text in deltas, `.done` events, output items and the whole response."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.dialects import (
    Asked,
    Event,
    Style,
    canonical,
    cut,
    dump,
    escaped,
    identifier,
    sign,
    signed,
    weave,
)
from harness.model import Call, Custom, Item, Prompt, Text, Thinking, names, strings

Payload = dict[str, Any]
_USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 18,
}
"""Clients that validate answers treat one without usage as incomplete and ask again."""
_DELTAS = {
    "message": ("response.output_text", "text"),
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}


def _input(body: Payload) -> list[Any]:
    given = body.get("input", [])
    return [{"role": "user", "content": given}] if isinstance(given, str) else list(given)


def _said(content: Any) -> Any:
    return [part.get("text") for part in content] if isinstance(content, list) else content


def _ours(item: Payload) -> bool:
    """Return whether the model wrote this item."""
    kinds = {"reasoning", "function_call", "custom_tool_call"}
    return item.get("type") in kinds or item.get("role") == "assistant"


class OpenAIResponses(Asked):
    def __init__(self) -> None:
        self._kept: dict[str, list[Any]] = {}

    def _conversation(self, body: Payload) -> list[Any]:
        """Return the input, preceded by what the provider has kept of the conversation."""
        return [*self._kept.get(body.get("previous_response_id") or "", []), *_input(body)]

    def prompt(self, body: Payload) -> Prompt:
        items = self._conversation(body)
        ours = [at for at, item in enumerate(items) if _ours(item)]
        turns = sum(1 for at in ours if at + 1 == len(items) or not _ours(items[at + 1]))
        spoken = [item for item in items if item.get("type") != "reasoning"]
        texts = [*strings(body.get("instructions")), *strings(spoken)]
        last = items[ours[-1] + 1 :] if ours else items
        said = [_said(item.get("content", item.get("output"))) for item in last]
        offered = [body, *(item for item in items if item.get("type") == "additional_tools")]
        tools = tuple(name for each in offered for name in names(each.get("tools")))
        return Prompt(turns, tuple(texts), tuple(strings(said)), tools)

    def refusal(self, body: Payload) -> str | None:
        for item in self._conversation(body):
            blob = item.get("encrypted_content")
            if item.get("type") == "reasoning" and not signed(blob, canonical(item.get("summary"))):
                return f"Encrypted content for item {item.get('id')} could not be verified."
        return None

    def _output(self, items: Sequence[Item]) -> list[Payload]:
        output: list[Payload] = []
        for item in items:
            match item:
                case Thinking(text):
                    summary = [{"type": "summary_text", "text": text}]
                    blob = sign(canonical(summary))
                    new = {"type": "reasoning", "id": identifier("rs_"), "summary": summary}
                    output.append({**new, "encrypted_content": blob})
                case Text(text):
                    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
                    new = {"type": "message", "id": identifier("msg_"), "role": "assistant"}
                    output.append({**new, "status": "completed", "content": [part]})
                case Call(name, arguments):
                    new = {"type": "function_call", "id": identifier("fc_"), "name": name}
                    new |= {"call_id": identifier("call_"), "arguments": arguments}
                    output.append({**new, "status": "completed"})
                case Custom(name, text):
                    new = {"type": "custom_tool_call", "id": identifier("ctc_"), "name": name}
                    new |= {"call_id": identifier("call_"), "input": text}
                    output.append({**new, "status": "completed"})
        return output

    def whole(self, path: str, body: Payload, items: Sequence[Item]) -> Payload:
        if path.partition("?")[0].endswith("/input_tokens"):
            return {"object": "response.input_tokens", "input_tokens": len(dump(body)) // 4}
        response = {
            "id": identifier("resp_"),
            "object": "response",
            "created_at": 1_780_000_000,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "model": body.get("model", "m"),
            "output": self._output(items),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": body.get("tools", []),
            "usage": _USAGE,
        }
        self._kept[response["id"]] = [*self._conversation(body), *response["output"]]
        return response

    def payloads(
        self, path: str, body: Payload, items: Sequence[Item], style: Style
    ) -> Iterator[tuple[Payload, bool]]:
        """Yield every event's payload, and whether it is a delta; also used for WebSocket messages."""
        response = self.whole(path, body, items)
        begun = {**response, "status": "in_progress", "output": []}
        number = itertools.count()
        yield (
            {"type": "response.created", "sequence_number": next(number), "response": begun},
            False,
        )
        yield (
            {"type": "response.in_progress", "sequence_number": next(number), "response": begun},
            False,
        )
        lanes = [
            [Event(dump(payload), is_delta) for payload, is_delta in self._item(at, item, style)]
            for at, item in enumerate(response["output"])
        ]
        for event in weave(lanes, style.interleave):
            payload: Payload = json.loads(event.data)
            yield {**payload, "sequence_number": next(number)}, event.delta
        yield (
            {"type": "response.completed", "sequence_number": next(number), "response": response},
            False,
        )

    def _item(self, at: int, item: Payload, style: Style) -> Iterator[tuple[Payload, bool]]:
        kind = item["type"]
        where = {"item_id": item["id"], "output_index": at}
        if kind == "reasoning":
            begun = {**item, "summary": [], "encrypted_content": sign(canonical([]))}
            yield {"type": "response.output_item.added", "output_index": at, "item": begun}, False
            yield from self._summary(where, item, style)
        else:
            name, field = _DELTAS[kind]
            text = item["content"][0]["text"] if kind == "message" else item[field]
            begun = {**item, "status": "in_progress"}
            begun |= {"content": []} if kind == "message" else {field: ""}
            yield {"type": "response.output_item.added", "output_index": at, "item": begun}, False
            if kind == "message":
                where["content_index"] = 0
                part = {**item["content"][0], "text": ""}
                yield {"type": "response.content_part.added", **where, "part": part}, False
            written = escaped(text, style) if kind == "function_call" else text
            more = {"logprobs": []} if kind == "message" else {}
            for piece in cut(written, style.delta):
                yield {"type": f"{name}.delta", **where, "delta": piece, **more}, True
            yield {"type": f"{name}.done", **where, field: text, **more}, False
            if kind == "message":
                part = item["content"][0]
                yield {"type": "response.content_part.done", **where, "part": part}, False
        yield {"type": "response.output_item.done", "output_index": at, "item": item}, False

    def _summary(
        self, where: Payload, item: Payload, style: Style
    ) -> Iterator[tuple[Payload, bool]]:
        where = {**where, "summary_index": 0}
        part = item["summary"][0]
        name = "response.reasoning_summary"
        yield {"type": f"{name}_part.added", **where, "part": {**part, "text": ""}}, False
        for piece in cut(part["text"], style.delta):
            yield {"type": f"{name}_text.delta", **where, "delta": piece}, True
        yield {"type": f"{name}_text.done", **where, "text": part["text"]}, False
        yield {"type": f"{name}_part.done", **where, "part": part}, False

    def events(
        self, path: str, body: Payload, items: Sequence[Item], style: Style
    ) -> Iterator[Event]:
        for payload, delta in self.payloads(path, body, items, style):
            name = payload["type"].encode()
            yield Event(b"event: " + name + b"\ndata: " + dump(payload) + b"\n\n", delta)

    def error(self, status: int, message: str) -> Payload:
        detail = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        return {"error": detail}
