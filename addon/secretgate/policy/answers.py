"""Policy on answers, applied before anything is restored in them.

The judge takes the frames of a stream and returns frames. A block that a rule may have to change is
held back until it is complete, together with everything behind it, so that the order is kept;
everything else passes immediately. If the rules only log, nothing is held.

Once a call is denied, the tool calls after it are denied as well: the model planned them on the
assumption that the denied call had been allowed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from secretgate import tolerant
from secretgate.policy import grammars
from secretgate.policy.blocks import OpenBlocks, changes, replaced, rewrite, value_of, whole, write
from secretgate.policy.engine import Policy
from secretgate.policy.grammars.base import (
    TEXT,
    TOOL,
    Block,
    Entry,
    Grammar,
    Key,
    Piece,
    Reading,
    Sign,
)
from secretgate.policy.interest import OPERATIONS, RESPONSE, Interest, interest
from secretgate.policy.judged import Changed
from secretgate.policy.model import Call, Decision
from secretgate.policy.texts import encoded
from secretgate.providers import Dialect, kind_of
from secretgate.streams.base import END_MARK, Frame

_LIVE = frozenset(("ping", "heartbeat", "keepalive"))

Told = Callable[[str, Decision], None]


@dataclass
class _Held:
    frame: Frame
    entry: Entry | None


@dataclass
class Judge:
    """Judges one answer, or the successive answers of one WebSocket."""

    policy: Policy
    context: Mapping[str, Any]
    grammar: Grammar
    wanted: Interest
    told: Told
    lanes: Sequence[str] = ()
    """Members that tell apart the answers which share a connection; each lane is judged apart."""
    wrappers: Mapping[str, str] = field(default_factory=dict)
    """Types of events that only wrap another event, each with the member that holds it."""
    _lanes: dict[str, Judge] = field(default_factory=dict)
    _queue: deque[_Held] = field(default_factory=deque)
    _open: OpenBlocks = field(default_factory=OpenBlocks)
    _said: dict[str, str] = field(default_factory=dict)
    """Original texts and their replacements, for later events that repeat them."""
    _refused: dict[str, str] = field(default_factory=dict)
    """Ids of denied items, and the messages that replace them."""
    _denial: str = ""
    _tools: int = 0
    """Number of tool calls that were allowed."""
    _calls: int = 0
    _shift: int = 0

    def event(self, frame: Frame) -> list[Frame]:
        """Process one frame and return the frames that can be sent on now."""
        payload = frame.payload
        if payload is None:
            if END_MARK in frame.raw:
                return [*self.finish(), frame]
            return [frame] if frame.raw[:1] == b":" else self._passed(_Held(frame, None))
        try:
            event = tolerant.decode(payload)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            return self._passed(_Held(frame, None))
        entry = Entry(event, kind_of(event, frame.event))
        inner = event.get(self.wrappers.get(entry.kind, ""))
        if isinstance(inner, dict):
            member = self.wrappers[entry.kind]
            entry = Entry(inner, kind_of(inner, ""), wrapped=(event, member))
        if entry.kind in _LIVE:
            return [frame]
        lane = self._lane(event)
        if not lane:
            return self._read(frame, entry)
        judge = self._lanes.pop(lane, None) or self._another()
        out = judge._read(frame, entry)
        if not judge._idle:
            self._lanes[lane] = judge
        return out

    def finish(self) -> list[Frame]:
        """Judge what is still open and return the remaining frames."""
        self._close(list(self._open), Reading(everything=True))
        others = [frame for lane in self._lanes.values() for frame in lane.finish()]
        return [*self._released(), *others]

    def _lane(self, event: Mapping[str, Any]) -> str:
        """Return the lane that an event is in, or an empty string."""
        found = [_lane_id(event, name) for name in self.lanes]
        return repr(found) if any(each is not None for each in found) else ""

    def _another(self) -> Judge:
        """Return the judge of an answer in a lane of its own."""
        return Judge(self.policy, self.context, self.grammar, self.wanted, self.told)

    @property
    def _idle(self) -> bool:
        """Whether nothing is known of the answer, as before its first event or after its last."""
        known = self._queue, self._open, self._said, self._refused, self._denial
        return not (any(known) or self._tools or self._calls or self._shift)

    def document(self, payload: bytes) -> bytes:
        """Judge a complete answer and return its payload, changed or not."""
        try:
            whole = tolerant.decode(payload)
        except ValueError:
            whole = None
        if not isinstance(whole, dict | list):
            return self._plain(payload)
        entries = [
            Entry(each, "")
            for each in (whole if isinstance(whole, list) else [whole])
            if isinstance(each, dict)
        ]
        for entry in entries:
            reading = self.grammar.read(entry.event, "")
            self._noted(entry, reading)
            self._close(list(self._open), reading)
            self._settle(entry, reading)
        if not any(entry.changed for entry in entries):
            return payload
        return tolerant.encode(whole)

    def of_texts(self) -> Judge:
        return replace(self, grammar=grammars.TEXTS)

    def _plain(self, payload: bytes) -> bytes:
        """Judge an answer that is a single text."""
        try:
            entry = Entry({"text": payload.decode()}, "")
        except UnicodeDecodeError:
            return payload
        sign = Sign(("text",), TEXT, entry.event, "text")
        self._judge_text(Block(sign.key, TEXT, signs=[Piece(entry, sign)]))
        return str(entry.event["text"]).encode() if entry.changed else payload

    def _read(self, frame: Frame, entry: Entry) -> list[Frame]:
        reading = self.grammar.read(entry.event, entry.kind)
        self._noted(entry, reading)
        held = _Held(frame, entry)
        waits = self._open.holding or bool(self._queue)
        if waits:
            self._queue.append(held)
        ready = self._ended(reading)
        self._settle(entry, reading)
        if not waits:
            out = self._sent(held)
        else:
            out = self._released() if ready or not self._open.holding else []
        if reading.everything:
            self._over()
        return out

    def _over(self) -> None:
        """Reset the state at the end of an answer; on a WebSocket another may follow."""
        self._said, self._refused, self._denial = {}, {}, ""
        self._tools = self._calls = self._shift = 0

    def _passed(self, held: _Held) -> list[Frame]:
        if not self._queue:
            return [held.frame]
        self._queue.append(held)
        return []

    def _noted(self, entry: Entry, reading: Reading) -> None:
        wanted = self.wanted.seen | self.wanted.held
        entry.repeats = all(sign.box is None for sign in reading.signs)
        for sign in reading.signs:
            if not wanted & {sign.what, RESPONSE}:
                continue
            held = bool(self.wanted.held & {sign.what, RESPONSE})
            block = self._open.at(_key(sign.key), sign.what, held)
            block.name = block.name or sign.name
            block.add(entry, sign)

    def _ended(self, reading: Reading) -> bool:
        """Judge the blocks that this event ends; return whether there were any."""
        if reading.everything:
            keys = list(self._open)
        elif RESPONSE in self.wanted.held:
            keys = []
        else:
            keys = self._open.below(map(_key, reading.closed))
        self._close(list(dict.fromkeys(keys)), reading)
        return bool(keys) or reading.everything

    def _close(self, keys: Sequence[Key], reading: Reading) -> None:
        blocks = [self._open.taken(key) for key in keys]
        known = len(self._said)
        self._calls += sum(block.what == TOOL for block in blocks)
        if reading.everything and RESPONSE in self.wanted.seen:
            self._summary(reading, blocks)
        for block in sorted(blocks, key=lambda block: block.what):
            self._judge(block)
        if len(self._said) > known:
            for held in self._queue:
                if held.entry and held.entry.repeats and replaced(held.entry.event, self._said):
                    held.entry.changed = True

    def _summary(self, reading: Reading, blocks: Iterable[Block]) -> None:
        params = {"stop_reason": reading.reason or "", "tool_use_count": self._calls}
        decision = self._decided(Call(OPERATIONS[RESPONSE], params, self.context))
        if decision.denies:
            self._denial = _message(decision)
            for number, block in enumerate(b for b in blocks if b.what == TEXT):
                text = whole(block)
                self._said[text] = "" if number else self._denial
                write(block, self._said[text])

    def _judge(self, block: Block) -> None:
        if block.what == TEXT:
            self._judge_text(block)
        else:
            self._judge_tool(block)

    def _judge_text(self, block: Block) -> None:
        text = whole(block)
        if not text or TEXT not in self.wanted.seen:
            return
        decision = self._decided(
            Call(OPERATIONS[TEXT], {"text": text, "role": "assistant"}, self.context)
        )
        if decision.denies:
            self._denial = self._said[text] = _message(decision)
            write(block, self._denial)
        elif decision.redacts:
            rewrite(block, text, decision.edits.get(("text",), ()))
            self._said[text] = str(decision.params["text"])

    def _judge_tool(self, block: Block) -> None:
        raw, given = self._arguments(block)
        if self._denial:
            self._deny(block)
            return
        if TOOL not in self.wanted.seen:
            self._tools += 1
            return
        params = {"name": block.name, "input": given}
        decision = self._decided(Call(OPERATIONS[TOOL], params, self.context))
        if decision.denies:
            self._denial = _message(decision, block.name)
            self._deny(block)
            return
        self._tools += 1
        if decision.redacts and isinstance(raw, str):
            new = decision.params["input"]
            text = new if isinstance(new, str) else tolerant.encode(new).decode()
            write(block, text)
            self._said[raw] = text
        elif decision.redacts:
            self._said.update(changes(given, decision.params["input"]))
            self.grammar.give(block, decision.params["input"])

    def _arguments(self, block: Block) -> tuple[str | None, Any]:
        """Return the arguments of a tool call as text (None if they are not text) and as a value."""
        if block.pieces and not isinstance(value_of(block.pieces[0]), str):
            return None, self.grammar.given(block)
        raw = whole(block)
        try:
            given = tolerant.decode(encoded(raw))
        except ValueError:
            return raw, raw
        return raw, given if isinstance(given, dict | list) else raw

    def _deny(self, block: Block) -> None:
        if not block.held:
            return
        for entry in block.entries:
            item = entry.event.get("item") or entry.event.get("step")
            if isinstance(item, dict):
                self._refused[str(item.get("id") or "")] = self._denial
        self._refused.setdefault("", self._denial)
        self.grammar.deny(block, self._denial)

    def _decided(self, call: Call) -> Decision:
        decision = self.policy.evaluate(call)
        if decision.rule or any(each.outcome != "skipped" for each in decision.evaluated):
            self.told(call.operation, decision)
        return decision

    def _settle(self, entry: Entry, reading: Reading) -> None:
        """Update an event that refers to earlier content which has been changed or denied."""
        if self._refused:
            if self.grammar.echo(entry.event, self._refused):
                entry.changed = True
            if reading.stop is not None and not self._tools:
                box, member = reading.stop
                if box[member] in self.grammar.stops:
                    box[member] = self.grammar.stops[box[member]]
                    entry.changed = True
        if self._said and entry.repeats and replaced(entry.event, self._said):
            entry.changed = True

    def _released(self) -> list[Frame]:
        """Return the queued frames that no open block holds back."""
        out: list[Frame] = []
        while self._queue and not (self._queue[0].entry and self._queue[0].entry.waits):
            out += self._sent(self._queue.popleft())
        return out

    def _sent(self, held: _Held) -> list[Frame]:
        entry = held.entry
        if entry is None:
            return [held.frame]
        number = entry.event.get("sequence_number")
        if not entry.changed and not (self._shift and isinstance(number, int)):
            return [held.frame]
        events = [(entry.kind, entry.event)] if entry.instead is None else entry.instead
        if isinstance(number, int):
            for at, (_, event) in enumerate(events):
                event["sequence_number"] = number + self._shift + at
            self._shift += len(events) - 1
        if entry.wrapped is not None:
            around, member = entry.wrapped
            return [
                Changed(held.frame, tolerant.encode({**around, member: event}))
                for _, event in events
            ]
        return [
            Changed(held.frame, tolerant.encode(event), "" if kind == entry.kind else kind)
            for kind, event in events
        ]


def judging(
    policy: Policy | None, context: Mapping[str, Any], dialect: Dialect, told: Told
) -> Judge | None:
    """Return a judge for an answer, or None if no rule concerns answers."""
    if policy is None:
        return None
    wanted = interest(policy, context)
    if not wanted.seen:
        return None
    around = {**context, "direction": "response"}
    return Judge(
        policy, around, grammars.of(dialect), wanted, told, dialect.lanes, dialect.wrappers
    )


def _lane_id(event: Mapping[str, Any], name: str) -> Any:
    """Return the id of a lane; an event about the session has it as `session.id`."""
    whole = event.get(name.removesuffix("_id"))
    return event.get(name, whole.get("id") if isinstance(whole, dict) else None)


def _key(parts: Key) -> Key:
    """Return the key of a block, hashable even if the event has unexpected types there."""
    return tuple(part if isinstance(part, str | int | None) else repr(part) for part in parts)


def _message(decision: Decision, tool: str = "") -> str:
    said = decision.message or "the policy forbids it"
    what = f"the call of {tool}" if tool else "this part of the answer"
    return f"[secretgate denied {what}: {said} (rule {decision.rule})]"
