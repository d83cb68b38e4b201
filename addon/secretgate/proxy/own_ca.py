"""Makes mitmproxy use secretgate's CA, unless the user configured a folder with another one."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from mitmproxy import ctx, exceptions

from secretgate import hosts, log
from secretgate.hosts.signing import signable
from secretgate.proxy import dispatch
from secretgate.proxy.leaves import ShowLeaves
from secretgate.settings import Settings
from secretgate_ca import Authority, CAError, Leaves, ensure_ca
from secretgate_ca.authority import CHAIN_FILE, WRONG_CLOCK
from secretgate_ca.names import listed
from secretgate_ca.status_report import SOON

_MITMPROXYS_ADVICE = "certificate authority has expired"


def put_in_place(settings: Callable[[], Settings], folder: Path) -> None:
    """Install the CA of `folder`. Raises `OptionsError` if that fails, or `settings` does."""
    options = ctx.options
    if options.confdir == options.default("confdir"):
        _show(settings(), folder)
    elif (Path(options.confdir) / CHAIN_FILE).exists():
        _show(settings(), Path(options.confdir))


def _show(settings: Settings, folder: Path) -> None:
    names = signable(_added(settings), _plain_only)
    try:
        authority = ensure_ca(folder, names)
    except CAError as error:
        raise exceptions.OptionsError(f"secretgate: {error}") from None
    except OSError as error:
        raise exceptions.OptionsError(
            f"secretgate: the CA cannot be kept in {folder}: {error.strerror}; set SECRETGATE_HOME "
            "to another folder"
        ) from None
    missing = authority.missing(names)
    if missing:
        log.logger().warning(
            "the CA may not sign for all covered hosts",
            missing=listed(missing),
            remedy=hosts.rotation(missing),
        )
    _check_validity(authority)
    ctx.options.update(confdir=str(folder))
    dispatch.add_last(ShowLeaves(Leaves(authority), folder))


def _check_validity(authority: Authority) -> None:
    """Warn of a CA that has expired or soon will, in place of mitmproxy's advice to delete its own."""
    logging.getLogger("mitmproxy.addons.tlsconfig").addFilter(
        lambda record: _MITMPROXYS_ADVICE not in record.getMessage()
    )
    day = f"{authority.expires:%Y-%m-%d}"
    remedy = "secretgate-ca rotate, then start the proxy again"
    if authority.expired():
        log.logger().error(
            "the CA has expired: tools refuse its certificates", day=day, remedy=remedy
        )
    elif authority.expired(datetime.datetime.now(datetime.UTC) + SOON):
        log.logger().warning("the CA expires soon", day=day, remedy=remedy)
    if authority.premature():
        log.logger().error(
            "the CA is not valid yet: tools refuse its certificates",
            begins=f"{authority.begins:%Y-%m-%d}",
            remedy=WRONG_CLOCK,
        )


def _added(settings: Settings) -> Iterator[str]:
    return (row.host for row in settings.hosts)


def _plain_only(reason: str) -> None:
    log.logger().warning("only plain HTTP to this host is covered", reason=reason)
