"""Every kind of request body: what is found in it, and that nothing else changes."""

from __future__ import annotations

import base64
import gzip
import struct
from codecs import BOM_UTF8

import pytest
from wire_support import PLACEHOLDER, Gate, dump, secret

from secretgate.bodies.base import Unreadable
from secretgate.bodies.readers import read
from secretgate.outbound.inspection import Leak
from secretgate.providers import DIALECTS

CHAT = DIALECTS["openai-chat"]
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))
KEY = secret(1)


def field(number: int, content: bytes) -> bytes:
    assert len(content) < 16384
    size = (
        bytes([len(content) & 127 | 128, len(content) >> 7])
        if len(content) > 127
        else bytes([len(content)])
    )
    return bytes([number << 3 | 2]) + size + content


def envelope(message: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(message)) + message


def multipart(content: bytes, kind: str = "text/plain", name: str = "file") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="a.txt"\r\nContent-Type: {kind}\r\n\r\n'
    return b"--b0\r\n" + head.encode() + content + b"\r\n--b0--\r\n"


BODIES = {
    "the telemetry of Copilot CLI": (
        "application/x-json-stream",
        dump({"name": "event"}) + b"\n" + dump({"data": f"it is {KEY}."}),
    ),
    "json": (
        "application/json",
        dump({"messages": [{"role": "user", "content": f"it is {KEY}."}]}),
    ),
    "json behind a byte order mark": ("application/json", BOM_UTF8 + dump({"input": KEY})),
    "json under text behind a byte order mark": ("text/plain", BOM_UTF8 + dump({"input": KEY})),
    "json lines behind a byte order mark": (
        "application/jsonl",
        BOM_UTF8 + dump({"body": {"input": KEY}}) + b"\n" + dump({"body": {}}),
    ),
    "json under no type": ("", dump({"messages": [{"content": f"it is {KEY}."}]})),
    "json under the type of curl": (
        "application/x-www-form-urlencoded",
        dump({"input": f"is {KEY}."}),
    ),
    "json under text": ("text/plain", dump({"input": f"it is {KEY}."})),
    "problem json": ("application/vnd.x+json", dump({"input": f"it is {KEY}."})),
    "json lines": (
        "application/jsonl",
        b'{"body":{"input":"a"}}\n\n{"body":{"input":"' + KEY.encode() + b'"}}\r\n',
    ),
    "text": ("text/plain; charset=utf-8", f"# notes\n\nthe key is {KEY}\n".encode()),
    "text that begins like json": ("text/markdown", f"[x] done, with {KEY}\n".encode()),
    "yaml": ("application/yaml", f"key: {KEY}\n".encode()),
    "form": ("application/x-www-form-urlencoded", f"prompt=use+{KEY}+now&n=1".encode()),
    "multipart": ("multipart/form-data; boundary=b0", multipart(f"key {KEY}\n".encode())),
    "multipart with json lines": (
        "multipart/form-data; boundary=b0",
        multipart(dump({"custom_id": "1", "body": {"input": KEY}}) + b"\n", "application/jsonl"),
    ),
    "multipart related": (
        'multipart/related; boundary="b0"',
        b"--b0\r\nContent-Type: application/json\r\n\r\n" + dump({"name": KEY}) + b"\r\n--b0\r\n"
        b"Content-Type: image/png\r\n\r\n" + PNG + b"\r\n--b0--",
    ),
    "unknown type, text in it": ("application/x-unheard-of", f"key {KEY}\n".encode()),
    "octets that are text": ("application/octet-stream", f"key {KEY}\n".encode()),
    "protobuf": (
        "application/proto",
        field(1, field(2, f"key {KEY} in a chat".encode()) + field(3, b"x")),
    ),
    "connect": (
        "application/connect+proto",
        envelope(field(1, KEY.encode())) + envelope(field(2, b"abc")),
    ),
    "connect with json": ("application/connect+json", envelope(dump({"text": KEY}))),
    "grpc": ("application/grpc", envelope(field(1, KEY.encode() + b" is the key"))),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_secret_is_found_and_nothing_else_changes(name: str) -> None:
    kind, raw = BODIES[name]
    gate = Gate()
    redaction = gate.redact(raw, kind, CHAT)
    assert [spot.rule for spot in redaction.spots] == ["zz-key"]
    assert KEY.encode() not in redaction.raw
    name_of = gate.name(KEY)
    spelled = name_of.encode()
    if name == "form":
        spelled = spelled.replace(b"<", b"%3C").replace(b":", b"%3A").replace(b">", b"%3E")
    assert spelled in redaction.raw
    if not any(word in name for word in ("protobuf", "connect", "grpc")):
        assert redaction.raw.replace(spelled, KEY.encode()) == raw
    else:
        assert KEY not in str([read(redaction.raw, kind, CHAT)])
        texts = [
            read(redaction.raw, kind, CHAT).raw[slot.start : slot.end]
            for slot in read(redaction.raw, kind, CHAT).slots
        ]
        before = [
            read(raw, kind, CHAT).raw[slot.start : slot.end] for slot in read(raw, kind, CHAT).slots
        ]
        assert [text.replace(spelled, KEY.encode()) for text in texts] == before


@pytest.mark.parametrize("name", BODIES)
def test_without_a_secret_it_is_the_same_object(name: str) -> None:
    kind, raw = BODIES[name]
    raw = raw.replace(KEY.encode(), b"n" * len(KEY))
    body = read(raw, kind, CHAT)
    assert Gate().inspect(body).raw is body.raw


def test_a_compressed_message_is_unpacked_and_packed_again() -> None:
    message = field(1, f"key {KEY} in a chat".encode())
    raw = envelope(gzip.compress(message), 1) + envelope(field(1, b"plain"))
    redaction = Gate().redact(raw, "application/connect+proto", CHAT)
    size = struct.unpack(">BI", redaction.raw[:5])
    plain = gzip.decompress(redaction.raw[5 : 5 + size[1]])
    assert size[0] == 1
    assert PLACEHOLDER.search(plain)
    assert redaction.raw.endswith(envelope(field(1, b"plain")))


def test_a_copy_of_a_secret_in_a_compressed_message_is_no_blind_spot() -> None:
    """The check of outgoing bytes must also read messages that are compressed individually."""
    message = field(1, KEY.encode()) + field(2, b"\x89PNG\xff\xfe with " + KEY.encode())
    raw = envelope(gzip.compress(message), 1)
    with pytest.raises(Leak):
        Gate().redact(raw, "application/grpc", CHAT)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("application/json", b'{"a":1}\n{"a":2}'),
        ("application/json", f"key {KEY}".encode()),
        ("", f"key {KEY}".encode()),
        ("multipart/form-data", multipart(b"x")),
        ("multipart/form-data; boundary=b0", multipart(b"x")[:-6]),
        ("application/x-unheard-of", b"\x00\x01\xff" + KEY.encode()),
        ("application/octet-stream", b"\x00\x01\xff" + KEY.encode()),
        ("application/proto", b"\xff\xff" + KEY.encode()),
        ("application/grpc", envelope(b"\xff\xff")[:-1]),
        ("application/jsonl", b'{"a":1}\n{"a":'),
    ],
)
def test_what_cannot_be_read_says_so_without_quoting(kind: str, raw: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read(raw, kind, CHAT)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "video/mp4", "x/y"])
def test_a_file_is_counted_and_left_alone(kind: str) -> None:
    body = read(PNG, kind, CHAT)
    redaction = Gate().inspect(body)
    assert redaction.raw is PNG
    assert redaction.counts.bytes == len(PNG)


