"""Maps paths to answers, without I/O: only GET and HEAD, and only for the page's own origin."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from secretgate.web import pac as pac_file
from secretgate.web.page import STYLE, page
from secretgate.web.status import Status

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Answer(NamedTuple):
    """A response of the local page."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = {}

    @property
    def all_headers(self) -> dict[str, str]:
        return {"content-type": self.media_type, **HEADERS, **self.headers}


def _text(status: int, said: str, **headers: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{said}\n".encode(), headers)


def _home(status: Status) -> Answer:
    return Answer(200, "text/html; charset=utf-8", page(status).encode())


def _style(status: Status) -> Answer:
    return Answer(200, "text/css; charset=utf-8", STYLE.encode())


def _health(status: Status) -> Answer:
    return _text(200, "ok")


def _json(status: Status) -> Answer:
    return Answer(200, "application/json", json.dumps(status.json()).encode())


def _pac(status: Status) -> Answer:
    return Answer(200, pac_file.MEDIA_TYPE, pac_file.pac(status.names, status.proxy).encode())


def _ca(status: Status) -> Answer:
    if status.ca is None:
        return _text(404, "this proxy has no CA of its own")
    kept = {"content-disposition": 'attachment; filename="secretgate-ca.crt"'}
    return Answer(200, "application/x-x509-ca-cert", status.ca.pem, kept)


def _metrics(status: Status) -> Answer:
    if status.metrics is None:
        return _text(404, "not served: set secretgate_metrics=true")
    return Answer(200, "text/plain; version=0.0.4; charset=utf-8", status.metrics())


PATHS: Mapping[str, Callable[[Status], Answer]] = {
    "/": _home,
    "/style.css": _style,
    "/healthz": _health,
    "/status.json": _json,
    "/proxy.pac": _pac,
    "/ca.crt": _ca,
    "/metrics": _metrics,
}
OPEN = ("/healthz", "/proxy.pac", "/metrics")
"""Paths served without going through the proxy: clients need them to find it, and scrapers read them.
"""


def answer(
    method: str, path: str, status: Callable[[], Status], *, foreign: bool, direct: bool
) -> Answer:
    """Return the answer to a request for `path`.

    `foreign`: the request comes from a page of another site. `direct`: it was sent to the proxy's
    own address rather than the page's, or from another machine.
    """
    route = path.partition("?")[0]
    if foreign:
        return _text(403, "not for pages of other sites")
    if direct and route not in OPEN:
        return _text(
            404,
            "This is the secretgate proxy. On its machine, with HTTPS_PROXY and HTTP_PROXY set to this "
            "address, its page is http://secretgate.internal/",
        )
    found = PATHS.get(route)
    if found is None:
        return _text(404, "there is no such page")
    if method not in ("GET", "HEAD"):
        return _text(405, "only GET", allow="GET, HEAD")
    return found(status())
