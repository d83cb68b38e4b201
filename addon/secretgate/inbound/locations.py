"""Headers of answers that name a URL to go on at: redirects, resumable uploads, operations.

The client sends such a URL back as it is, so the URL is left as the provider wrote it: what looks like a
secret in it is none to the provider, and a placeholder in it stays one, as clients follow a redirect
unasked, to any host. What was issued is known again by the id in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from secretgate.outbound import references

_NAMES: Final = (
    *("location", "content-location", "operation-location"),
    *("azure-asyncoperation", "x-goog-upload-url"),
)
NAMES: Final = frozenset(name.encode() for name in _NAMES)
_PIECE: Final = re.compile(r"[^/?&=#]+")
_ID: Final = re.compile(r"(?=.*[0-9]).{8,}", re.DOTALL)


_SAME_REQUEST: Final = frozenset((307, 308))
"""Status codes upon which clients send the same body again; with the others, a POST becomes a GET."""
_MOVED: Final = frozenset((301, 302))


def sent_again(status: int, method: str, headers: Mapping[str, str], asked: str) -> str | None:
    """Return the URL to which clients send a request's body again unasked, if any.

    `asked`: the URL of the request.
    """
    again = status in _SAME_REQUEST or (status in _MOVED and method not in ("GET", "POST", "HEAD"))
    return urljoin(asked, headers["location"].strip()) if again and "location" in headers else None


def urls(headers: Mapping[str, str]) -> list[str]:
    """Return the URLs in an answer's headers, which are named in lower case."""
    return [headers[name] for name in _NAMES if headers.get(name)]


def texts(url: str) -> list[bytes]:
    """Return the parts of a URL as they are read in the next request."""
    pieces = _PIECE.findall(url.encode("utf-8", "surrogateescape").decode("latin-1"))
    return [unquote_to_bytes(piece.encode("latin-1")) for piece in pieces]


def ids(url: str, asked: str) -> Iterator[str]:
    """Yield the ids in a URL by which the next request is known; `asked`: the path of this one."""
    yield from references.UPLOAD.findall(url)
    last = urlsplit(url).path.rpartition("/")[2].partition(":")[0]
    if _ID.fullmatch(last) and last not in asked:
        yield last