def test_bytes_that_are_no_text_are_counted_wherever_they_stand() -> None:
    blob = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + KEY.encode()
    raw = multipart(blob, "application/octet-stream")
    redaction = Gate().redact(raw, "multipart/form-data; boundary=b0", CHAT)
    assert redaction.raw is raw
    assert redaction.counts.bytes == len(blob)


@pytest.mark.parametrize("width", [0, 24, 76])
def test_base64_of_a_mail_part_keeps_its_lines(width: int) -> None:
    run = base64.b64encode(f"the key is {KEY}, and this is behind it\n".encode())
    lines = [run[at : at + width] for at in range(0, len(run), width)] if width else [run]
    raw = multipart(b"\r\n".join(lines)).replace(
        b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1
    )
    gate = Gate()
    changed = gate.redact(raw, "multipart/form-data; boundary=b0", CHAT).raw
    body = changed.partition(b"\r\n\r\n")[2].partition(b"\r\n--b0")[0]
    assert (
        base64.b64decode(body) == f"the key is {gate.name(KEY)}, and this is behind it\n".encode()
    )
    assert max(map(len, body.split(b"\r\n"))) == (width or len(body))


def test_sound_in_the_base64_of_urls_is_only_counted() -> None:
    """As text, one long word of random letters would be searched for tokens."""
    sound = base64.urlsafe_b64encode(b"\x83\xfe\x01\xf9" * 200)
    part = {"inlineData": {"data": sound.decode().rstrip("="), "mime_type": "audio/pcm"}}
    raw = dump({"contents": [{"role": "user", "parts": [part]}]})
    gate = Gate()
    headers = {"content-type": "application/json"}
    counts = gate.requests.decide(gate.request("gemini", content=raw, headers=headers)).counts
    assert counts.bytes == len(sound.rstrip(b"="))
