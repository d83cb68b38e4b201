"""Checks that the users who may use the proxy (mitmproxy's `proxyauth`) are known.

mitmproxy does not say why it cannot use a file. It quotes the specification of a directory that it
cannot read, bind password included, and prints a stack trace if the directory does not answer.
"""

from __future__ import annotations

from typing import Final

from secretgate.gateway.workers import WorkersError

_PATIENCE: Final = 5
"""Seconds in which it has to answer."""
_FORM: Final = "ldaps:HOST[:PORT]:BIND_DN:PASSWORD:SUBTREE[?search_filter_key=NAME]"


def check(proxyauth: str) -> None:
    """Raise WorkersError, without any password, if this is of no use to tell users by."""
    if proxyauth.startswith("@"):
        _check_file(proxyauth)
    elif proxyauth.startswith("ldap"):
        _check_directory(proxyauth)
    elif proxyauth and proxyauth != "any" and proxyauth.count(":") != 1:
        raise WorkersError(
            "proxyauth: expected USER:PASSWORD (with one colon), @FILE for an htpasswd file, or ldaps:..."
        )


def _check_file(proxyauth: str) -> None:
    from mitmproxy.addons.proxyauth import Htpasswd
    from mitmproxy.exceptions import OptionsError

    try:
        Htpasswd(proxyauth)
    except OptionsError as error:
        cause = error.__context__
        if isinstance(cause, FileNotFoundError) or (isinstance(cause, OSError) and not cause.errno):
            # mitmproxy 12 has an error of its own for it, without a number.
            reason = "there is no such file"
        elif isinstance(cause, OSError):
            reason = str(cause.strerror)
        else:
            reason = "only lines of `htpasswd -B` (bcrypt) and `htpasswd -s` (SHA-1) can be used"
        raise WorkersError(f"proxyauth: {proxyauth[1:]}: {reason}") from None


def _check_directory(proxyauth: str) -> None:
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
