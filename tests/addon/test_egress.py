"""The check of the outgoing bytes knows a value in every form."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from addon.kit import token
from secretgate.outbound.egress import Egress, forms


@pytest.mark.parametrize("lead", range(6))
def test_the_check_of_outgoing_bytes_knows_base64_at_any_offset(lead: int) -> None:
    value = token(8).encode()
    raw = base64.b64encode(b"z" * lead + value + b"behind")
    assert Egress().leaks(raw, {b"p": value}) == [b"p"]
    assert Egress().leaks(b"clean", {b"p": value}) == []


@pytest.mark.parametrize("text", ['pä"ss', "p\\\\é", "plain"])
def test_the_check_of_outgoing_bytes_knows_json_with_and_without_escapes_of_letters(
    text: str,
) -> None:
    for ascii_only in (False, True):
        inner = text
        for _ in range(3):
            inner = json.dumps(inner, ensure_ascii=ascii_only)[1:-1]
            assert inner.encode() in set(forms(text.encode()))


@pytest.mark.parametrize("value", [b'tok\xff"\\\n' + b"a" * 16, b"\xf9" * 16])
def test_the_check_of_outgoing_bytes_knows_values_that_are_no_text(value: bytes) -> None:
    escaped = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    for form in (value, escaped, base64.b64encode(value), quote(value).encode()):
        assert Egress().leaks(b"x" + form + b"y", {b"p": value}) == [b"p"]
