"""Recognises connections and requests to the proxy itself rather than through it."""

from __future__ import annotations

import ipaddress

from mitmproxy import connection, http

_LOCAL_NAMES = ("localhost",)
_CAPTURING = ("transparent", "wireguard", "local", "tun")


def captured(client: connection.Client) -> bool:
    """Whether a connection was captured on its way to another host.

    mitmproxy gives that host's address as the one at which the connection arrived.
    """
    return client.proxy_mode.type_name in _CAPTURING


def to_us(flow: http.HTTPFlow) -> bool:
    """Whether a request names the address at which it arrived.

    A name that merely resolves to that address does not count: a web page can have one set up.
    """
    client = flow.client_conn
    listening = client.sockname
    if not listening or flow.request.port != listening[1]:
        return False
    if captured(client):
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
    """Whether a page of another origin linked here.

    API clients put names of their own into this header, so it is meaningful only for browser
    requests.
    """
    said = flow.request.headers.get("referer")
    return bool(said) and not f"{said}/".startswith(f"http://{flow.request.host_header}/")


def local_client(flow: http.HTTPFlow) -> bool:
    """Whether the client is on this machine."""
    peer = flow.client_conn.peername
    return bool(peer) and ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback
