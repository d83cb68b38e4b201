"""Checks that a directory of users (mitmproxy's `proxyauth=ldap:...`) can be asked.

mitmproxy quotes a specification that it cannot read, bind password included, and prints a stack
trace if the directory does not answer.
"""

from __future__ import annotations

from typing import Final

from secretgate.gateway.workers import WorkersError

_PATIENCE: Final = 5
"""Seconds in which it has to answer."""
_FORM: Final = "ldaps:HOST[:PORT]:BIND_DN:PASSWORD:SUBTREE[?search_filter_key=NAME]"


def check(proxyauth: str) -> None:
    """Raise WorkersError, without the password, if this names a directory that cannot be asked."""
    if not proxyauth.startswith("ldap"):
        return
    import ldap3
    from ldap3.core.exceptions import LDAPException
    from mitmproxy.addons.proxyauth import Ldap
    from mitmproxy.exceptions import OptionsError

    try:
        tls, host, port, reader, password, *_ = Ldap.parse_spec(proxyauth)
    except OptionsError:
        raise WorkersError(f"proxyauth: expected {_FORM}") from None
    try:
        server = ldap3.Server(host, port=port, use_ssl=tls, connect_timeout=_PATIENCE)
        connection = ldap3.Connection(server, reader, password, receive_timeout=_PATIENCE)
        accepted, reason = connection.bind(), connection.result["description"]
        connection.unbind()
    except LDAPException as error:
        raise WorkersError(f"proxyauth: the directory {host} cannot be asked: {error}") from None
    if not accepted:
        raise WorkersError(f"proxyauth: the directory {host} refuses {reader}: {reason}")
