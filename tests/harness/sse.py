"""Reads streams as clients do: event by event, and assembled into a message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def events(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield name and data of each server-sent event as soon as it is complete."""
    held = b""
    name, data = "", []
    for chunk in chunks:
        held += chunk
        while b"\n" in held:
            line, held = held.split(b"\n", 1)
            text = line.rstrip(b"\r").decode()
            field, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if not text:
                if data:
                    yield name, "\n".join(data)
                name, data = "", []
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
    if held.strip() or data:
        raise EOFError("the stream ends in the middle of an event")


def payloads(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for name, data in events(chunks):
        if data != "[DONE]":
            payload = json.loads(data)
            if name and payload["type"] != name:
                raise ValueError(f"event {name} carries {payload['type']}")
            yield payload


def anthropic(stream: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the message assembled from the events; assert that only open blocks grow."""
    message: dict[str, Any] = {}
    partial: dict[int, str] = {}
    closed: set[int] = set()
    ended = False
    for event in stream:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                at, delta = event["index"], event["delta"]
                assert at not in closed, "a delta after its block was closed"
                block = message["content"][at]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] = delta["signature"]
                    case "input_json_delta":
                        partial[at] = partial.get(at, "") + delta["partial_json"]
            case "content_block_stop":
                at = event["index"]
                closed.add(at)
                if at in partial:
                    message["content"][at]["input"] = json.loads(partial[at] or "{}")
            case "message_delta":
                message |= event["delta"]
            case "message_stop":
                ended = True
            case "error":
                raise RuntimeError(event["error"]["message"])
    if not ended:
        raise EOFError("no message_stop")
    return message


def openai_chat(stream: Iterable[dict[str, Any]]) -> dict[str, Any]:
    choices: dict[int, dict[str, Any]] = {}
    for chunk in stream:
        for part in chunk["choices"]:
            choice = choices.setdefault(
                part["index"], {"content": "", "tool_calls": {}, "end": None}
            )
            assert choice["end"] is None, "a delta after finish_reason"
            delta = part["delta"]
            choice["content"] += delta.get("content") or ""
            for piece in delta.get("tool_calls") or []:
                call = choice["tool_calls"].setdefault(piece["index"], {"arguments": ""})
                call |= {"id": piece["id"]} if piece.get("id") else {}
                call |= {"name": piece["function"]["name"]} if piece["function"].get("name") else {}
                call["arguments"] += piece["function"].get("arguments") or ""
            choice["end"] = part["finish_reason"]
    if not choices or any(choice["end"] is None for choice in choices.values()):
        raise EOFError("no finish_reason")
    made = []
    for index, choice in sorted(choices.items()):
        message: dict[str, Any] = {"role": "assistant", "content": choice["content"] or None}
        if choice["tool_calls"]:
            message["tool_calls"] = [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": call["arguments"]},
                }
                for _, call in sorted(choice["tool_calls"].items())
            ]
        made.append({"index": index, "message": message, "finish_reason": choice["end"]})
    return {"choices": made}


_TEXT = {
    "output_text": "text",
    "function_call_arguments": "arguments",
    "custom_tool_call_input": "input",
}


def openai_responses(stream: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the response; assert that every repeat of a text (deltas, done, item, response) agrees."""
    spelt: dict[tuple[Any, ...], str] = {}
    items: dict[int, dict[str, Any]] = {}
    numbers = []
    for event in stream:
        kind = event["type"]
        if kind == "error":
            raise RuntimeError(json.dumps(event))
        numbers.append(event["sequence_number"])
        name, _, tail = kind.removeprefix("response.").rpartition(".")
        at = (event.get("item_id"), name)
        if tail == "delta":
            spelt[at] = spelt.get(at, "") + event["delta"]
        elif tail == "done" and name in _TEXT:
            done, deltas = event[_TEXT[name]], spelt.get(at, "")
            if name == "function_call_arguments":
                assert json.loads(deltas) == json.loads(done), f"{kind} differs from its deltas"
            else:
                assert deltas == done, f"{kind} differs from its deltas"
            spelt[at] = done
        elif kind == "response.content_part.done":
            assert event["part"]["text"] == spelt[event["item_id"], "output_text"], kind
        elif kind == "response.output_item.done":
            items[event["output_index"]] = item = event["item"]
            for field in ("arguments", "input"):
                if field in item:
                    key = next(each for each in spelt if each[0] == item["id"])
                    assert item[field] == spelt[key], f"{kind} differs from {key[1]}"
        elif kind == "response.completed":
            assert [items[each] for each in sorted(items)] == event["response"]["output"], kind
            assert numbers == sorted(set(numbers)), "sequence numbers do not increase"
            response: dict[str, Any] = event["response"]
            return response
        elif kind == "response.failed":
            raise RuntimeError(json.dumps(event["response"]["error"]))
    raise EOFError("no response.completed")


def gemini(stream: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return all parts in order, with adjacent pieces of plain text or of thoughts joined."""
    parts: list[dict[str, Any]] = []
    ended = False
    for chunk in stream:
        candidate = chunk["candidates"][0]
        ended = ended or "finishReason" in candidate
        for part in candidate["content"]["parts"]:
            kind = {key for key in part if key != "text"}
            before = {key for key in parts[-1] if key != "text"} if parts else None
            if "text" in part and parts and "text" in parts[-1] and kind == before:
                parts[-1]["text"] += part["text"]
            elif part != {"text": ""}:
                parts.append(dict(part))
    if not ended:
        raise EOFError("no finishReason")
    content = {"role": "model", "parts": parts}
    return {"candidates": [{"content": content, "index": 0, "finishReason": "STOP"}]}
