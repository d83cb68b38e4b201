"""Content codings: bodies are decoded, wrong declarations are detected, bombs are cut off."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from contextlib import suppress
from functools import cache

import brotli
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from secretgate.bodies import encodings
from secretgate.bodies.base import Unreadable
from secretgate.bodies.encodings import Decoder, decode, encode

LIMIT = 1 << 22
PLAIN = json.dumps({"model": "m", "messages": [{"content": "ä" * 50}] * 9}).encode()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw-deflate": raw_deflate,
    "br": brotli.compress,
    "zstd": zstd,
}
HEADERS = {"raw-deflate": "deflate"}
EXACT = {"x-gzip": "gzip"}
NAMES = st.sampled_from([*PACKERS])
CHAINS = st.lists(NAMES, max_size=3)


def pack(plain: bytes, names: list[str]) -> tuple[bytes, str]:
    for name in names:
        plain = PACKERS[name](plain)
    return plain, ", ".join(HEADERS.get(name, name) for name in names)


def streamed(raw: bytes, header: str, size: int) -> tuple[bytes, bool]:
    decoder = Decoder(header)
    out = [decoder.feed(raw[at : at + size]) for at in range(0, len(raw), size)]
    out.append(decoder.finish())
    return b"".join(out), decoder.complete


@pytest.mark.thorough
@given(st.text(max_size=300).map(str.encode), CHAINS, st.integers(1, 90))
def test_what_was_packed_comes_out_and_goes_back_in(
    plain: bytes, names: list[str], size: int
) -> None:
    raw, header = pack(plain, names)
    decoded = decode(raw, header, LIMIT)
    assert decoded == (plain, tuple(EXACT.get(name, name) for name in names))
    assert decode(encode(plain, decoded.chain), header, LIMIT) == decoded
    assert streamed(raw, header, size) == (plain, True)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("size", [1 << 20, 3_000_000])
def test_what_a_few_bytes_expand_to_comes_out_whole(name: str, size: int) -> None:
    plain = b"0123456789"[: size % 7 + 3] * (size // (size % 7 + 3))
    raw, header = pack(plain, [name])
    assert decode(raw, header, LIMIT).plain == plain
    decoder = Decoder(header)
    assert decoder.feed(raw) == plain
    assert (decoder.finish(), decoder.complete) == (b"", True)
    assert streamed(raw, header, 5) == (plain, True)


@given(st.binary(max_size=60), st.sampled_from(["", *PACKERS, "gzip, zstd", "br,gzip", "rot13"]))
@example(b"\x1f\x8b\x08", "")
@example(b"\x28\xb5\x2f\xfd", "gzip")
def test_arbitrary_bytes_are_decoded_or_unreadable(raw: bytes, header: str) -> None:
    for head in (b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x78\x9c"):
        with suppress(Unreadable):
            plain, chain = decode(head + raw, header, LIMIT)
            assert chain or plain == head + raw
        with suppress(Unreadable):
            streamed(head + raw, header, 7)


@pytest.mark.parametrize("name", PACKERS)
def test_every_truncation_of_a_body_is_unreadable_and_of_a_stream_gives_what_there_was(
    name: str,
) -> None:
    raw, header = pack(PLAIN, [name])
    for at in range(2, len(raw)):
        with pytest.raises(Unreadable):
            decode(raw[:at], header, LIMIT)
        plain, complete = streamed(raw[:at], header, 5)
        assert PLAIN.startswith(plain)
        assert not complete


@pytest.mark.parametrize("header", ["gzip", "deflate", "br", "zstd", "gzip, zstd", "identity", ""])
@pytest.mark.parametrize(
    "plain", [PLAIN, b"data: {}\n\n", b"event: x\ndata: {}\n\n", b"[1]", b"hello \xc3\xa4", b"("]
)
def test_a_plain_body_under_a_false_header_is_read_as_it_is(header: str, plain: bytes) -> None:
    assert decode(plain, header, LIMIT) == (plain, ())
    for size in (1, 3, 1000) if header != "deflate" else ():
        assert streamed(plain, header, size) == (plain, True)


@pytest.mark.parametrize("header", ["", "identity", "br", "zstd", "gzip", "utf-8", "gzip, br"])
@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_gzip_and_zstd_are_known_by_their_first_bytes(header: str, name: str) -> None:
    raw, _ = pack(PLAIN, [name])
    assert decode(raw, header, LIMIT) == (PLAIN, (name,))
    for size in (1, 3, 1000):
        if "," not in header:
            assert streamed(raw, header, size) == (PLAIN, True)


def test_gzip_that_brotli_never_objects_to_is_read_as_gzip() -> None:
    """For some timestamps, a gzip header looks like the beginning of a long brotli block."""
    for second in range(1_800_000_000, 1_800_000_100):
        raw = gzip.compress(PLAIN, mtime=second)
        assert decode(raw, "br", LIMIT) == (PLAIN, ("gzip",))
        assert streamed(raw, "br", 1) == (PLAIN, True)


def test_a_body_packed_once_more_than_the_header_says() -> None:
    raw, _ = pack(PLAIN, ["zstd", "gzip"])
    assert decode(raw, "gzip", LIMIT) == (PLAIN, ("zstd", "gzip"))
    with pytest.raises(Unreadable, match="more than"):
        decode(pack(PLAIN, ["gzip"] * 6)[0], "gzip", LIMIT)


def test_members_and_frames_in_a_row_are_one_body() -> None:
    half = len(PLAIN) // 2
    for name in ("gzip", "zstd"):
        raw = PACKERS[name](PLAIN[:half]) + PACKERS[name](PLAIN[half:])
        assert decode(raw, name, LIMIT).plain == PLAIN
        for size in (1, 10, 1000):
            assert streamed(raw, name, size) == (PLAIN, True)
    padded = gzip.compress(PLAIN) + b"\0" * 9
    assert decode(padded, "gzip", LIMIT).plain == PLAIN


@pytest.mark.parametrize("name", PACKERS)
def test_what_stands_behind_the_end_is_refused_in_a_body_and_dropped_from_a_stream(
    name: str,
) -> None:
    raw, header = pack(PLAIN, [name])
    with pytest.raises(Unreadable):
        decode(raw + b"password=x", header, LIMIT)
    for size in (1, 7, 1 << 20) if name != "br" else (1,):
        assert streamed(raw + b"password=x", header, size) == (PLAIN, True)


@pytest.mark.parametrize("header", ["rot13", "gzip, compress", "aws-chunked"])
def test_an_unknown_coding_is_named(header: str) -> None:
    with pytest.raises(Unreadable, match=header.rsplit(", ", maxsplit=1)[-1]):
        decode(PLAIN, header, LIMIT)
    with pytest.raises(Unreadable):
        Decoder(header)


def unpacked(name: str) -> int:
    """Return the unpacked size of a bomb, in bytes.

    brotli before 1.2 returns megabytes at once, whatever the limit, so its bomb is larger.
    """
    return 1 << (28 if name == "br" else 26)


@cache
def bomb(name: str) -> bytes:
    if name == "br":
        return brotli.compress(bytes(unpacked(name)), quality=2)
    return PACKERS[name](bytes(unpacked(name)))


@pytest.mark.thorough
@pytest.mark.parametrize("name", HEADERS.keys() ^ {"gzip", "deflate", "br", "zstd"})
@pytest.mark.parametrize("around", [[], ["gzip"], ["zstd"]])
def test_a_bomb_is_cut_off_without_being_unpacked(name: str, around: list[str]) -> None:
    raw, outer = pack(bomb(name), around)
    header = ", ".join((HEADERS.get(name, name), *[outer][: len(around)]))
    limit = 1 << 21
    tracemalloc.start()
    with pytest.raises(Unreadable, match="larger than the limit"):
        decode(raw, header, limit)
    decoder = Decoder(header, limit)
    decoder.feed(raw)
    with pytest.raises(Unreadable, match="larger than the limit"):
        decoder.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < unpacked(name) // 2


@pytest.mark.parametrize("header", ["gzip", "deflate", "br", "zstd", ""])
def test_each_flushed_event_comes_out_at_once(header: str) -> None:
    if header in ("gzip", "deflate"):
        zipper = zlib.compressobj(wbits=31 if header == "gzip" else 15)
        packed = lambda data: zipper.compress(data) + zipper.flush(zlib.Z_SYNC_FLUSH)  # noqa: E731
    elif header == "br":
        packer = brotli.Compressor()
        packed = lambda data: packer.process(data) + packer.flush()  # noqa: E731
    elif header == "zstd":
        framer = zstandard.ZstdCompressor().compressobj()
        flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        packed = lambda data: framer.compress(data) + framer.flush(flush)  # noqa: E731
    else:
        packed = bytes
    decoder = Decoder(header)
    for number in range(50):
        event = b'data: {"n": %d}\n\n' % number
        assert decoder.feed(packed(event)) == event
    decoder.finish()
    assert decoder.complete is (header == "")


def test_a_stream_that_breaks_gives_what_came_before() -> None:
    raw = bytearray(gzip.compress(b"a" * 5000) + gzip.compress(PLAIN * 50))
    raw[-400:] = b"\xff" * 400
    decoder = Decoder("gzip")
    assert decoder.feed(bytes(raw)).startswith(b"a" * 5000)
    assert not decoder.complete
    with pytest.raises(Unreadable):
        decoder.feed(b"")


def _silent_gzip(blocks: int) -> tuple[bytes, bytes]:
    """Return gzip data in which so many empty blocks come before the text, and that data's end."""
    packed = gzip.compress(PLAIN)
    head, rest = packed[:10], packed[10:]
    return head + b"\x00\x00\x00\xff\xff" * blocks, rest


