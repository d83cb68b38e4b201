"""Multipart, JSON lines, forms and plain text: slots cover the text, and nothing else changes."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import parse_qsl, unquote_plus, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secretgate.bodies.base import Body, Edit, Form, Label, Slot, Unreadable, spell
from secretgate.bodies.jsonl import read_jsonl
from secretgate.bodies.multipart import read_multipart
from secretgate.bodies.text import read_text
from secretgate.bodies.urlencoded import read_urlencoded

TYPE = "multipart/form-data; boundary=b"
MARK = b"REDACTED<rule:0123456789ab>"


def strings(raw: bytes) -> Sequence[Slot]:
    """A stand-in for the JSON reader: every string is a slot."""
    try:
        json.loads(raw)
    except ValueError:
        raise Unreadable("no JSON") from None
    return [
        Slot(match.start() + 1, match.end() - 1, Form.JSON, Label.TEXT, b"", ("", index))
        for index, match in enumerate(re.finditer(rb'"(?:[^"\\]|\\.)*"', raw))
    ]


def texts(body: Body) -> list[bytes]:
    return [body.raw[slot.start : slot.end] for slot in body.slots]


def paths(body: Body) -> list[str]:
    return [spell(slot.path) for slot in body.slots]


def ordered(body: Body) -> bool:
    ends = [edge for slot in body.slots for edge in (slot.start, slot.end)]
    return ends == sorted(ends)


def part(content: bytes, *headers: bytes) -> bytes:
    return (
        b"--b\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + content + b"\r\n"
    )


def file_part(content: bytes, name: bytes = b"a.txt", *headers: bytes) -> bytes:
    return part(
        content, b'Content-Disposition: form-data; name="file"; filename="%s"' % name, *headers
    )


END = b"--b--\r\n"
NAMES = st.text("abcdefghij", min_size=1, max_size=8)
CONTENTS = st.text(max_size=40).map(str.encode) | st.binary(max_size=40)


@given(
    st.dictionaries(NAMES, st.text(max_size=20), max_size=3),
    st.dictionaries(NAMES, st.tuples(NAMES, CONTENTS), min_size=1, max_size=3),
)
def test_the_parts_are_those_of_other_parsers(
    fields: dict[str, str], files: dict[str, tuple[str, bytes]]
) -> None:
    request = httpx.Request("POST", "http://x", data=fields, files=files)
    raw, content_type = request.read(), request.headers["content-type"]
    with suppress(Unreadable):
        body = read_multipart(raw, content_type, strings)
        assert ordered(body)
        assert body.splice([]) == raw
        message = email.message_from_bytes(
            b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw, policy=email.policy.HTTP
        )
        theirs = [sub.get_payload(decode=True) for sub in message.iter_parts()]
        sent = [value.encode() for value in fields.values()] + [data for _, data in files.values()]
        assert theirs == sent
        ours = texts(body)
        for content in sent:
            if content.strip() and content[:1] not in b'{["':
                assert content.removeprefix(b"\xef\xbb\xbf") in ours
        for name, (filename, _) in files.items():
            assert name.encode() in ours
            assert filename.encode() in ours


def test_what_a_part_is_decides_how_it_is_read() -> None:
    raw = (
        part(b"batch", b'Content-Disposition: form-data; name="purpose"')
        + file_part(b'{"a": "x"}\n{"b": "y"}\n', b"in.jsonl")
        + file_part(b'{"a": "x"}', b"a.json", b"Content-Type: application/json")
        + file_part(b'{"not json', b"a.json", b"Content-Type: application/json")
        + file_part(b"\x89PNG\0\xff", b"a.png", b"Content-Type: image/png")
        + file_part(b"aGVsbG8=", b"a.bin", b"Content-Transfer-Encoding: base64")
        + part(b"text", b"X-Note: remember")
        + part(b"no headers")
        + END
    )
    body = read_multipart(raw, TYPE, strings)
    assert ordered(body)
    found = list(zip(texts(body), paths(body), strict=True))
    assert (b"batch", "purpose") in found
    assert (b"in.jsonl", "part 2 filename") in found
    assert (b"y", "file line 2[1]") in found
    assert (b"x", "file[1]") in found
    assert (b'{"not json', "file") in found
    assert (b"remember", "part 7 x-note") in found
    assert (b"no headers", "part 8") in found
    labels = {text: slot.label for text, slot in zip(texts(body), body.slots, strict=True)}
    assert labels[b"\x89PNG\0\xff"] is Label.BYTES
    assert labels[b"aGVsbG8="] is Label.BYTES
    assert labels[b"batch"] is Label.TEXT


def test_names_are_found_in_every_spelling() -> None:
    raw = (
        part(b"1", b'content-disposition: form-data; name=plain; filename="q\\"uo.txt"')
        + part(b"2", b"Content-Disposition: form-data; filename*=UTF-8''p%20q.txt")
        + END
    )
    body = read_multipart(raw, TYPE, strings)
    assert texts(body) == [b"plain", b'q\\"uo.txt', b"1", b"p%20q.txt", b"2"]
    assert body.slots[3].form is Form.PERCENT


def test_a_declared_length_follows_an_edit_through_every_level() -> None:
    inner = b"--i\r\nContent-Length: 9\r\n\r\nabcdefghi\r\n--i--"
    raw = (
        part(b"12345", b"Content-Length: 5")
        + part(
            inner, b"Content-Type: multipart/mixed; boundary=i", b"Content-Length: %d" % len(inner)
        )
        + part(b"same", b"Content-Length: 4")
        + END
    )
    body = read_multipart(raw, TYPE, strings)
    edits = [
        Edit(slot.start, slot.end, text)
        for slot in body.slots
        for old, text in ((b"12345", b"1" * 100), (b"abcdefghi", b"a" * 12))
        if raw[slot.start : slot.end] == old
    ]
    assert len(edits) == 2
    changed = body.splice(edits)
    again = read_multipart(changed, TYPE, strings)
    assert texts(again) == [b"1" * 100, b"a" * 12, b"same"]
    assert b"Content-Length: 100\r\n" in changed
    assert b"Content-Length: 12\r\n" in changed
    assert b"Content-Length: %d\r\n" % (len(inner) + 4) in changed


@given(st.data())
def test_edits_stay_in_their_slots(data: st.DataObject) -> None:
    contents = data.draw(st.lists(st.text("ac{}[]\r\n-", min_size=1).map(str.encode), min_size=1))
    raw = b"".join(file_part(content) for content in contents) + END
    body = read_multipart(raw, TYPE, strings)
    chosen = data.draw(st.sets(st.sampled_from(body.slots), max_size=3))
    edits = [Edit(slot.start, slot.end, MARK) for slot in body.slots if slot in chosen]
    again = read_multipart(body.splice(edits), TYPE, strings)
    assert len(again.slots) == len(body.slots)
    for before, after in zip(body.slots, again.slots, strict=True):
        expected = MARK if before in chosen else raw[before.start : before.end]
        assert again.raw[after.start : after.end] == expected


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (part(b"x") + END, "multipart/form-data"),
        (part(b"x") + END, "multipart/form-data; boundary=other"),
        (part(b"x"), TYPE),
        (b"", TYPE),
        (part(b"x").replace(b"\r\n", b"\n") + b"--b--\n", TYPE),
        (b"--b\r\nContent-Type: text/plain\r\n--b--\r\n", TYPE),
        (part(b"x", b"no colon") + END, TYPE),
        (part(b"x", b"Content-Length: 2") + END, TYPE),
        (part(b"x", b"Content-Length: one") + END, TYPE),
        (part(b"x", b"Content-Transfer-Encoding: quoted-printable") + END, TYPE),
        (part(b"x", b"Content-Encoding: gzip") + END, TYPE),
        (part(b"x", b"Content-Type: text/plain; charset=UTF-16") + END, TYPE),
        (part("x".encode("utf-16")) + END, TYPE),
        (part(part(b"x") + END, b"Content-Type: multipart/mixed") + END, TYPE),
    ],
)
def test_framing_that_does_not_hold_is_unreadable(raw: bytes, content_type: str) -> None:
    with pytest.raises(Unreadable):
        read_multipart(raw, content_type, strings)


def test_text_around_the_parts_is_read_too() -> None:
    body = read_multipart(b"before\r\n" + part(b"x") + b"--b--after", TYPE, strings)
    assert texts(body) == [b"before", b"x", b"after"]


@given(
    st.lists(
        st.sampled_from([b"--b", b"--b--", b"\r\n", b"\n", b"Content-Length: 1", b":", b"x", b"\0"])
        | st.sampled_from([b"Content-Type: multipart/mixed; boundary=b", b"\r\n\r\n", b"\xff\xfe"])
    ),
    st.sampled_from([TYPE, "", 'multipart/related; boundary="b"', "multipart/x; boundary=\ud800"]),
)
def test_any_multipart_is_read_or_unreadable(pieces: list[bytes], content_type: str) -> None:
    raw = b"".join(pieces)
    with suppress(Unreadable):
        body = read_multipart(raw, content_type, strings)
        assert body.splice([]) == raw
        assert ordered(body)


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=3), max_size=6), st.booleans())
def test_lines_have_the_slots_of_their_documents(documents: list[object], crlf: bool) -> None:
    lines = [json.dumps(document).encode() for document in documents]
    raw = (b"\r\n" if crlf else b"\n").join([*lines, b"", b"  "])
    body = read_jsonl(raw, strings)
    expected = [line[slot.start : slot.end] for line in lines for slot in strings(line)]
    assert texts(body) == expected
    assert body.splice([]) == raw


def test_a_line_is_named_by_its_number() -> None:
    assert paths(read_jsonl(b'{"a": "b"}\n\n["c"]', strings)) == [
        "line 1[0]",
        "line 1[1]",
        "line 3[0]",
    ]
    with pytest.raises(Unreadable, match="line 2: no JSON"):
        read_jsonl(b"[]\n[\n[]", strings)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_a_form_has_a_slot_for_each_name_and_value(pairs: list[tuple[str, str]]) -> None:
    raw = urlencode([(name, value) for name, value in pairs], errors="replace").encode()
    body = read_urlencoded(raw)
    sent = parse_qsl(raw.decode(), keep_blank_values=True)
    assert [unquote_plus(text.decode()) for text in texts(body)] == [
        text for pair in sent for text in pair if text
    ]
    assert body.splice([]) == raw
    assert all(slot.form is Form.PERCENT for slot in body.slots)


def test_a_value_of_a_form_knows_its_name() -> None:
    body = read_urlencoded(b"a%20b=c&lone&=d")
    assert [(slot.key, slot.path) for slot in body.slots] == [
        *((b"", "a b"), (b"a b", "a b"), (b"", "lone"), (b"", ""))
    ]
    assert texts(body) == [b"a%20b", b"c", b"lone", b"d"]


@given(st.binary())
def test_text_and_forms_are_read_or_unreadable(raw: bytes) -> None:
    for read in (read_text, read_urlencoded):
        with suppress(Unreadable):
            body = read(raw)
            assert body.splice([]) == raw
            raw.decode()
            assert b"\0" not in raw
    with suppress(Unreadable):
        assert read_jsonl(raw, strings).splice([]) == raw


def test_text_begins_behind_its_byte_order_mark() -> None:
    assert texts(read_text(b"\xef\xbb\xbfhello")) == [b"hello"]
    assert read_text(b"").slots == []
    for raw in ("hi".encode("utf-16"), b"h\0i\0", b"\xff"):
        with pytest.raises(Unreadable):
            read_text(raw)
