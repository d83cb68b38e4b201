"""Implements `secretgate system`: connects plan, record and terminal on this machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection
from pathlib import Path

from secretgate.hosts import rotation
from secretgate.launch import plan as plans
from secretgate.launch import running
from secretgate.launch.plan import Wishes
from secretgate.launch.upstream import Upstream, UpstreamError, upstream
from secretgate.settings import SettingsError
from secretgate.state import Places, StateError
from secretgate.system.changes import ChangeError
from secretgate.system.plan import Account, steps
from secretgate.system.record import Record
from secretgate.system.switch import preview, preview_off, switch_off, switch_on
from secretgate.wording import spoken
from secretgate_ca import CAError, ensure_ca, environment, load_ca, write_bundle
from secretgate_ca.authority import CERT_FILE
from secretgate_ca.bundle import BUNDLE_FILE
from secretgate_ca.runner import SystemRunner

FAILED = 2
_ON = (
    "On. Log in again, or start a new shell, for programs to see it; for those that read only the "
    "system's trust store: secretgate-ca install. To look: secretgate doctor"
)
_ON_IN_PART = (
    "On in part: see what was NOT done. Programs that read the settings will connect to port {port}, and fail if "
    "no proxy runs there. To run one: secretgate serve --port {port}. To undo all of it: secretgate system off"
)
_NOT_RUNNING = "NOT running: secretgate system on, or secretgate serve --port {port}"
_FAILURES = (CAError, ChangeError, SettingsError, StateError, UpstreamError, OSError)


def _record(places: Places) -> Record:
    return Record(places.state / "system.json")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _fail(error: Exception) -> int:
    _say(f"secretgate: {spoken(error)}")
    return FAILED


def _is_ours(named: Upstream | None, ports: Collection[object]) -> bool:
    """Return whether it is a secretgate of this account, which need not be running."""
    return (
        named is not None
        and named.local
        and (named.port in ports or running.status(named.host, named.port) is not None)
    )


def _account(places: Places, port: int, mode: str, earlier: object, dry_run: bool) -> Account:
    """Return what steps are planned for; `earlier` is the port of the time before, if any.

    If there is no CA, one is made, except for a dry run.
    """
    names = plans.plan(Wishes(mode), places, os.environ).names(_say)
    authority = load_ca(places.ca) if dry_run else ensure_ca(places.ca, names)
    missing = authority.missing(names) if authority else ()
    if missing or (authority and not authority.valid()):
        raise CAError(
            f"the CA is not valid now or may not sign for all covered hosts: {rotation(missing)}"
        )
    if authority and not dry_run:
        write_bundle(authority)
    trust = environment(places.ca / BUNDLE_FILE, places.ca / CERT_FILE)
    named = upstream(os.environ)
    out = os.environ[named.variable] if named and not _is_ours(named, (port, earlier)) else ""
    command = [sys.executable, "-P", "-m", "secretgate", "serve", "--port", str(port)]
    if mode:
        command += ["--mode", mode]
    own = ("SECRETGATE_HOME", "PYTHONPATH")
    return Account(
        Path.home(),
        places.config,
        sys.platform,
        getattr(os, "getuid", lambda: 0)(),
        port,
        tuple(command),
        trust,
        out,
        {name: os.environ[name] for name in own if name in os.environ},
    )


def on(port: int, mode: str, dry_run: bool) -> int:
    """Switch the proxy on; return the exit code, 0 on success."""
    places = Places.find()
    runner = SystemRunner()
    try:
        record = _record(places)
        account = _account(places, port, mode, record.facts.get("port"), dry_run)
        if dry_run:
            if not (places.ca / CERT_FILE).exists():
                print(f"create {places.ca}   # the CA; `off` leaves it")
            print("\n".join(preview(steps(account, runner))))
            return 0
        if record.present:
            switch_off(record, runner, lambda line: None)
        record.facts = {"port": port, "mode": mode}
        well = switch_on(steps(account, runner), record, runner, print)
    except _FAILURES as error:
        return _fail(error)
    print(_ON if well else _ON_IN_PART.format(port=port))
    return 0 if well else 1


def off(dry_run: bool) -> int:
    """Switch the proxy off; return the exit code, 0 if everything was reverted."""
    try:
        record = _record(Places.find())
        if dry_run:
            print("\n".join(preview_off(record)) or "Nothing to undo.")
            return 0
        if not record.present:
            print("It is not on.")
            return 0
        return 0 if switch_off(record, SystemRunner(), print) else 1
    except _FAILURES as error:
        return _fail(error)


def status(as_json: bool) -> int:
    """Print the state; return 0 if the proxy is off, or on and running."""
    try:
        record = _record(Places.find())
    except ChangeError as error:
        return _fail(error)
    port = int(record.facts.get("port", running.USUAL_PORT))
    report = running.status("127.0.0.1", port) if record.present else None
    changed = preview_off(record)
    if as_json:
        facts = {"on": record.present, "port": port, "running": report is not None, "undo": changed}
        print(json.dumps(facts))
    elif not record.present:
        print("off")
    else:
        state = f"running, mode {report['mode']}" if report else _NOT_RUNNING.format(port=port)
        print(f"on, port {port}, {state}")
        print("\n".join(f"  {line}" for line in changed))
    return 0 if report or not record.present else 1
