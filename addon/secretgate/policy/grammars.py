"""How each family writes texts and tool calls in its answers, whole and streamed.

A grammar reads one event (or a whole answer, which is an event in which everything begins and ends) and gives
*signs*: here is a piece of this text, here are arguments of that tool call, this block is over. It also
knows how its family would have said something else in a tool call's place.

A piece is a member of an object of the event, so that whoever holds the event can write into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from secretgate.paths import Node
from secretgate.providers import Dialect
from secretgate.providers import Piece as Pieces

TEXT: Final = "text"
TOOL: Final = "tool"

Key = tuple[Any, ...]
Event = dict[str, Any]


class Sign(NamedTuple):
    """Something that an event says of a block."""

    key: Key
    what: str
    box: Event | None = None
    """The object that holds the piece; None where a block begins without one."""
    member: str = ""
    name: str = ""
    holder: Any = None
    """What the whole of it stands in, for those who take it out."""
    so_far: tuple[Event, str] | None = None
    """Where the event says everything of the block up to here, beside the piece or in its place."""


@dataclass
class Reading:
    """What one event says."""

    signs: list[Sign] = field(default_factory=list)
    closed: list[Key] = field(default_factory=list)
    """Keys that end here, or their beginnings."""
    everything: bool = False
    """Whether every block ends here."""
    reason: str | None = None
    """Why the answer stops, where the event says so."""
    stop: tuple[Event, str] | None = None
    """Where it says so."""


@dataclass(eq=False)
class Entry:
    """An event that is held back, and what goes out in its place."""

    event: Event
    kind: str
    changed: bool = False
    repeats: bool = False
    """Whether it holds no piece of anything, and may repeat what was said."""
    instead: list[tuple[str, Event]] | None = None
    """Other events, with their kinds; an empty list drops it."""


class Piece(NamedTuple):
    entry: Entry
    sign: Sign


@dataclass
class Block:
    """A text or a tool call, as far as it has come."""

    key: Key
    what: str
    held: bool = False
    name: str = ""
    signs: list[Piece] = field(default_factory=list)

    @property
    def pieces(self) -> list[Piece]:
        """Those signs that hold a piece of it."""
        return [piece for piece in self.signs if piece.sign.box is not None]

    @property
    def entries(self) -> list[Entry]:
        """Every event that speaks of it, once."""
        return list({id(piece.entry): piece.entry for piece in self.signs}.values())


Read = Callable[[Event, str], Reading]
Deny = Callable[[Block, str], None]


@dataclass(frozen=True)
class Grammar:
    read: Read
    deny: Deny
    """Puts a text in place of a tool call."""
    echo: Callable[[Event, Mapping[str, str]], bool] = lambda event, denied: False
    """Takes denied calls out of an event that repeats what was said; says whether there were any."""
    given: Callable[[Block], Any] = field(default_factory=lambda: _given)
    """The arguments of a call, where they are no text."""
    give: Callable[[Block, Any], None] = field(default_factory=lambda: _give)
    stops: Mapping[str, str] = field(default_factory=dict)
    """Why an answer stops that asks for tools, and what it says when none are left."""


def _given(block: Block) -> Any:
    sign = block.pieces[0].sign
    return sign.box[sign.member] if sign.box else None


def _give(block: Block, given: Any) -> None:
    entry, sign = block.pieces[0]
    if sign.box is not None:
        sign.box[sign.member] = given
        entry.changed = True


def _dict(value: Any) -> Event:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> Iterator[tuple[int, Event]]:
    for at, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield at, item


def _text(box: Event, member: str) -> bool:
    return isinstance(box.get(member), str)


def _stop(reading: Reading, box: Event, member: str) -> None:
    if isinstance(box.get(member), str):
        reading.reason, reading.stop = box[member], (box, member)


def _drop(entries: Iterable[Entry]) -> None:
    for entry in entries:
        entry.instead, entry.changed = [], True


# Anthropic


def _anthropic(event: Event, kind: str) -> Reading:
    reading = Reading()
    if kind == "content_block_start":
        block, key = _dict(event.get("content_block")), (event.get("index"),)
        if block.get("type") == "text":
            reading.signs.append(Sign(key, TEXT, block, "text"))
        elif block.get("type") == "tool_use":
            reading.signs.append(Sign(key, TOOL, None, "", str(block.get("name") or "")))
    elif kind == "content_block_delta":
        delta, key = _dict(event.get("delta")), (event.get("index"),)
        if _text(delta, "text"):
            reading.signs.append(Sign(key, TEXT, delta, "text"))
        elif _text(delta, "partial_json"):
            reading.signs.append(Sign(key, TOOL, delta, "partial_json"))
    elif kind == "content_block_stop":
        reading.closed.append((event.get("index"),))
    elif kind == "message_delta":
        reading.everything = True
        _stop(reading, _dict(event.get("delta")), "stop_reason")
    elif kind == "message_stop":
        reading.everything = True
    elif isinstance(event.get("content"), list):
        for at, block in _items(event["content"]):
            if block.get("type") == "text" and _text(block, "text"):
                reading.signs.append(Sign((at,), TEXT, block, "text"))
            elif block.get("type") == "tool_use" and "input" in block:
                reading.signs.append(
                    Sign((at,), TOOL, block, "input", str(block.get("name") or ""), block)
                )
        reading.everything = True
        _stop(reading, event, "stop_reason")
    return reading


def _deny_anthropic(block: Block, message: str) -> None:
    if block.pieces and block.pieces[0].sign.holder is not None:
        piece = block.pieces[0]
        piece.sign.holder.clear()
        piece.sign.holder.update({"type": "text", "text": message})
        piece.entry.changed = True
        return
    opener, deltas = block.entries[0], [piece.entry for piece in block.pieces]
    opener.event["content_block"] = {"type": "text", "text": "" if deltas else message}
    opener.changed = True
    for entry in deltas[:1]:
        entry.event["delta"] = {"type": "text_delta", "text": message}
        entry.changed = True
    _drop(deltas[1:])


# OpenAI Chat Completions, and who speaks it


def _chat(event: Event, kind: str) -> Reading:
    return _choices(event)


def _dashscope(event: Event, kind: str) -> Reading:
    return _choices(_dict(event.get("output")))


def _dashscope_so_far(event: Event, kind: str) -> Reading:
    """Without `incremental_output` every event says everything again."""
    reading = _dashscope(event, kind)
    reading.signs = [
        sign._replace(box=None, so_far=(sign.box, sign.member)) if sign.box else sign
        for sign in reading.signs
    ]
    return reading


def _choices(event: Event) -> Reading:
    reading = Reading()
    for at, choice in _items(event.get("choices")):
        index = choice.get("index", at)
        streamed = "delta" in choice
        said = _dict(choice["delta"] if streamed else choice.get("message"))
        if _text(choice, "text"):
            reading.signs.append(Sign((index, TEXT), TEXT, choice, "text"))
        again = _dict(choice.get("message")) if streamed else {}
        so_far = (again, "content") if _text(again, "content") else None
        if _text(said, "content") and (said["content"] or so_far):
            sign = Sign((index, TEXT), TEXT, said, "content", so_far=so_far)
            reading.signs.append(sign)
        for number, part in _items(said.get("content")):
            if _text(part, "text"):
                reading.signs.append(Sign((index, TEXT, number), TEXT, part, "text"))
        reading.signs += _tool_calls(index, said)
        if choice.get("finish_reason") not in (None, "", "null"):
            reading.closed.append((index,))
            _stop(reading, choice, "finish_reason")
    return reading


def _tool_calls(index: Any, said: Event) -> Iterator[Sign]:
    for number, call in _items(said.get("tool_calls")):
        key = (index, TOOL, call.get("index", number))
        function, custom = _dict(call.get("function")), _dict(call.get("custom"))
        inner, member = (custom, "input") if custom else (function, "arguments")
        name, box = str(inner.get("name") or ""), inner if member in inner else None
        yield Sign(key, TOOL, box, member, name, (said, call))
    function = _dict(said.get("function_call"))
    if function:
        name, box = str(function.get("name") or ""), function if "arguments" in function else None
        yield Sign((index, TOOL, "function_call"), TOOL, box, "arguments", name, (said, None))


def _deny_chat(block: Block, message: str) -> None:
    for number, (entry, sign) in enumerate(block.signs):
        said, call = sign.holder
        left = [each for each in said.pop("tool_calls", ()) if each is not call]
        if left:
            said["tool_calls"] = left
        if call is None:
            said.pop("function_call", None)
        if not number:
            before = said.get("content")
            said["content"] = f"{before}\n{message}" if before else message
        entry.changed = True


# OpenAI Responses

_ITEM_PIECES: Final = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "mcp_approval_request": "arguments",
}
_ITEM_DELTAS: Final = (
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
)

_ITEM_REPEATS: Final = tuple(name.replace(".delta", ".done") for name in _ITEM_DELTAS)


def _responses(event: Event, kind: str) -> Reading:
    reading = Reading()
    at = event.get("output_index")
    if kind in ("response.output_text.delta", "response.text.delta", "response.refusal.delta"):
        reading.signs.append(Sign((at, TEXT, event.get("content_index")), TEXT, event, "delta"))
    elif kind in ("response.output_text.done", "response.text.done", "response.refusal.done"):
        reading.closed.append((at, TEXT, event.get("content_index")))
    elif kind in _ITEM_DELTAS:
        reading.signs.append(Sign((at, TOOL), TOOL, event, "delta"))
    elif kind == "response.output_item.added":
        item = _dict(event.get("item"))
        if str(item.get("type")) in _ITEM_PIECES:
            name = str(item.get("name") or "")
            reading.signs.append(Sign((at, TOOL), TOOL, name=name))
    elif kind in _ITEM_REPEATS:
        reading.signs.append(Sign((at, TOOL), TOOL))
    elif kind == "response.output_item.done":
        if str(_dict(event.get("item")).get("type")) in _ITEM_PIECES:
            reading.signs.append(Sign((at, TOOL), TOOL))
        reading.closed.append((at,))
    elif kind in ("response.completed", "response.incomplete", "response.failed", "response.done"):
        reading.everything = True
        reading.reason = str(_dict(event.get("response")).get("status") or "")
    elif not kind.startswith("response.") and isinstance(event.get("output"), list):
        _output(reading, event)
        reading.everything = True
        reading.reason = str(event.get("status") or "")
    return reading


def _output(reading: Reading, response: Event) -> None:
    for at, item in _items(response.get("output")):
        member = _ITEM_PIECES.get(str(item.get("type")))
        if member and member in item:
            reading.signs.append(
                Sign((at, TOOL), TOOL, item, member, str(item.get("name") or ""), item)
            )
        for number, part in _items(item.get("content")):
            if item.get("type") == "message" and _text(part, "text"):
                reading.signs.append(Sign((at, TEXT, number), TEXT, part, "text"))


def message_item(identity: str, message: str, status: str = "completed") -> Event:
    """An item that says something, in place of one that calls."""
    part = {"type": "output_text", "text": message, "annotations": []}
    content = [part] if message else []
    return {
        "id": identity,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _become_message(item: Event, message: str) -> None:
    said = message_item(str(item.get("id") or ""), message)
    item.clear()
    item.update(said)


def _deny_responses(block: Block, message: str) -> None:
    if block.pieces and block.pieces[0].sign.holder is not None:
        piece = block.pieces[0]
        _become_message(piece.sign.holder, message)
        piece.entry.changed = True
        return
    opener = block.entries[0]
    item = _dict(opener.event.get("item"))
    at = opener.event.get("output_index")
    identity = str(item.get("id") or "")
    part = {"type": "output_text", "text": "", "annotations": []}
    whole = {**part, "text": message}
    place = {"item_id": identity, "output_index": at, "content_index": 0}
    added = {**opener.event, "item": message_item(identity, "", "in_progress")}
    said: list[Event] = [
        added,
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": message, "logprobs": []},
        {"type": "response.output_text.done", **place, "text": message, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": whole},
    ]
    opener.instead = [(str(each.get("type")), each) for each in said]
    opener.changed = True
    for entry in block.entries[1:]:
        if entry.kind == "response.output_item.done":
            entry.event["item"] = message_item(identity, message)
            entry.changed = True
        else:
            _drop((entry,))


def _echo_responses(event: Event, denied: Mapping[str, str]) -> bool:
    found = False
    for _, item in _items(_dict(event.get("response")).get("output")):
        identity = str(item.get("id") or "")
        if str(item.get("type")) in _ITEM_PIECES and identity in denied:
            _become_message(item, denied[identity])
            found = True
    return found


# Gemini


def _gemini(event: Event, kind: str) -> Reading:
    reading = Reading()
    inner = _dict(event.get("response")) or event
    for at, candidate in _items(inner.get("candidates")):
        index = candidate.get("index", at)
        _parts(reading, index, _dict(candidate.get("content")))
        if candidate.get("finishReason"):
            reading.closed.append((index,))
            _stop(reading, candidate, "finishReason")
    server = _dict(inner.get("serverContent"))
    _parts(reading, "live", _dict(server.get("modelTurn")))
    if server.get("turnComplete") or server.get("generationComplete"):
        reading.closed.append(("live",))
    calls = _dict(inner.get("toolCall"))
    for number, call in _items(calls.get("functionCalls")):
        key = ("live", TOOL, id(call), number)
        reading.signs.append(
            Sign(key, TOOL, call, "args", str(call.get("name") or ""), (inner, calls, call))
        )
        reading.closed.append(("live",))
    return reading


def _parts(reading: Reading, index: Any, content: Event) -> None:
    for number, part in _items(content.get("parts")):
        if _text(part, "text") and part.get("thought") is not True:
            reading.signs.append(Sign((index, TEXT), TEXT, part, "text"))
        call = part.get("functionCall")
        if not isinstance(call, dict):
            continue
        name = str(call.get("name") or "")
        if call.get("args") is None and (not name or "willContinue" in call):
            key: Key = (index, TOOL, "in pieces")
            box = call if "partialArgs" in call else None
            reading.signs.append(Sign(key, TOOL, box, "partialArgs", name, part))
            reading.closed += [] if call.get("willContinue") else [key]
        else:
            call.setdefault("args", {})
            key = (index, TOOL, id(part), number)
            reading.signs.append(Sign(key, TOOL, call, "args", name, part))


def _deny_gemini(block: Block, message: str) -> None:
    for number, (entry, sign) in enumerate(block.signs):
        if isinstance(sign.holder, tuple):
            inner, calls, called = sign.holder
            left = [each for each in calls["functionCalls"] if each is not called]
            calls["functionCalls"] = left
            if not left:
                inner.pop("toolCall")
                turn = {"role": "model", "parts": [{"text": message}]}
                inner["serverContent"] = {"modelTurn": turn, "turnComplete": True}
        else:
            sign.holder.clear()
            sign.holder["text"] = "" if number else message
        entry.changed = True


def _given_gemini(block: Block) -> Any:
    """The arguments of a call that came in pieces, each with the path of what it is a piece of."""
    if block.pieces[0].sign.member == "args":
        return _given(block)
    given: dict[str, Any] = {}
    for _, sign in block.pieces:
        for _, piece in _items(sign.box["partialArgs"] if sign.box else ()):
            path = str(piece.get("jsonPath") or "").removeprefix("$").lstrip(".")
            values = [value for name, value in piece.items() if name.endswith("Value")]
            value = values[0] if values else None
            if isinstance(value, str) and isinstance(given.get(path), str):
                value = given[path] + value
            given[path] = value
    return given


def _give_gemini(block: Block, given: Any) -> None:
    """Other arguments; a call that came in pieces then comes whole."""
    if block.pieces[0].sign.member == "args":
        _give(block, given)
        return
    for number, (entry, sign) in enumerate(block.signs):
        sign.holder.pop("functionCall")
        if number:
            sign.holder["text"] = ""
        else:
            sign.holder["functionCall"] = {"name": block.name, "args": given}
        entry.changed = True


# Bedrock: Converse, and Anthropic's events


def _bedrock(event: Event, kind: str) -> Reading:
    reading = Reading()
    at = event.get("contentBlockIndex")
    if kind == "contentBlockStart":
        tool = _dict(_dict(event.get("start")).get("toolUse"))
        if tool:
            reading.signs.append(Sign((at,), TOOL, None, "", str(tool.get("name") or "")))
    elif kind == "contentBlockDelta":
        delta = _dict(event.get("delta"))
        tool = _dict(delta.get("toolUse"))
        if _text(delta, "text"):
            reading.signs.append(Sign((at,), TEXT, delta, "text"))
        elif _text(tool, "input"):
            reading.signs.append(Sign((at,), TOOL, tool, "input"))
    elif kind == "contentBlockStop":
        reading.closed.append((at,))
    elif kind == "messageStop":
        reading.everything = True
        _stop(reading, event, "stopReason")
    elif "message" in _dict(event.get("output")):
        for number, block in _items(_dict(event["output"]["message"]).get("content")):
            tool = _dict(block.get("toolUse"))
            if _text(block, "text"):
                reading.signs.append(Sign((number,), TEXT, block, "text"))
            elif "input" in tool:
                reading.signs.append(
                    Sign((number,), TOOL, tool, "input", str(tool.get("name") or ""), block)
                )
        reading.everything = True
        _stop(reading, event, "stopReason")
    else:
        return _anthropic(event, kind)
    return reading


def _deny_bedrock(block: Block, message: str) -> None:
    entry, sign = block.signs[0]
    if isinstance(sign.holder, dict) and "toolUse" in sign.holder:
        sign.holder.clear()
        sign.holder["text"] = message
        entry.changed = True
    elif not entry.kind.startswith("contentBlock"):
        _deny_anthropic(block, message)
    elif deltas := [piece.entry for piece in block.pieces]:
        deltas[0].event["delta"] = {"text": message}
        deltas[0].changed = True
        _drop(each for each in block.entries if each is not deltas[0])
    else:
        entry.event["start"] = {}
        entry.changed = True


# Cohere


def _cohere(event: Event, kind: str) -> Reading:
    reading = Reading()
    kind = kind or str(event.get("event_type") or "")
    at = event.get("index")
    message = _dict(_dict(event.get("delta")).get("message"))
    if kind in ("content-start", "content-delta"):
        content = _dict(message.get("content"))
        if _text(content, "text"):
            reading.signs.append(Sign((at, TEXT), TEXT, content, "text"))
    elif kind == "content-end":
        reading.closed.append((at, TEXT))
    elif kind in ("tool-call-start", "tool-call-delta"):
        function = _dict(_dict(message.get("tool_calls")).get("function"))
        box = function if _text(function, "arguments") else None
        reading.signs.append(
            Sign((at, TOOL), TOOL, box, "arguments", str(function.get("name") or ""))
        )
    elif kind == "tool-call-end":
        reading.signs.append(Sign((at, TOOL), TOOL))
        reading.closed.append((at, TOOL))
    elif kind == "message-end":
        reading.everything = True
        _stop(reading, _dict(event.get("delta")), "finish_reason")
    elif kind == "text-generation":
        reading.signs.append(Sign((TEXT,), TEXT, event, "text"))
    elif kind == "tool-calls-generation":
        _first_calls(reading, event)
    elif kind == "stream-end":
        reading.everything = True
        _stop(reading, event, "finish_reason")
    elif isinstance(event.get("message"), dict):
        said = event["message"]
        for number, part in _items(said.get("content")):
            if _text(part, "text"):
                reading.signs.append(Sign((number, TEXT), TEXT, part, "text"))
        reading.signs += [
            sign._replace(holder=(said, sign.holder[1])) for sign in _tool_calls(0, said)
        ]
        reading.everything = True
        _stop(reading, event, "finish_reason")
    elif _text(event, "text") and "generation_id" in event:
        reading.signs.append(Sign((TEXT,), TEXT, event, "text"))
        _first_calls(reading, event)
        reading.everything = True
    return reading


def _first_calls(reading: Reading, event: Event) -> None:
    """Of the first version of the API, in which a call comes whole."""
    for number, call in _items(event.get("tool_calls")):
        name = str(call.get("name") or "")
        reading.signs.append(Sign((TOOL, number), TOOL, call, "parameters", name, (event, call)))


def _deny_cohere(block: Block, message: str) -> None:
    holder = next((piece.sign.holder for piece in block.pieces), None)
    if holder is not None:
        said, call = holder
        said["tool_calls"] = [each for each in said.get("tool_calls", ()) if each is not call]
        if "parameters" in call:
            said["text"] = message
        elif isinstance(said.get("content"), list):
            said["content"].append({"type": "text", "text": message})
        else:
            said["content"] = [{"type": "text", "text": message}]
        if not said["tool_calls"]:
            del said["tool_calls"]
        block.pieces[0].entry.changed = True
        return
    opener = block.entries[0]
    index = opener.event.get("index")

    def part(kind: str, **content: Any) -> tuple[str, Event]:
        delta = {"delta": {"message": {"content": content}}} if content else {}
        return kind, {"type": kind, "index": index, **delta}

    opener.instead = [
        part("content-start", type="text", text=""),
        part("content-delta", text=message),
        part("content-end"),
    ]
    opener.changed = True
    _drop(block.entries[1:])


def _echo_cohere(event: Event, denied: Mapping[str, str]) -> bool:
    response = _dict(event.get("response"))
    if not denied or "tool_calls" not in response:
        return False
    del response["tool_calls"]
    return True


# Ollama


def _ollama(event: Event, kind: str) -> Reading:
    reading = Reading()
    said = _dict(event.get("message"))
    if _text(said, "content") and said["content"]:
        reading.signs.append(Sign((TEXT,), TEXT, said, "content"))
    if _text(event, "response") and event["response"]:
        reading.signs.append(Sign((TEXT,), TEXT, event, "response"))
    for number, call in _items(said.get("tool_calls")):
        function = _dict(call.get("function"))
        key = (TOOL, id(call), number)
        function.setdefault("arguments", {})
        reading.signs.append(
            Sign(key, TOOL, function, "arguments", str(function.get("name") or ""), (said, call))
        )
    if event.get("done") is True:
        reading.everything = True
        reading.reason = str(event.get("done_reason") or "")
    return reading


# What nobody has described: texts, as the dialect's table has them, that end with the answer


def of(dialect: Dialect) -> Grammar:
    """The grammar of a dialect."""
    return GRAMMARS.get(dialect.name) or Grammar(partial(_tabled, dialect), _deny_nothing)


def _tabled(dialect: Dialect, event: Event, kind: str) -> Reading:
    top = tuple(event.get(name) for name in dialect.identity)
    root = dialect.answer_paths(kind).root
    return Reading(
        [Sign((top, *where), TEXT, box, name) for where, box, name in _leaves(event, root)]
    )


def _leaves(value: Any, node: Node[Pieces], where: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in members:
        inner = node.item() if isinstance(name, int) else node.member(name.encode())
        if isinstance(member, str) and member and inner.label in (Pieces.DELTA, Pieces.WHOLE):
            yield (*where, name), value, name
        elif isinstance(member, dict | list):
            yield from _leaves(member, inner, (*where, name))


def _deny_nothing(block: Block, message: str) -> None:
    """There are no tool calls."""


GRAMMARS: Final[Mapping[str, Grammar]] = {
    "anthropic": Grammar(_anthropic, _deny_anthropic, stops={"tool_use": "end_turn"}),
    "openai-chat": Grammar(
        _chat, _deny_chat, stops={"tool_calls": "stop", "function_call": "stop"}
    ),
    "dashscope": Grammar(_dashscope_so_far, _deny_chat, stops={"tool_calls": "stop"}),
    "dashscope-incremental": Grammar(_dashscope, _deny_chat, stops={"tool_calls": "stop"}),
    "openai-responses": Grammar(_responses, _deny_responses, _echo_responses),
    "gemini": Grammar(_gemini, _deny_gemini, given=_given_gemini, give=_give_gemini),
    "bedrock": Grammar(_bedrock, _deny_bedrock, stops={"tool_use": "end_turn"}),
    "cohere": Grammar(_cohere, _deny_cohere, _echo_cohere, stops={"TOOL_CALL": "COMPLETE"}),
    "ollama": Grammar(_ollama, _deny_chat),
}
