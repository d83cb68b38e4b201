"""Whether a request is for the proxy itself, and not for somebody behind it."""

from __future__ import annotations

import ipaddress

from mitmproxy import http

_LOCAL_NAMES = ("localhost",)


def to_us(flow: http.HTTPFlow) -> bool:
    """Whether a request names the address that it came in at. A name that merely resolves to us is not enough: a
    web page can have one made for it."""
    listening = flow.client_conn.sockname
    if not listening or flow.request.port != listening[1]:
        return False
    host = flow.request.host.strip("[]").lower()
    if host in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host)
        return address.is_loopback or address == ipaddress.ip_address(listening[0])
    except ValueError:
        return False


def from_another_site(flow: http.HTTPFlow) -> bool:
    """Whether a browser says that a page of another origin caused the request."""
    headers = flow.request.headers
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    said = headers.get("origin") or headers.get("referer")
    if not said:
        return False
    own = f"http://{flow.request.host_header}"
    return said != own and not said.startswith(own + "/")
