"""The mitmproxy side of base URLs: redirects requests for our prefixes to their providers."""

from __future__ import annotations

import functools
import json
import logging
from typing import TYPE_CHECKING

from mitmproxy import connection, http

from secretgate.base_urls import BaseURL, BaseURLError, Target, chosen, route_for, served_at, target
from secretgate.launch.environment import LOCAL
from secretgate.proxy.own_address import from_another_site, to_us

if TYPE_CHECKING:
    from secretgate.gate import Gate

_JSON = {"content-type": "application/json", "x-secretgate": "refused"}


class BaseURLs:
    """Runs before the gate, which then sees the request as if it had been sent to the provider."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._entries: tuple[str, ...] = ()
        self._bases: dict[str, BaseURL] = {}

    def _current(self) -> dict[str, BaseURL]:
        entries = self._gate.engine().settings.base_urls
        if entries != self._entries:
            self._bases, self._entries = {}, entries
            self._bases = chosen(entries)
        return self._bases

    def running(self) -> None:
        try:
            self._current()
        except BaseURLError as error:
            # mitmproxy exits if an error is logged during startup.
            logging.getLogger(__name__).error("secretgate: %s", error)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response or not to_us(flow):
            return
        bases = self._current()
        found = target(bases, flow.request.path)
        if found is None and not (bases and flow.request.method == "POST"):
            return
        if from_another_site(flow):
            message = "secretgate does not serve base URLs to pages of other sites"
            flow.response = http.Response.make(403, _refusal("forbidden", message), _JSON)
            return
        if found is None:
            known = ", ".join(f"/{name}{'/RESOURCE' * bases[name].per_resource}" for name in bases)
            message = f"secretgate serves no provider at this path; base URLs end with {known}"
            flow.response = http.Response.make(404, _refusal("not_found", message), _JSON)
            return
        route = route_for(found, self._gate.engine().hosts)
        if route is not None:
            self._gate.routes[flow] = route
        request = flow.request
        origin = f"{request.scheme}://{request.host_header}"
        self._gate.leads_back[flow] = functools.partial(_ours, self._bases, found, origin)
        request.path = found.path
        request.scheme, request.port = found.base.scheme, found.base.port
        request.host = found.host
        if found.host in LOCAL and flow.server_conn.via:
            # Services on this machine are not reached through the upstream proxy.
            flow.server_conn = connection.Server(address=None)


def _ours(bases: dict[str, BaseURL], found: Target, origin: str, url: str) -> str | None:
    """Return the URL by which a client reaches a URL of its provider through us."""
    path = served_at(bases, found, url)
    return origin + path if path is not None else None


def _refusal(kind: str, message: str) -> str:
    return json.dumps({"error": {"type": kind, "message": message}})
