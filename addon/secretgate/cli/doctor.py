"""`secretgate doctor`: what would bypass the proxy, and the command that fixes it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.text import Text

from secretgate import hosts
from secretgate.cli.options import AsJson
from secretgate.doctor.checks import BAD, GOOD, Finding, Machine, examine
from secretgate.doctor.selftest import self_test
from secretgate.launch import plan as plans
from secretgate.launch import running
from secretgate.launch.plan import Wishes
from secretgate.launch.running import LAST_PORT, USUAL_PORT
from secretgate.launch.upstream import UpstreamError, upstream
from secretgate.settings import SettingsError
from secretgate.state import Places
from secretgate_ca import Authority, CAError, load_ca, write_bundle
from secretgate_ca.authority import WRONG_CLOCK
from secretgate_ca.bundle import root_der, system_roots
from secretgate_ca.names import listed, subtrees
from secretgate_ca.runner import SystemRunner


def doctor(
    as_json: AsJson = False,
    port: Annotated[
        int,
        typer.Option(
            min=1, max=LAST_PORT, help="The proxy's port, if HTTPS_PROXY does not name it."
        ),
    ] = USUAL_PORT,
) -> None:
    """Find what would bypass the proxy or not trust it, and how to fix it.

    Examples:
      secretgate doctor
      secretgate doctor --json

    Exit code: 0 if there are no problems, else 1.
    """
    findings = list(_findings(port))
    if as_json:
        print(json.dumps({"findings": [finding.json() for finding in findings]}, indent=2))
    else:
        _show(findings)
    raise typer.Exit(int(any(finding.level == BAD for finding in findings)))


def _findings(port: int) -> Iterator[Finding]:
    places = Places.find()
    try:
        covered = plans.plan(Wishes(), places, os.environ).hosts
    except SettingsError as error:
        yield Finding(BAD, "settings", str(error), "edit that file")
        covered = hosts.Hosts(hosts.builtin())
    running_at, report = _running(port)
    try:
        known = _authority(places, report.get("ca"))
    except CAError as error:
        yield Finding(BAD, "CA", str(error), "secretgate-ca status")
        known = None
    root = root_der(known) if known else b""
    machine = Machine(
        environment=os.environ,
        home=Path.home(),
        which=shutil.which,
        read=_read,
        hosts=covered,
        root=root,
        system_trusts=bool(root) and root in system_roots(SystemRunner()),
        ours=running_at,
        platform=sys.platform,
        bundle=str(write_bundle(known, inherited=os.environ)) if known else "",
    )
    if known:
        yield from _signing(known, covered.names)
    yield from examine(machine)
    if running_at and known:
        url = urlsplit(running_at)
        yield from self_test(url.hostname or "", url.port or 0, known.ca_cert)
    elif running_at:
        message = "the running proxy's CA does not belong to this installation"
        yield Finding(BAD, "self-test", message, "set SECRETGATE_HOME as it was for the proxy")


def _signing(known: Authority, names: Sequence[str]) -> Iterator[Finding]:
    if known.expired():
        yield Finding(BAD, "CA", "it has expired", hosts.rotation())
    if known.premature():
        message = f"it is not valid before {known.begins:%Y-%m-%d}"
        yield Finding(BAD, "CA", message, WRONG_CLOCK)
    missing = []
    for name in known.missing(names):
        try:
            subtrees(name)
        except CAError as error:
            yield Finding(BAD, "CA", str(error), "or secretgate serve --provider NAME=URL")
        else:
            missing.append(name)
    if missing:
        message = f"it may not sign for {listed(missing)}"
        yield Finding(BAD, "CA", message, hosts.rotation(missing))


def _running(port: int) -> tuple[str, dict[str, object]]:
    """Return URL and status of the secretgate proxy of this shell, or on `port`; empty if none runs."""
    candidates = [("127.0.0.1", port)]
    try:
        named = upstream(os.environ)
    except UpstreamError:
        named = None
    if named is not None and named.local:
        candidates.insert(0, (named.host, named.port))
    for host, number in candidates:
        report = running.status(host, number)
        if report is not None:
            return f"http://{host}:{number}", report
    return "", {}


def _authority(places: Places, fingerprint: object) -> Authority | None:
    """Return the CA of the running proxy or, if none runs, the installation's."""
    usual = load_ca(places.ca)
    if fingerprint is None or (usual and usual.fingerprint == fingerprint):
        return usual
    own = load_ca(places.ca.with_name(f"{places.ca.name}-run"))
    return own if own and own.fingerprint == fingerprint else None


def _read(path: Path) -> bytes | None:
    try:
        return path.expanduser().read_bytes()
    except OSError:
        return None


def _show(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    utf8 = console.encoding.lower().startswith("utf")
    marks = (
        {GOOD: ("✓", "green"), BAD: ("✗", "bold red")}
        if utf8
        else {GOOD: ("ok", ""), BAD: ("NO", "")}
    )
    subject = None
    for finding in findings:
        if finding.subject != subject:
            subject = finding.subject
            console.print(Text(subject, style="bold"))
        mark, style = marks.get(finding.level, ("·" if utf8 else "-", "dim"))
        console.print(Text.assemble("  ", (mark, style), " ", finding.message))
        if finding.fix:
            console.print(Text.assemble("      ", (finding.fix, "cyan")), soft_wrap=True)
