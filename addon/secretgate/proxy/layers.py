"""Which protocol a connection to a covered host speaks: HTTP, over TLS or not, and nothing else.

mitmproxy decides by the first bytes, however few have come, and passes on unread what does not look like HTTP: half a
method, an empty line, the first byte of TLS. What a covered host is sent has to be read, so there it is taken for HTTP, and
ends with an error if it is none.
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
"""What comes first behind these is no matter of bytes."""
_TLS = b"\x16\x03"
"""How TLS begins; mitmproxy wants a third byte to know it."""


def choose(hosts: Hosts, following: layer.NextLayer) -> None:
    """Decides where mitmproxy would pass bytes on unread; leaves everything else to it."""
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
    """Whether, with this answer, both sides go on to a protocol that nobody reads."""
    answer = flow.response
    return answer is not None and answer.status_code == 101 and flow.websocket is None
