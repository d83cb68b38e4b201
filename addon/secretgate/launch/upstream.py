"""The upstream proxy that the environment names, through which ours must connect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY")
_PORTS = {"http": 8080, "https": 443}


class UpstreamError(ValueError):
    """The environment names an unusable proxy; the message says which variable and what to do."""


@dataclass(frozen=True)
class Upstream:
    """An HTTP proxy named by an environment variable."""

    variable: str
    scheme: str
    host: str
    port: int
    credentials: str = field(default="", repr=False)
    """`user:password`, decoded."""

    @property
    def mode(self) -> str:
        """mitmproxy's spelling of this proxy."""
        return f"upstream:{self.scheme}://{in_url(self.host)}:{self.port}"

    @property
    def local(self) -> bool:
        return self.host in ("127.0.0.1", "::1", "localhost")


def upstream(environment: Mapping[str, str]) -> Upstream | None:
    """Return the proxy for HTTPS traffic; the first variable that is set counts. Raise UpstreamError."""
    variable = next((name for name in _VARIABLES if environment.get(name, "").strip()), None)
    if variable is None:
        return None
    given = environment[variable].strip()
    unfit = UpstreamError(
        f"{variable} is not a proxy URL: it must look like http://HOST:PORT or "
        "http://USER:PASSWORD@HOST:PORT, with %XX for special characters of a password"
    )
    try:
        url = urlsplit(given if "://" in given else f"http://{given}")
    except ValueError:
        # A single bracket, of an address or a password, which the error might quote.
        raise unfit from None
    if url.scheme not in _PORTS:
        raise UpstreamError(
            f"{variable} names a {url.scheme} proxy, which mitmproxy does not support: "
            "set HTTPS_PROXY to an HTTP proxy, or unset it"
        )
    try:
        port = url.port or _PORTS[url.scheme]
    except ValueError:
        port = 0
    if not url.hostname or not port:
        raise unfit from None
    named = f"{unquote(url.username)}:{unquote(url.password or '')}" if url.username else ""
    return Upstream(variable, url.scheme, url.hostname, port, named)


def in_url(address: str) -> str:
    """Return a host as URLs spell it: an address of IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address
