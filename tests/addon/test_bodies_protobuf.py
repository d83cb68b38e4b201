"""Protobuf without a schema: all text is found, and the rewritten message parses elsewhere."""

from __future__ import annotations

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_streams_framing import cut

from secretgate.bodies import forms
from secretgate.bodies.base import Edit, Label, Unreadable
from secretgate.bodies.encodings import decode
from secretgate.bodies.protobuf import ProtobufBody, read_protobuf
from secretgate.bodies.readers import read
from secretgate.providers import DIALECTS
from secretgate.streams.envelopes import LIMIT, Envelope, EnvelopeFramer

MARK = b"REDACTED<rule:0123456789ab>"
SECRET = "Zq9" + "xW3v" * 12


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def texts(body: ProtobufBody) -> list[bytes]:
    return [body.raw[slot.start : slot.end] for slot in body.slots if slot.label is Label.TEXT]


def redacted(raw: bytes, secret: bytes) -> bytes:
    body = read_protobuf(raw)
    edits = []
    for slot in body.slots:
        at = raw.find(secret, slot.start, slot.end)
        while at >= 0:
            edits.append(Edit(at, at + len(secret), MARK))
            at = raw.find(secret, at + len(secret), slot.end)
    return body.splice(edits)


TEXTS = st.text(min_size=1, max_size=40) | st.sampled_from([SECRET, "a" + SECRET, "\n" + SECRET])
TREES = st.recursive(
    TEXTS | st.integers(0, 1 << 40) | st.binary(max_size=9),
    lambda inner: st.lists(st.tuples(st.integers(1, 40), inner), min_size=1, max_size=4),
    max_leaves=12,
)


def packed(tree: object) -> bytes:
    assert isinstance(tree, list)
    return b"".join(
        field(number, value if isinstance(value, int | bytes) else leaf(value))
        for number, value in tree
    )


def leaf(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else packed(value)


@given(st.lists(st.tuples(st.integers(1, 40), TREES), max_size=4))
def test_no_secret_text_is_missed_and_every_length_holds(tree: list[tuple[int, object]]) -> None:
    raw = packed(tree)
    body = read_protobuf(raw)
    assert body.splice([]) == raw
    assert [slot.start for slot in body.slots] == sorted(slot.start for slot in body.slots)
    assert raw.count(SECRET.encode()) == sum(text.count(SECRET.encode()) for text in texts(body))
    changed = redacted(raw, SECRET.encode())
    assert SECRET.encode() not in changed
    read_protobuf(changed)


@given(
    st.recursive(
        st.text(max_size=20) | st.booleans() | st.none() | st.floats(allow_nan=False),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=10,
    ),
    st.sampled_from([SECRET, "x" + SECRET * 3 + "\n", f"key={SECRET};"]),
)
def test_google_reads_what_we_write(value: object, text: str) -> None:
    struct_pb2 = pytest.importorskip("google.protobuf.struct_pb2")
    before, after = struct_pb2.Struct(), struct_pb2.Struct()
    for message, planted in ((before, text), (after, text.replace(SECRET, MARK.decode()))):
        message.update({"value": value, "list": [planted, {"deep": planted, "n": 1.5}]})
    raw = before.SerializeToString(deterministic=True)
    read = struct_pb2.Struct.FromString(redacted(raw, SECRET.encode()))
    assert read == after
    assert len(redacted(raw, SECRET.encode())) == len(after.SerializeToString())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"AbcdefghAbcdefghx1", [b"AbcdefghAbcdefghx1"]),
        (b"\n2" + b"t" * 50, [b"t" * 50]),
        (b"\n\x20\x20", [b"\n\x20\x20"]),
        (field(1, b"text") + field(2, 7), [b"text"]),
        (field(1, b"\xff\xfe\xfd"), []),
        (b"caf\xc3\xa9", [b"caf\xc3\xa9"]),
        (b"\x1b[31mred\x1b[0m", [b"\x1b[31mred\x1b[0m"]),
    ],
)
def test_what_a_field_holds_is_decided_by_trial(content: bytes, expected: list[bytes]) -> None:
    assert texts(read_protobuf(field(3, content))) == expected


def test_bytes_are_counted_and_texts_are_named() -> None:
    raw = field(1, field(2, b"hello there")) + field(4, b"\x89PNG\xff\x00")
    body = read_protobuf(raw)
    assert [(slot.path, slot.label) for slot in body.slots] == [
        ("field 1.2", Label.TEXT),
        ("field 4", Label.BYTES),
    ]


def test_a_length_may_need_another_byte() -> None:
    raw = field(1, field(1, field(5, b"k" * 120) + field(6, 1)))
    body = read_protobuf(raw)
    (slot,) = body.slots
    changed = body.splice([Edit(slot.start, slot.end, b"k" * 20_000)])
    assert changed == field(1, field(1, field(5, b"k" * 20_000) + field(6, 1)))


def test_groups_are_read_and_deep_nesting_ends() -> None:
    grouped = b"\x0b" + field(2, b"inside") + b"\x0c"
    assert texts(read_protobuf(grouped)) == [b"inside"]
    for broken in (b"\x0b", b"\x0c", b"\x0b\x14", b"\x0b" + field(2, b"x")):
        with pytest.raises(Unreadable):
            read_protobuf(broken)
    deep = b"x"
    for _ in range(3000):
        deep = field(1, deep)
    assert read_protobuf(deep).slots


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_unreadable(raw: bytes) -> None:
    with suppress(Unreadable):
        assert read_protobuf(raw).splice([]) == raw
    assert read_protobuf(field(1, raw)).splice([]) == field(1, raw)


