"""Loaded by mitmdump in the end-to-end tests: answers every request itself, so nothing leaves.

With SECRETGATE_TEST_LEAVES=1 it also shows the leaves of `secretgate_ca`. Scripts run before
mitmproxy's own TLS addon, so the addon that swaps the leaf is added behind it once all are loaded.
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

    def request(self, flow: http.HTTPFlow) -> None:
        flow.response = http.Response.make(200, b"intercepted", {"content-type": "text/plain"})


addons = [Answering()]
