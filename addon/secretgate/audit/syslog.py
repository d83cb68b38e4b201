"""Sends records as syslog messages, using the standard library's handler."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from logging.handlers import SysLogHandler
from urllib.parse import urlsplit

_KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
_PORT = 514


class AddressError(ValueError):
    """An address that cannot be used for syslog."""


class _Handler(SysLogHandler):
    append_nul = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - overrides logging's name
        raise  # noqa: PLE0704 - re-raises the exception being handled by the caller


class Syslog:
    """A syslog server as a target of records."""

    def __init__(self, address: str) -> None:
        self._address, self._kind = _parsed(address)
        self._handler: _Handler | None = None

    def write(self, records: Sequence[bytes]) -> None:
        if self._handler is None:
            self._handler = _Handler(self._address, socktype=self._kind)
            self._handler.ident = "secretgate: "
        end = "\n" if self._kind is socket.SOCK_STREAM else ""
        try:
            for record in records:
                said = record.decode() + end
                self._handler.emit(
                    logging.LogRecord("secretgate", logging.INFO, "", 0, said, None, None)
                )
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._handler is not None:
            self._handler.close()
            self._handler = None


def _parsed(address: str) -> tuple[str | tuple[str, int], socket.SocketKind | None]:
    if address.startswith("/"):
        return address, None
    parts = urlsplit(address)
    if parts.scheme not in _KINDS or not parts.hostname:
        raise AddressError(f"{address!r} is neither /dev/log, udp://HOST:PORT nor tcp://HOST:PORT")
    return (parts.hostname, parts.port or _PORT), _KINDS[parts.scheme]