def envelope(message: bytes, flags: int = 0) -> bytes:
    content = gzip.compress(message, mtime=0) if flags & 1 else message
    return bytes([flags]) + len(content).to_bytes(4, "big") + content


uncompressed = st.binary(min_size=1).filter(lambda message: not _begins_like_a_coding(message))
"""Messages; one that begins like gzip or zstd would be decompressed once more, or refused."""


def _begins_like_a_coding(message: bytes) -> bool:
    try:
        return bool(decode(message, "", LIMIT).chain)
    except Unreadable:
        return True


@given(
    st.lists(st.tuples(uncompressed, st.sampled_from([0, 1, 2, 3, 0x80])), max_size=5),
    st.lists(st.integers(0, 200), max_size=5),
    st.sampled_from(["gzip", ""]),
)
def test_envelopes_come_whole_and_in_order(
    messages: list[tuple[bytes, int]], places: list[int], coding: str
) -> None:
    raw = b"".join(envelope(message, flags) for message, flags in messages)
    framer = EnvelopeFramer(coding)
    found = [one for chunk in cut(raw, places) for one in framer.envelopes(chunk)]
    assert framer.finish() == []
    assert b"".join(one.raw for one in found) == raw
    assert [(one.message, one.flags) for one in found] == messages
    for one in found:
        other = Envelope(one.with_message(b"another"), coding)
        assert (other.message, other.flags) == (b"another", one.flags)
        assert one.last is (one.flags > 1)


def test_an_envelope_does_not_wait_for_the_next() -> None:
    framer = EnvelopeFramer()
    raw = envelope(field(1, b"hello"))
    for at in range(1, len(raw)):
        assert framer.envelopes(raw[:at]) == []
        (one,) = framer.envelopes(raw[at:])
        assert texts(read_protobuf(one.message)) == [b"hello"]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x04\0\0\0\1x",
        b"\0" + (LIMIT + 1).to_bytes(4, "big"),
        b'{"error": 1}',
    ],
)
def test_what_is_no_envelope_is_passed_on_and_unreadable(raw: bytes) -> None:
    framer = EnvelopeFramer()
    good = envelope(b"x")
    first, second = framer.envelopes(good + raw)
    (third,) = framer.envelopes(b"more")
    assert (first.message, second.raw, third.raw) == (b"x", raw, b"more")
    for one in (second, third):
        with pytest.raises(Unreadable):
            _ = one.message
        assert one.payload is None
        assert one.with_payload(b"x") == one.raw


def test_a_cut_off_or_unknown_message_is_unreadable() -> None:
    framer = EnvelopeFramer("snappy")
    (one,) = framer.envelopes(envelope(b"x" * 99, 1))
    with pytest.raises(Unreadable, match="snappy"):
        _ = one.message
    assert framer.envelopes(envelope(b"x")[:-1]) == []
    (rest,) = framer.finish()
    assert rest.raw == envelope(b"x")[:-1]
    assert rest.payload is None


def test_a_bomb_in_an_envelope_is_unreadable() -> None:
    (one,) = EnvelopeFramer("gzip", 1 << 20).envelopes(envelope(bytes(1 << 24), 1))
    with pytest.raises(Unreadable, match="larger than the limit"):
        _ = one.message


@given(st.text(min_size=8, max_size=40), st.integers(0, 300))
def test_a_message_in_hex_stays_one(before: str, more: int) -> None:
    """Cursor sends its messages so where a proxy allows no call in both directions."""

    def packed_with(secret: bytes) -> bytes:
        text = before.encode() + secret + b"." * more
        inner = field(1, field(1, field(1, text) + field(2, 1)) + field(3, b"model"))
        return field(1, inner.hex().encode()) + field(2, field(1, b"id")) + field(3, 5)

    body = read_protobuf(packed_with(SECRET.encode()), in_hex=True)
    edits = []
    for slot in body.slots:
        text = forms.read(slot.form, body.raw[slot.start : slot.end])
        if (at := text.find(SECRET.encode())) >= 0:
            span = forms.mapped(slot.form, body.raw[slot.start : slot.end])
            first, last = (slot.start + place for place in span(at, at + len(SECRET)))
            edits.append(Edit(first, last, forms.write(slot.form, MARK)))
    assert len(edits) == 1
    assert body.splice(edits) == packed_with(MARK)


def test_a_message_in_hex_may_be_a_string_of_json() -> None:
    def packed_with(secret: bytes) -> bytes:
        inner = field(1, field(1, b"it is " + secret)) + field(3, b"model")
        return b'{"data": "%b", "n": "ab", "other": "it is"}' % inner.hex().encode()

    body = read(packed_with(SECRET.encode()), "application/json", DIALECTS["protobuf"])
    assert [body.where(slot) for slot in body.slots] == [
        "field data.1.1",
        "field data.3",
        "n",
        "other",
    ]
    slot = body.slots[0]
    start = slot.start + 2 * len("it is ")
    edit = Edit(start, slot.end, forms.write(slot.form, MARK))
    assert body.splice([edit]) == packed_with(MARK)


@pytest.mark.parametrize("digits", ["ab" * 20, "0a" * 32, "00" * 64, "deadbeef" * 8])
def test_other_hex_is_a_text(digits: str) -> None:
    body = read_protobuf(field(1, digits.encode()) + field(2, 7), in_hex=True)
    assert texts(body) == [digits.encode()]
