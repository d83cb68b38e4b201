"""Files that are broken, or that unpack to more than is read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from test_wire_documents import decide
from wire_files import LARGE, large_pdf, zipped

from secretgate.bodies.documents import extracted
from secretgate.outbound.requests import Verdict


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"%PDF-1.4\nstream\n",
            b"PK\x03\x04",
            b"%PDF-1.4\nstream\n\x78\x9c",
            gzip.compress(b"text")[:10],
            bz2.compress(b"text")[:10],
            lzma.compress(b"text")[:12],
            zstandard.compress(b"text")[:5],
        ]
    ),
)
def test_a_broken_file_is_no_reason_to_fail(noise: bytes, head: bytes) -> None:
    assert isinstance(extracted(head + noise + b"\nendstream")[0], bytes)


@pytest.mark.thorough
def test_a_bomb_is_cut_off() -> None:
    page = zlib.compress(b"BT (" + b"a" * (80 << 20) + b") Tj ET", 9)
    text, whole = extracted(b"%PDF-1.7\nstream\n" + page + b"\nendstream")
    assert len(text) <= 33 << 20
    assert not whole


BOMBS: dict[str, Callable[[], bytes]] = {
    "zip": lambda: zipped("large.txt", LARGE),
    "zip of a zip": lambda: zipped("a.zip", zipped("large.txt", LARGE)),
    "pdf": large_pdf,
    "gzip": lambda: gzip.compress(LARGE),
    "zstd": lambda: zstandard.compress(LARGE),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_is_read_in_part_is_not_passed_in_silence(name: str) -> None:
    bomb = BOMBS[name]()
    refused = decide(bomb)
    assert refused.verdict is Verdict.UNREADABLE
    assert "32 MiB" in refused.message
    assert decide(bomb, mode="block").refused
    assert decide(bomb, on_unreadable="pass").verdict is Verdict.CLEAN
    assert not decide(bomb, mode="audit").refused


def test_pictures_in_a_pdf_are_not_counted_as_text() -> None:
    picture = zlib.compress(bytes(40 << 20))
    head = b"%PDF-1.7\n1 0 obj\n<< /Type /XObject /Subtype /Image >>\nstream\n"
    assert decide(head + picture + b"\nendstream\nendobj\n").verdict is Verdict.CLEAN
