"""The leaf certificates presented to clients.

mitmproxy's own leaves copy all names of the provider's certificate, and a single name outside the
CA's constraints makes clients reject the chain. This addon runs after mitmproxy's TLS addon and
installs a leaf of its own in the connection.
"""

from __future__ import annotations

from pathlib import Path

from mitmproxy import ctx, tls

from secretgate import log
from secretgate.hosts import rotation
from secretgate_ca import Leaves


class ShowLeaves:
    """Presents leaves that contain only the requested name, with a key of their own."""

    def __init__(self, leaves: Leaves, confdir: Path) -> None:
        self._leaves = leaves
        self._confdir = str(confdir)

    def tls_start_client(self, data: tls.TlsData) -> None:
        name = data.context.client.sni
        if (
            not name
            or data.ssl_conn is None
            or ctx.options.certs
            or ctx.options.confdir != self._confdir
        ):
            return
        if not self._leaves.authority.covers(name):
            log.logger().warning(
                "the CA may not sign for this host", host=name, remedy=rotation([name])
            )
            return
        data.ssl_conn.use_certificate(self._leaves.leaf([name]))
        data.ssl_conn.use_privatekey(self._leaves.key)
