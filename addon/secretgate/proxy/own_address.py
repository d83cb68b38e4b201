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
    origin = headers.get("origin")
    return origin is not None and origin != f"http://{flow.request.host_header}"


def linked_from_another_site(flow: http.HTTPFlow) -> bool:
    """Whether a page of another origin led here. Clients of APIs put names of their own into this header, so it says
    something only where a browser is all that can be meant."""
    said = flow.request.headers.get("referer")
    return bool(said) and not f"{said}/".startswith(f"http://{flow.request.host_header}/")


def local_client(flow: http.HTTPFlow) -> bool:
    """Whether the client is on this machine."""
    peer = flow.client_conn.peername
    return bool(peer) and ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback
