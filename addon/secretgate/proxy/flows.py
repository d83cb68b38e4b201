"""Reads from mitmproxy's flows what the gate needs, and writes results back."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping

from mitmproxy import connection, http
from mitmproxy.net.http.url import parse_authority, unparse

from secretgate import grpc, signed_events
from secretgate.engine import Engine
from secretgate.hosts import Route, Treatment
from secretgate.outbound import credentials, heads, refusals
from secretgate.outbound.heads import Head
from secretgate.outbound.requests import Request
from secretgate.vault import Scope

_PROXY_PASSWORD = b"proxy-authorization"


def names(flow: http.HTTPFlow) -> list[str]:
    """Return every name of the request's host: each of them can make it covered."""
    authority = flow.request.host_header or flow.request.host
    found = [flow.request.host, _named_host(authority)]
    if flow.client_conn.sni:
        found.append(flow.client_conn.sni)
    return found


def address(server: connection.Server) -> str:
    return server.address[0] if server.address else ""


def url(flow: http.HTTPFlow) -> str:
    """Return the URL of a request, with the host's name even if the client connects to its address."""
    asked = flow.request
    try:
        ipaddress.ip_address(asked.host)
    except ValueError:
        return asked.url
    name = flow.client_conn.sni or _named_host(asked.host_header or asked.host)
    return unparse(asked.scheme, name, asked.port, asked.path)


def request(engine: Engine, flow: http.HTTPFlow, route: Route) -> Request:
    """Return the parts of a request that the gate needs."""
    headers, asked = heads.folded(flow.request.headers.fields), url(flow)
    user = (flow.metadata.get("proxyauth") or ("",))[0]
    peer = flow.client_conn.peername[0] if flow.client_conn.peername else ""
    account = engine.namer.digest(b"account\0" + credentials.account(headers, asked))
    return Request(
        route=route,
        method=flow.request.method,
        path=flow.request.path,
        headers=headers,
        content=flow.request.raw_content or b"",
        scope=Scope(user or peer, route.provider, account),
        exempt=credentials.values(headers, asked),
        url=asked,
    )


def is_call(request: http.Request, route: Route) -> bool:
    """Whether a request is a stream of messages that may continue during the answer."""
    kind = request.headers.get("content-type", "")
    return (
        (grpc.speaks(kind) or signed_events.speaks(kind))
        and "content-length" not in request.headers
        and route.treatment is not Treatment.PASS
    )


def head(flow: http.HTTPFlow) -> Head:
    trailers = flow.request.trailers
    return Head(
        flow.request.path.encode("utf-8", "surrogateescape"),
        flow.request.headers.fields,
        trailers.fields if trailers else (),
        flow.request.data.method,
    )


def put_head(flow: http.HTTPFlow, changed: Head) -> None:
    flow.request.path = changed.target.decode("utf-8", "surrogateescape")
    flow.request.headers.fields = changed.headers
    if flow.request.trailers:
        flow.request.trailers.fields = changed.trailers


def put_content(request: http.Request, content: bytes, changed: Mapping[str, str]) -> None:
    """Replace the body, and the headers that describe it."""
    request.raw_content = content
    length = b"%d" % len(content)
    request.headers.fields = tuple(
        (name, length if name.lower() == b"content-length" else value)
        for name, value in request.headers.fields
    )
    if changed:
        request.headers.update(changed)


def refuse(
    flow: http.HTTPFlow, route: Route, status: int, message: str, reply: bytes | None = None
) -> None:
    """Answer a request with an error in the provider's own format, or with `reply`, which is JSON."""
    kind = flow.request.headers.get("content-type", "")
    flow.request.raw_content = b""
    if reply is not None:
        flow.response = http.Response.make(status, reply, refusals.JSON_HEADERS)
        return
    flow.response = http.Response.make(*refusals.answer(route.dialect, kind, status, message))


def drop_proxy_password(request: http.Request) -> None:
    """Remove the password that the client gave to this proxy."""
    fields = request.headers.fields
    request.headers.fields = tuple(each for each in fields if each[0].lower() != _PROXY_PASSWORD)


@functools.lru_cache(maxsize=256)
def _named_host(authority: str) -> str:
    """Return the host in a Host header; cached, as few values recur."""
    return parse_authority(authority, check=False)[0]
