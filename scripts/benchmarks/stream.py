"""The answer path: bytes of a stream in, bytes out, with provider-written values recorded.

    PYTHONPATH=scripts python -m benchmarks.stream [--quick] [--json]

There are six situations: nothing was redacted in the request; something was, but the answer
contains no placeholder; the same with source code, which is full of escapes, and with a thousand
secrets and an answer full of ids, each of which might be that of a placeholder; the answer has one
placeholder per thousand characters of text; and every event contains one. What clients receive is searched
for placeholders that were not restored. Each is measured with several delta sizes, split as by a network (16 kB), and
event by event. In addition, complete answers of few and of many events are measured, each with its
own ids as in reality, so that nothing prepared for one answer helps another.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from benchmarks import bodies
from benchmarks.measuring import Row, main, seconds, timed
from secretgate.inbound.leftovers import Leftovers
from secretgate.inbound.responses import Readers, Response, respond
from secretgate.inbound.written import Recorder
from secretgate.ledger import Ledger
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import Issued, Namer, Template
from secretgate.providers import DIALECTS, Dialect
from secretgate.vault import MemoryVault, Scope
from secretgate_rules import load_default

CHUNK = 16 << 10
DELTAS = (1, 4, 64, 4096)
_EVENTS = (10, 100, 1000)
_SCOPE = Scope("benchmark", "benchmark", b"account")
_WORDS = [
    "the",
    "function",
    "returns",
    "early",
    "when",
    "its",
    "cache",
    "holds",
    "an",
    "entry",
    "for",
    "this",
    "key",
    "otherwise",
    "it",
    "reads",
    "file",
    "and",
    "parses",
    "every",
    "line",
    "into",
    "a",
    "record",
    "that",
    "later",
    "steps",
    "filter",
    "sort",
    "and",
    "write",
    "to",
    "their",
    "output",
    "so",
    "that",
    "callers",
    "never",
    "see",
    "partial",
    "results",
    "import",
    "from",
    "def",
    "return",
    "self",
    "None",
    "True",
    "path",
    "open",
    "with",
    "as",
    "for",
    "in",
    "range",
    "if",
    "else",
    "while",
    "try",
    "except",
    "error",
    "value",
    "name",
    "index",
    "data",
    "=",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    ".",
    "->",
    "==",
    "+",
]

Event = Callable[[int, str], object]


def _anthropic(_: int, text: str) -> object:
    delta = {"type": "text_delta", "text": text}
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def _anthropic_json(_: int, text: str) -> object:
    delta = {"type": "input_json_delta", "partial_json": text}
    return {"type": "content_block_delta", "index": 1, "delta": delta}


def _chat(_: int, text: str) -> object:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
    return {
        "id": "chatcmpl-0123456789abcdefghijklmnopqrs",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "gpt-5",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": [choice],
    }


def _responses(number: int, text: str) -> object:
    return {
        "type": "response.output_text.delta",
        "sequence_number": number,
        "item_id": "msg_0123456789abcdef0123456789abcdef",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
        "logprobs": [],
        "obfuscation": "x" * (number % 16),
    }


def _gemini(number: int, text: str) -> object:
    return {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 812, "candidatesTokenCount": number},
        "modelVersion": "gemini-2.5-pro",
        "responseId": "0123456789abcdefghij",
    }


FAMILIES: dict[str, tuple[str, Event]] = {
    "anthropic": ("anthropic", _anthropic),
    "anthropic tool input": ("anthropic", _anthropic_json),
    "openai-chat": ("openai-chat", _chat),
    "openai-responses": ("openai-responses", _responses),
    "gemini": ("gemini", _gemini),
}


def prose(size: int, name: str = "", every: int = 0) -> str:
    """Return words and code, with `name` once every `every` characters."""
    words = random.Random(1)
    pieces: list[str] = []
    length = behind = 0
    while length < size:
        word = words.choice(_WORDS) + (" " if words.random() < 0.93 else "\n    ")
        if every and length - behind >= every:
            word, behind = name + " ", length
        pieces.append(word)
        length += len(word)
    return "".join(pieces)[:size]


@cache
def _library() -> str:
    return "\n".join(text for _, text in bodies.sources())


def source(size: int, name: str = "", every: int = 0) -> str:
    """Return source code of the standard library, without placeholders."""
    return (_library() * (size // len(_library()) + 1))[:size]


def with_ids(size: int, name: str = "", every: int = 0) -> str:
    """Return words with an id of twelve digits every hundred characters."""
    words, ids = prose(size), random.Random(2)
    cut = [words[at : at + 87] for at in range(0, size, 87)]
    return "".join(f"{each} {ids.randbytes(6).hex()}" for each in cut)[:size]


def stream(family: str, text: str, delta: int) -> list[bytes]:
    """Return the events of an answer with the given text."""
    _, event = FAMILIES[family]
    said = [text[at : at + delta] for at in range(0, len(text), delta)]
    out = []
    for number, piece in enumerate(said):
        value = event(number, piece)
        head = f"event: {value['type']}\n" if isinstance(value, dict) and "type" in value else ""
        out.append((head + "data: " + json.dumps(value, separators=(",", ":")) + "\n\n").encode())
    return out


class Bench:
    """The parts of the gate that process answers."""

    def __init__(self) -> None:
        self.template = Template()
        self.namer = Namer(self.template, bytes(32))
        vault, ledger = MemoryVault(), Ledger(None, self.namer.digest)
        detector = load_default(self.template.spelled, enable=())
        self.redactor = Redactor(detector, vault, ledger, self.namer)
        self.ledger = ledger
        self.value = "made-up value of the benchmark"
        self.name = self._named(self.value)
        others = (f"{self.value} {number}" for number in range(1000))
        self._others = {self._named(each).encode(): each.encode() for each in others}

    def dialect(self, name: str) -> Dialect:
        return DIALECTS[name]

    def _named(self, value: str) -> str:
        return self.namer.name("generic-api-key", value.encode()).decode()

    def response(self, dialect: str, issued: bool, many: bool = False) -> Response:
        placeholders = {self.name.encode(): self.value.encode()} if issued else {}
        known = Issued(self.template, {**placeholders, **(self._others if many else {})})
        recorder = Recorder(DIALECTS[dialect], self.redactor, self.ledger, _SCOPE)
        leftovers = Leftovers()
        if many:
            recorder.tell(lambda text: leftovers.see(text, known))
        response = respond(
            {"content-type": "text/event-stream"},
            Readers(DIALECTS[dialect], known, lambda reason: None, recorder),
            stream=True,
        )
        assert response is not None
        return response


class Situation(NamedTuple):
    issued: bool = True
    every: int = 0
    """How many characters of the answer hold one placeholder; 0 if there is none."""
    text: Callable[[int, str, int], str] = prose
    many: bool = False
    """Whether a thousand placeholders were issued."""


SITUATIONS = {
    "nothing issued": Situation(issued=False),
    "issued, none in the answer": Situation(),
    "source code, none in the answer": Situation(text=source),
    "a thousand issued, ids in the answer": Situation(text=with_ids, many=True),
    "one a thousand characters": Situation(every=1000),
    "one after the other": Situation(every=1),
}


def _case(bench: Bench, family: str, situation: str, delta: int, size: int, runs: int) -> Row:
    chosen = SITUATIONS[situation]
    events = stream(family, chosen.text(size, bench.name, chosen.every), delta)
    raw = b"".join(events)
    cut = [raw[at : at + CHUNK] for at in range(0, len(raw), CHUNK)]
    alone = events[:2000]

    def run(pieces: Sequence[bytes]) -> None:
        response = bench.response(FAMILIES[family][0], chosen.issued, chosen.many)
        for piece in pieces:
            response.feed(piece)
        response.finish()

    large, single = timed(lambda: run(cut), runs), timed(lambda: run(alone), runs)
    return {
        "part": "stream",
        "family": family,
        "situation": situation,
        "delta": delta,
        "events": len(events),
        "bytes": len(raw),
        "MB/s in 16 kB chunks": len(raw) / large.median / 1e6,
        "least MB/s": len(raw) / large.most / 1e6,
        "most MB/s": len(raw) / large.least / 1e6,
        "us/event alone": single.median / len(alone) * 1e6,
        "bytes/event": len(raw) // len(events),
    }


def _own_ids(events: Sequence[bytes], number: int) -> list[bytes]:
    """Return the events of another answer with the same text."""
    own = b"%010d" % number
    return [event.replace(b"0123456789", own) for event in events]


def _answers(bench: Bench, family: str, count: int, runs: int) -> Row:
    """Measure answers of a given number of events, event by event, each answer seen once."""
    events = stream(family, prose(count * 64), 64)
    answers = iter([_own_ids(events, number) for number in range(2 + runs)])

    def run() -> None:
        response = bench.response(FAMILIES[family][0], True)
        for event in next(answers):
            response.feed(event)
        response.finish()

    run()
    taken = sorted(seconds(run) for _ in range(runs))
    return {
        "part": "stream",
        "family": family,
        "situation": "answers with ids of their own",
        "events": len(events),
        "bytes": sum(map(len, events)),
        "ms/answer": statistics.median(taken) * 1e3,
        "least ms": taken[0] * 1e3,
        "us/event": statistics.median(taken) / len(events) * 1e6,
    }


def measure(quick: bool = False) -> list[Row]:
    """Measure throughput and time per event for every family, situation and delta size."""
    bench = Bench()
    families = ["anthropic", "openai-responses"] if quick else list(FAMILIES)
    deltas = (4, 64) if quick else DELTAS
    rows = []
    for family in families:
        for situation in SITUATIONS:
            for delta in deltas:
                size = min(200_000, 5_000 * delta)
                rows.append(_case(bench, family, situation, delta, size, 3 if quick else 5))
        rows += [_answers(bench, family, count, 9 if quick else 25) for count in _EVENTS]
    return rows


if __name__ == "__main__":
    main(measure, __doc__ or "")
