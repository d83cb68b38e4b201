"""Who may use the proxy.

By default it listens on loopback. If it listens for other machines, clients have to give a password
(mitmproxy's `proxyauth`) or come from a network listed in `clients`: an open proxy would offer its
tunnels to everybody, and its restored answers to anyone who shares an account.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

from mitmproxy import connection, ctx, exceptions
from mitmproxy.options import Options
from mitmproxy.proxy import mode_specs

from secretgate import log
from secretgate.proxy.own_address import captured
from secretgate.settings import EVERYONE

_LOOPBACK = ("127.0.0.1", "::1")
_HTTPS = 443
"""Over UDP, QUIC: mitmproxy does not recognise each of its handshakes, and passes on the others."""
_OF_THEIR_OWN = ("local", "wireguard", "tun")
"""Modes whose clients are processes of this machine, hold a key, or are routed here on purpose."""


def check(options: Options, clients: Sequence[str]) -> None:
    """Reject options that would admit everybody. Raises `OptionsError`."""
    if clients or _password(options):
        return
    for spec in options.mode:
        mode = mode_specs.ProxyMode.parse(spec)
        host = mode.listen_host(options.listen_host)
        if host and mode.type_name not in _OF_THEIR_OWN and not local(host):
            raise exceptions.OptionsError(f"secretgate: {open_to_all(host)}")


def open_to_all(host: str) -> str:
    """Return the reason why a proxy does not start at this address."""
    return (
        f"at {host} other machines could use this proxy without a password: set "
        "proxyauth=USER:PASSWORD (not `any`), or name the networks of its clients "
        "(secretgate_clients=10.0.0.0/8), or listen on 127.0.0.1"
    )


def turn_away(client: connection.Client, clients: Sequence[str]) -> None:
    """Close the connection of a client that may not connect, or not in this way."""
    if client.transport_protocol == "udp" and captured(client) and client.sockname[1] == _HTTPS:
        client.error = "no QUIC: clients use TCP instead"
    elif not admits(client, clients):
        client.error = "not a client of this proxy"
        log.logger().warning(
            "a connection from another machine was refused",
            client=client.peername[0],
            remedy="proxyauth=USER:PASSWORD or secretgate_clients=NETWORK",
        )


def admits(client: connection.Client, clients: Sequence[str]) -> bool:
    """Whether a client may connect at all."""
    if _password(ctx.options) or client.proxy_mode.type_name in _OF_THEIR_OWN:
        return True
    peer, own = (address[0] if address else "" for address in (client.peername, client.sockname))
    if local(peer) or (peer and peer == own) or EVERYONE in clients:
        return True
    try:
        address = _address(peer)
    except ValueError:
        return False
    if any(address in ipaddress.ip_network(each, strict=False) for each in clients):
        return True
    # What was redirected here keeps the address that it was sent from.
    return client.proxy_mode.type_name == "transparent" and _of_this_machine(address)


async def listen_on_loopback() -> None:
    """Move the port to loopback, unless the user chose an address.

    This is needed because mitmproxy binds its port before it loads scripts.
    """
    options = ctx.options
    if options.listen_host or options.mode != options.default("mode"):
        return
    server = ctx.master.addons.get("proxyserver")
    addresses = server.listen_addrs()
    if not addresses or addresses[0][0] in _LOOPBACK:
        return
    options.update(mode=[f"regular@127.0.0.1:{addresses[0][1]}"])
    for _ in range(500):
        if any(address[0] in _LOOPBACK for address in server.listen_addrs()):
            return
        await asyncio.sleep(0.01)
    log.logger().error("the proxy does not listen on loopback", remedy="--listen-host 127.0.0.1")


def _password(options: Options) -> bool:
    return "proxyauth" in options and asks(options.proxyauth)


def asks(proxyauth: str | None) -> bool:
    """Whether clients have to know a password; `any` accepts every user with every password."""
    return bool(proxyauth) and proxyauth != "any"


def local(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    try:
        return host == "localhost" or _address(host).is_loopback
    except ValueError:
        return False


def _of_this_machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        try:
            tried.bind((str(address), 0))
        except OSError:
            return False
    return True


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
