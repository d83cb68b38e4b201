"""mitmproxy's messages are built without type checks while the gate runs."""

from __future__ import annotations

from typing import Any

import pytest
from mitmproxy import http

from secretgate.proxy import type_checks


def _answer(ended: Any) -> http.Response:
    return http.Response(b"HTTP/1.1", 200, b"OK", http.Headers(), b"", None, 1.0, ended)


def test_fields_are_not_checked_until_the_gate_is_gone() -> None:
    type_checks.off()
    type_checks.off()
    try:
        assert _answer("late").timestamp_end == "late"
    finally:
        type_checks.on()
        type_checks.on()
    assert _answer(2.0).timestamp_end == 2.0
    with pytest.raises(TypeError):
        _answer("late")
