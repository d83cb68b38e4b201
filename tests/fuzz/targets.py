"""Fuzz targets: functions that take bytes and raise only if the code under test is wrong.

`@1` and `@2` in an input are replaced by two fake secrets, so that no corpus contains anything that
looks like one. Refusals by readers (`Unreadable`, `RuleError`, ...) are not failures; all other
exceptions are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from addon.kit import RULES, SCOPE, Bench
from fuzz.cutting import Target
from fuzz.files import policy_file, rule_file, settings_file, values_file
from fuzz.planting import TOKENS, planted
from fuzz.streams import (
    answer_of,
    channel,
    content_coding,
    eventstream_messages,
    framer_of,
    judged_answer_of,
    judged_messages,
)
from secretgate.bodies import readers
from secretgate.bodies.base import Body, Edit, Unreadable
from secretgate.bodies.json_spans import read_strictly
from secretgate.outbound.inspection import Leak
from secretgate.providers import DIALECTS
from secretgate_rules import Detector, redact

GENERIC = DIALECTS["generic"]
DETECTOR = Detector(RULES)


def sound(body: Body, raw: bytes) -> None:
    """Check that slots are ordered and in bounds, and that null edits change nothing."""
    at = 0
    edits = []
    for slot in sorted(body.slots, key=lambda each: each.start):
        assert at <= slot.start <= slot.end <= len(body.raw)
        at = slot.end
        edits.append(Edit(slot.start, slot.end, body.raw[slot.start : slot.end]))
    assert body.splice([]) == raw
    assert body.splice(edits) == raw


def redacted(body: Body) -> tuple[bytes, set[bytes], set[bytes]]:
    """Return the redacted body, the fake secrets found and all other secrets found.

    If redaction is refused, return the body as it is, without secrets.
    """
    try:
        found = Bench().redactor.inspect(body, SCOPE, strict=False)
    except (Leak, Unreadable):
        return body.raw, set(), set()
    secrets = {secret for secret in TOKENS.values() if secret in found.secrets}
    assert all(secret not in found.raw for secret in secrets)
    return found.raw, secrets, {*found.secrets} - secrets


def body_of(content_type: str) -> Target:
    def target(data: bytes) -> None:
        raw = planted(data)
        try:
            body = readers.read(raw, content_type, GENERIC)
        except Unreadable:
            return
        if body.raw is raw or body.raw == raw:
            sound(body, raw)
        out, _, _ = redacted(body)
        if out is not body.raw:
            readers.read(out, content_type, GENERIC)

    return target


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, _Pairs):
        for name, value in node:
            yield name
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as a list of its members, including duplicates."""


_NONE = object()


def _parsed(raw: bytes) -> Any:
    return json.loads(raw.decode(), strict=False, object_pairs_hook=_Pairs)


def json_against_a_parser(data: bytes) -> None:
    """Compare the span reader with the standard library's parser.

    Both accept the same input, and redaction by splicing equals redaction of parsed strings.
    """
    raw = planted(data)
    try:
        tree = _parsed(raw)
    except (ValueError, RecursionError):
        tree = _NONE
    try:
        body = read_strictly(raw, GENERIC.request_paths.root)
    except Unreadable:
        assert tree is _NONE
        return
    if tree is _NONE:
        assert not _plain(raw)
        return
    sound(body, raw)
    out, secrets, others = redacted(body)
    bench = Bench()
    names = {secret: bench.name(secret.decode()) for secret in secrets}
    for before, after in zip(_strings(tree), _strings(_parsed(out)), strict=True):
        if any(other in before.encode("utf-8", "surrogatepass") for other in others):
            # A fake secret may be part of another value; then the longer one is replaced.
            continue
        for secret, name in names.items():
            before = before.replace(secret.decode(), name)
        assert before == after


def _plain(raw: bytes) -> bool:
    """Return whether a text has nothing that the span reader accepts and a parser does not.

    That is bytes that are not UTF-8, invalid escapes, or nesting beyond the recursion limit.
    """
    if b"\\" in raw or max(raw.count(b"["), raw.count(b"{")) > 200:
        return False
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return not raw.startswith(b"\xef\xbb\xbf")


def views(data: bytes) -> None:
    text = planted(data)
    found = DETECTOR.find(text)
    at = 0
    for finding in found:
        assert at <= finding.start <= finding.end <= len(text)
        assert finding.parts
        for part in finding.parts:
            assert 0 <= part.start <= part.end <= len(text)
        at = finding.start
    changed = redact(text, found, lambda finding, part: b"REDACTED")
    assert bool(found) == (changed != text)


TARGETS: dict[str, Target] = {
    "json": json_against_a_parser,
    "jsonl": body_of("application/jsonl"),
    "form": body_of("application/x-www-form-urlencoded"),
    "multipart": body_of("multipart/form-data; boundary=x"),
    "protobuf": body_of("application/x-protobuf"),
    "envelopes": body_of("application/grpc"),
    "text": body_of("text/plain"),
    "sse": framer_of("text/event-stream"),
    "ndjson": framer_of("application/x-ndjson"),
    "eventstream": framer_of("application/vnd.amazon.eventstream"),
    "eventstream-messages": eventstream_messages,
    "connect": framer_of("application/connect+json"),
    "array": framer_of("application/json"),
    "answer-anthropic": answer_of("text/event-stream", "anthropic"),
    "answer-openai": answer_of("text/event-stream", "openai-chat"),
    "answer-responses": answer_of("text/event-stream", "openai-responses"),
    "answer-gemini": answer_of("application/json", "gemini"),
    "channel": channel,
    "codings": content_coding,
    "views": views,
    "rules": rule_file(".yaml"),
    "gitleaks": rule_file(".toml"),
    "settings": settings_file,
    "judged-anthropic": judged_answer_of("anthropic"),
    "judged-openai": judged_answer_of("openai-chat"),
    "judged-messages": judged_messages,
    "known": values_file,
    "policy": policy_file,
}
