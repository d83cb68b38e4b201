"""Forces connections to covered hosts to be parsed as HTTP, with or without TLS.

mitmproxy decides by the first bytes, however few have arrived, and passes on unread what does not
look like HTTP: half a method, an empty line, the first byte of TLS. What is sent to a covered host
has to be read, so it is parsed as HTTP, and fails with an error if it is something else.
"""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode

from secretgate.hosts import Hosts
from secretgate.proxy import flows

_KNOWN = (modes.HttpProxy, modes.HttpUpstreamProxy, modes.ReverseProxy)
"""Proxy modes whose next layer does not depend on the first bytes."""
_TLS = b"\x16\x03"
"""How TLS begins; mitmproxy needs a third byte to recognise it."""


def choose(hosts: Hosts, following: layer.NextLayer) -> None:
    """Set the layer where mitmproxy would pass bytes on unread; leave all other cases to it."""
    context, data = following.context, following.data_client()
    first = len(context.layers) == 1 and isinstance(context.layers[0], _KNOWN)
    if following.layer is not None or first or context.client.transport_protocol != "tcp":
        return
    if starts_like_tls_record(data):
        return
    if data and _TLS.startswith(data):
        following.layer = layers.ServerTLSLayer(context)
        following.layer.child_layer = layers.ClientTLSLayer(context)
    elif any(map(hosts.covers, (flows.address(context.server), context.client.sni or ""))):
        following.layer = layers.HttpLayer(context, HTTPMode.transparent)


def leaves_http(flow: http.HTTPFlow) -> bool:
    """Whether both sides switch with this answer to a protocol that is not read."""
    answer = flow.response
    return answer is not None and answer.status_code == 101 and flow.websocket is None
