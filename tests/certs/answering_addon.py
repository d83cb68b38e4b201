"""A mitmdump script for end-to-end tests: answers every request itself, so that nothing leaves.

For each host it writes lines to the file SECRETGATE_TEST_SEEN: "tls HOST" at the beginning of a
handshake, "request HOST" for a request, which clients send only if they accept the certificate.

With SECRETGATE_TEST_LEAVES=1 it also serves the leaves of `secretgate_ca`. Scripts run before
mitmproxy's own TLS addon, so the addon that replaces the leaf is added after it, once all are
loaded.
"""

import os
from pathlib import Path

from mitmproxy import ctx, http, tls

from secretgate_ca import Leaves, load_ca


class ShowLeaves:
    def __init__(self, leaves: Leaves) -> None:
        self.leaves = leaves

    def tls_start_client(self, data: tls.TlsData) -> None:
        sni = data.context.client.sni
        if sni and data.ssl_conn is not None and self.leaves.authority.covers(sni):
            data.ssl_conn.use_certificate(self.leaves.leaf([sni]))
            data.ssl_conn.use_privatekey(self.leaves.key)


class Answering:
    def running(self) -> None:
        if os.environ.get("SECRETGATE_TEST_LEAVES") == "1":
            authority = load_ca(Path(ctx.options.confdir))
            assert authority is not None
            ctx.master.addons.add(ShowLeaves(Leaves(authority)))

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        _note("tls", data.client_hello.sni or "")

    def request(self, flow: http.HTTPFlow) -> None:
        _note("request", flow.request.host)
        flow.response = http.Response.make(200, b"intercepted", {"content-type": "text/plain"})


def _note(what: str, host: str) -> None:
    if seen := os.environ.get("SECRETGATE_TEST_SEEN"):
        with open(seen, "a") as file:
            file.write(f"{what} {host}\n")


addons = [Answering()]
