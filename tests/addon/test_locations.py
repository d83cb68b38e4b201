"""URLs in answers' headers at which the client goes on: what is read in them."""

from __future__ import annotations

import pytest

from secretgate.inbound import locations


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://h/upload/v1beta/files?upload_id=ABC-0123456789&x=1", ["ABC-0123456789"]),
        ("https://h/openai/operations/0f1e2d3c-4b5a?api-version=1", ["0f1e2d3c-4b5a"]),
        ("/v1beta/batches/abcdef0123:cancel", ["abcdef0123"]),
        ("/v1/chat/completions", []),
        ("/v1/responses/resp_0123456789", []),
        ("", []),
    ],
)
def test_ids_by_which_the_next_request_is_known(url: str, found: list[str]) -> None:
    assert [*locations.ids(url, "/v1/responses/resp_0123456789/cancel")] == found


def test_parts_are_read_as_they_will_be_in_a_request() -> None:
    url = "https://h/a%2Fb/c?d=e%3d&f"
    assert locations.texts(url) == [b"https:", b"h", b"a/b", b"c", b"d", b"e=", b"f"]
    assert locations.urls({"location": url, "link": "x", "operation-location": ""}) == [url]