def test_input_that_decodes_to_nothing_is_not_copied_again_and_again() -> None:
    head, rest = _silent_gzip(1 << 20)
    decoder = Decoder("gzip")
    copied = 0
    tracemalloc.start()
    for at in range(0, len(head), 16 << 10):
        piece = head[at : at + (16 << 10)]
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert decoder.feed(piece) == b""
        copied += tracemalloc.get_traced_memory()[1] - before > 1 << 20
    tracemalloc.stop()
    assert copied < 20
    assert decoder.feed(rest) == PLAIN
    assert decoder.complete


def test_input_that_decodes_to_nothing_is_not_kept_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encodings, "_MOST_SEEN", 1000)
    head, rest = _silent_gzip(2000)
    decoder = Decoder("gzip")
    assert decoder.feed(head[:600]) == b""
    assert decoder._seen == head[:600]
    assert decoder.feed(head[600:]) == b""
    assert decoder._seen is None
    assert decoder.feed(rest) + decoder.finish() == PLAIN


def test_reasons_do_not_quote_the_body() -> None:
    secret = b"hunter" + b"2" * 20
    for raw in (secret + b"\xff", gzip.compress(secret)[:-3], zstd(secret) + secret):
        for header in ("gzip", "br", "zstd", "deflate"):
            with pytest.raises(Unreadable) as caught:
                decode(raw, header, LIMIT)
            assert "hunter" not in repr(caught.value)
