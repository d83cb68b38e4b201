"""Bodies that a receiver may read differently: charsets, compression, multipart, odd JSON.

Each is refused, or leaves without the secret, as read by the receiver.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import string
import zlib
from collections.abc import Callable
from typing import NamedTuple

import brotli
import pytest
import zstandard

from addon.kit import random_text
from addon.wire_support import Gate, dump, secret
from secretgate.grpc import Refused, RequestStream
from secretgate.streams.envelopes import Envelope

SECRET = secret(7)
RAW = SECRET.encode()
Reading = Callable[[bytes], bytes]


class Disguise(NamedTuple):
    content_type: str
    coding: str
    raw: bytes
    read: Reading = bytes
    """Decodes the body as the receiver would."""


def asked(text: str = f"it is {SECRET} so") -> str:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})


JSON, CLEAN = asked(), asked("nothing").encode()
ESCAPED = JSON.replace(SECRET, "".join(f"\\u{ord(char):04x}" for char in SECRET)).encode()
UTF7 = b"+" + base64.b64encode(SECRET.encode("utf-16-be")).rstrip(b"=") + b"-"


def unescaped(data: bytes) -> bytes:
    return re.sub(rb"\\u00([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), data)


def recoded(charset: str) -> Reading:
    return lambda data: data.decode(charset, "replace").encode()


def member(data: bytes, name: bytes = b"", extra: bytes = b"", comment: bytes = b"") -> bytes:
    """Return a member of a gzip file, with optional header fields."""
    flags = 4 * bool(extra) | 8 * bool(name) | 16 * bool(comment)
    head = b"\x1f\x8b\x08%c\0\0\0\0\0\xff" % flags
    head += len(extra).to_bytes(2, "little") + extra if extra else b""
    head += b"".join(text + b"\0" for text in (name, comment) if text)
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(data) + packer.flush()
    size = len(data) & 0xFFFFFFFF
    return head + packed + zlib.crc32(data).to_bytes(4, "little") + size.to_bytes(4, "little")


def skipped(data: bytes) -> bytes:
    """Return a skippable zstd frame, which holds no data."""
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def brotli_with(note: bytes, data: bytes) -> bytes:
    """Return a brotli stream that begins with a metadata block, which decoders do not output."""
    # One bit for the window (16); the block: not last, no length, reserved, one byte of skip length.
    bits = 0 | 0b0 << 1 | 0b11 << 2 | 0b0 << 4 | 0b01 << 5 | (len(note) - 1) << 7
    head = bits.to_bytes(2, "little")
    # An uncompressed block, then the last one, which is empty.
    size = len(data) - 1
    plain = (0b0 | 0b00 << 1 | size << 3 | 0b1 << 19).to_bytes(3, "little")
    return head + note + plain + data + b"\x03"


def unbrotlied(data: bytes) -> bytes:
    return data + brotli.decompress(data)


def enveloped(data: bytes) -> bytes:
    return b"\x01" + len(data).to_bytes(4, "big") + data


def unzipped(data: bytes) -> bytes:
    """Return the decompressed data, after the raw bytes around it."""
    return data + zlib.decompressobj(31).decompress(data)


def parts(*each: tuple[bytes, bytes], boundary: bytes = b"x") -> bytes:
    body = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, *part) for part in each)
    return body + b"--%s--\r\n" % boundary


FORM = "multipart/form-data; boundary=x"
FIELD = b'Content-Disposition: form-data; name="a"'
ZSTD = zstandard.ZstdCompressor().compress(CLEAN)
NAMED = "the name of a compressed file"
DISGUISES = {
    "a charset that is said": Disguise("application/json; charset=utf-8", "", JSON.encode()),
    "a mark of the byte order": Disguise("text/plain", "", b"\xef\xbb\xbf" + ESCAPED, unescaped),
    "a form feed before JSON": Disguise("text/plain", "", b"\x0c" + ESCAPED, unescaped),
    "JSON that is called an image": Disguise("image/png", "", ESCAPED, unescaped),
    "JSON that is called a form": Disguise(
        "application/x-www-form-urlencoded", "", ESCAPED, unescaped
    ),
    "UTF-16": Disguise(
        "application/json; charset=utf-16", "", JSON.encode("utf-16"), recoded("utf-16")
    ),
    "UTF-16 without a mark": Disguise(
        "text/plain", "", JSON.encode("utf-16-le"), recoded("utf-16-le")
    ),
    "UTF-16 that is called an image": Disguise(
        "image/png", "", JSON.encode("utf-16-le"), recoded("utf-16-le")
    ),
    "UTF-32": Disguise("application/json", "", JSON.encode("utf-32"), recoded("utf-32")),
    "UTF-7": Disguise("text/plain; charset=utf-7", "", b"it is " + UTF7, recoded("utf-7")),
    "UTF-7 in JSON": Disguise(
        'application/json; charset="UTF-7"', "", JSON.encode().replace(RAW, UTF7), recoded("utf-7")
    ),
    "UTF-7 by another name": Disguise(
        "text/plain; charset=unicode-1-1-utf-7", "", b"it is " + UTF7, recoded("utf-7")
    ),
    "UTF-7 in a part": Disguise(
        FORM,
        "",
        parts((FIELD + b"\r\nContent-Type: text/plain; charset=UTF-7", UTF7)),
        recoded("utf-7"),
    ),
    "UTF-16 in a part": Disguise(
        FORM,
        "",
        parts((FIELD + b"\r\nContent-Type: text/plain", SECRET.encode("utf-16-le"))),
        lambda data: data.replace(b"\0", b""),
    ),
    "EBCDIC": Disguise("text/plain; charset=cp037", "", JSON.encode("cp037"), recoded("cp037")),
    "two JSON documents": Disguise("application/json", "", CLEAN + JSON.encode()),
    "JSON behind a comment": Disguise("application/json", "", b"/* */" + JSON.encode()),
    "JSON in single quotes": Disguise("application/json", "", JSON.replace('"', "'").encode()),
    "JSON with a comma too much": Disguise(
        "application/json", "", JSON.replace("}]", "},]").encode()
    ),
    "a member twice": Disguise(
        "application/json",
        "",
        JSON.replace('"content"', f'"content":"{SECRET}","content"').encode(),
    ),
    "an escaped name": Disguise(
        "application/json", "", JSON.replace('"model"', f'"{SECRET}"').encode()
    ),
    "a number of five thousand digits": Disguise(
        "application/json", "", JSON.replace('"m"', "9" * 5000).encode()
    ),
    "an escape that is none": Disguise(
        "application/json",
        "",
        JSON.replace(SECRET, SECRET[:8] + "\\" + SECRET[8:]).encode(),
        lambda data: data.replace(b"\\", b""),
    ),
    "compressed under two names": Disguise(
        "application/json", "identity, gzip", gzip.compress(JSON.encode()), unzipped
    ),
    "compressed twice, once said": Disguise(
        "application/json",
        "gzip",
        gzip.compress(gzip.compress(JSON.encode())),
        lambda data: unzipped(gzip.decompress(data)),
    ),
    "compressed and not said": Disguise("image/png", "", gzip.compress(JSON.encode()), unzipped),
    NAMED: Disguise("application/json", "gzip", member(CLEAN, name=RAW), unzipped),
    "a comment of a compressed file": Disguise(
        "application/json", "gzip", member(CLEAN, comment=b"it is " + RAW), unzipped
    ),
    "an extra field of a compressed file": Disguise(
        "application/json", "gzip", member(CLEAN, extra=b"it is " + RAW), unzipped
    ),
    "the name of a second member": Disguise(
        "application/json", "gzip", member(CLEAN) + member(b" ", name=RAW), unzipped
    ),
    "the name of a file inside another": Disguise(
        "application/json",
        "gzip, gzip",
        gzip.compress(member(CLEAN, name=RAW)),
        lambda data: unzipped(gzip.decompress(data)),
    ),
    "a frame that is skipped": Disguise(
        "application/json", "zstd", skipped(b"it is " + RAW) + ZSTD
    ),
    "a frame that is skipped, at the end": Disguise(
        "application/json", "zstd", ZSTD + skipped(b"it is " + RAW)
    ),
    "metadata of brotli": Disguise(
        "application/json", "br", brotli_with(b"it is " + RAW, CLEAN), unbrotlied
    ),
    "metadata of brotli, in gzip": Disguise(
        "application/json",
        "br, gzip",
        gzip.compress(brotli_with(b"it is " + RAW, CLEAN)),
        lambda data: unbrotlied(gzip.decompress(data)),
    ),
    "the name of a compressed message": Disguise(
        "application/connect+json", "", enveloped(member(CLEAN, name=RAW))
    ),
    "a frame that is skipped, in a message": Disguise(
        "application/connect+json", "", enveloped(skipped(b"it is " + RAW) + ZSTD)
    ),
    "a header of a part, twice": Disguise(
        FORM, "", parts((b"X-Note: it is %s\r\nX-Note: no\r\n%s" % (RAW, FIELD), b"hi"))
    ),
    "two dispositions of a part": Disguise(
        FORM,
        "",
        parts((b'Content-Disposition: form-data; name="%s"\r\n%s' % (RAW, FIELD), b"hi")),
    ),
    "two types of a part": Disguise(
        FORM,
        "",
        parts(
            (b"Content-Type: a/b; note=%s\r\nContent-Type: text/plain\r\n%s" % (RAW, FIELD), b"x")
        ),
    ),
    "a name in an encoded word": Disguise(
        FORM,
        "",
        parts(
            (b'Content-Disposition: form-data; name="=?utf-8?B?%s?="' % base64.b64encode(RAW), b"x")
        ),
        lambda data: base64.b64decode((re.findall(rb"[?]B[?]([^?]*)", data) or [b""])[0] + b"=="),
    ),
    "a name in pieces": Disguise(
        FORM, "", parts((b'Content-Disposition: form-data; filename*0="%s"' % RAW, b"x"))
    ),
    "a name with blanks around": Disguise(
        FORM, "", parts((b'Content-Disposition: form-data; name = "%s"' % RAW, b"x"))
    ),
    "a name whose quote is never closed": Disguise(
        FORM, "", parts((b'Content-Disposition: form-data; name="%s' % RAW, b"x"))
    ),
    "a disposition of no known kind": Disguise(
        FORM, "", parts((b"Content-Disposition: " + RAW, b"x"))
    ),
    "the charset of a part": Disguise(
        FORM, "", parts((b"%s\r\nContent-Type: text/plain; charset=%s" % (FIELD, RAW), b"x"))
    ),
    "the type of a part": Disguise(
        FORM, "", parts((b"%s\r\nContent-Type: text/%s" % (FIELD, RAW), b"x"))
    ),
    "the name of a header of a part": Disguise(
        FORM, "", parts((b"%s\r\nX-%s: x" % (FIELD, RAW), b"x"))
    ),
    "messages in base64": Disguise(
        "application/grpc-web-text", "", base64.b64encode(enveloped(RAW)), base64.b64decode
    ),
    "quoted-printable": Disguise(
        FORM,
        "",
        parts(
            (FIELD + b"\r\nContent-Transfer-Encoding: quoted-printable", RAW.replace(b"_", b"=5F"))
        ),
        lambda data: data.replace(b"=5F", b"_"),
    ),
    "two boundaries": Disguise(FORM + "; boundary=y", "", parts((FIELD, RAW), boundary=b"y")),
    "parts with bare line feeds": Disguise(FORM, "", parts((FIELD, RAW)).replace(b"\r\n", b"\n")),
}


@pytest.mark.parametrize("how", DISGUISES)
def test_a_disguised_secret_does_not_leave(how: str) -> None:
    content_type, coding, raw, read = DISGUISES[how]
    assert RAW in read(raw), "the receiver would have read it"
    gate = Gate()
    headers = {"content-type": content_type, "content-encoding": coding}
    decision = gate.requests.decide(gate.request("anthropic", headers=headers, content=raw))
    if not decision.refused:
        assert decision.content is not None
        assert RAW not in read(decision.content)


def test_metadata_of_brotli_is_what_it_seems() -> None:
    assert brotli.decompress(brotli_with(b"a note of some length", CLEAN)) == CLEAN


@pytest.mark.parametrize("kind", ["gzip", "zstd", "br"])
def test_a_message_of_a_call_takes_nothing_along(kind: str) -> None:
    """Extra data in a compressed message ends the call, like anything unreadable."""
    message = dump({"text": "nothing here"})
    clean, told = {
        "gzip": (gzip.compress(message), member(message, comment=RAW)),
        "zstd": (
            zstandard.ZstdCompressor().compress(message),
            skipped(RAW) + zstandard.ZstdCompressor().compress(message),
        ),
        "br": (brotli.compress(message), brotli_with(RAW, message)),
    }[kind]
    gate = Gate()
    headers = {"content-type": "application/connect+json", "connect-content-encoding": kind}
    request = gate.request("generic", headers=headers)
    stream = RequestStream(gate.requests, request, gate.nothing_issued, lambda _: None)
    assert stream.feed(enveloped(clean)) == enveloped(clean)
    with pytest.raises(Refused):
        stream.feed(enveloped(told))


@pytest.mark.thorough
@pytest.mark.parametrize("size", [1, 20, 40, 300, 5000])
@pytest.mark.parametrize(
    "alphabet", ["ab", "0123456789abcdef", string.ascii_letters + string.digits]
)
def test_messages_of_brotli_that_carry_nothing_are_read(size: int, alphabet: str) -> None:
    """However little there is to compress: brotli then stores the message uncompressed."""
    for number in range(20):
        message = dump({"text": random_text((size, number), size, alphabet)})
        for quality in (0, 5, 11):
            sent = Envelope(enveloped(brotli.compress(message, quality=quality)), "br")
            assert sent.lone_message == message


@pytest.mark.parametrize("mode", ["redact", "block", "audit"])
def test_the_name_of_a_compressed_file_is_treated_like_any_text(mode: str) -> None:
    gate = Gate(mode=mode)
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    request = gate.request("anthropic", headers=headers, content=DISGUISES[NAMED].raw)
    decision = gate.requests.decide(request)
    assert [spot.path for spot in decision.spots] == ["beside the compressed body"]
    assert decision.refused == (mode == "block")
    if mode == "redact":
        assert gzip.decompress(decision.content or b"") == CLEAN
    else:
        assert decision.content is None


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br"])
def test_what_is_no_secret_beside_compressed_data_stays(coding: str) -> None:
    raw = {
        "gzip": member(CLEAN, name=b"request.json"),
        "zstd": skipped(b"\0" * 9) + ZSTD,
        "br": brotli_with(b"request.json of the ordinary kind", CLEAN),
    }[coding]
    gate = Gate()
    headers = {"content-type": "application/json", "content-encoding": coding}
    decision = gate.requests.decide(gate.request("anthropic", headers=headers, content=raw))
    assert (decision.content, decision.refused, decision.spots) == (None, False, ())
