"""Runs a command with its proxy and reports on both; this is where the side effects happen."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secretgate.launch import daemons, running
from secretgate.launch import plan as plans
from secretgate.launch.environment import child_environment, exceptions
from secretgate.launch.isolation import IsolationError, isolation
from secretgate.launch.plan import Plan, Wishes
from secretgate.launch.proxy import OwnProxy, ProxyError
from secretgate.launch.signals import Relay, exit_code
from secretgate.launch.summary import summary
from secretgate.launch.upstream import Upstream, UpstreamError, in_url, upstream
from secretgate.settings import SettingsError
from secretgate.settings.sources import misspelt
from secretgate.state import Places, StateError, private_folder
from secretgate.wording import spoken
from secretgate_ca import Authority, CAError, environment, load_ca, write_bundle

KEPT_LOGS = 20
NOT_FOUND, NOT_EXECUTABLE, UNUSABLE, INTERRUPTED = 127, 126, 2, 130

_FAILURES = (
    SettingsError,
    StateError,
    CAError,
    UpstreamError,
    ProxyError,
    IsolationError,
    OSError,
)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Reach:
    """The proxy that the child's connections go to, and the CA it must trust."""

    host: str
    port: int
    authority: Authority

    @property
    def url(self) -> str:
        return f"http://{in_url(self.host)}:{self.port}"


def run(
    command: Sequence[str], wishes: Wishes, addon: Path, say: Say, inherited: Mapping[str, str]
) -> int:
    """Run `command` behind a proxy; return its exit code, or one of ours if it could not be started."""
    program = shutil.which(command[0], path=inherited.get("PATH"))
    if program is None:
        present = bool(command[0]) and Path(command[0]).exists()
        say(f"secretgate: {command[0]}: " + ("not executable" if present else "command not found"))
        return NOT_EXECUTABLE if present else NOT_FOUND
    direct = daemons.without([program, *command[1:]], inherited)
    for variable, meant in misspelt(inherited):
        say(f"secretgate: {variable} is no setting; did you mean {meant}?")
    try:
        places = Places.find(inherited)
        via = upstream(inherited)
        report = running.status(via.host, via.port) if via and via.local else None
        if via and report and not wishes.any:
            reach = _usable(via, report, places)
            if reach:
                return _run_through(direct, reach, wishes, places, say, inherited)
        if via and via.local and not report and not running.listens(via.host, via.port):
            say(
                f"secretgate: {via.variable} names a proxy on this machine where nothing listens "
                f"(port {via.port}), so every connection will fail: unset it, or start that proxy"
            )
        on = via if not report else None
        return _run_behind_own(direct, wishes, places, addon, on, say, inherited)
    except _NotStartedError as error:
        say(f"secretgate: {command[0]}: {error}")
        return error.code
    except _FAILURES as error:
        say(f"secretgate: {spoken(error)}")
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED


class _NotStartedError(Exception):
    """The command is there, but the system cannot run it."""

    def __init__(self, error: OSError) -> None:
        missing = isinstance(error, FileNotFoundError)
        self.code = NOT_FOUND if missing else NOT_EXECUTABLE
        super().__init__(
            "the interpreter that its first line names was not found" if missing else error.strerror
        )


def _usable(via: Upstream, report: Mapping[str, Any], places: Places) -> Reach | None:
    """Return the secretgate proxy `via` if its CA belongs to this installation, else None.

    `report`: what the proxy says of itself.
    """
    for folder in (places.ca, places.ca.with_name(f"{places.ca.name}-run")):
        known = load_ca(folder)
        if known is not None and known.fingerprint == report.get("ca"):
            return Reach(via.host, via.port, known)
    return None


def _run_through(
    command: Sequence[str],
    reach: Reach,
    wishes: Wishes,
    places: Places,
    say: Say,
    inherited: Mapping[str, str],
) -> int:
    chosen = plans.plan(wishes, places, inherited)
    say(f"secretgate: using the proxy already running at {reach.url}")
    variables = _environment(reach, chosen, say, inherited)
    return exit_code(_child(command, variables, reach if wishes.isolate else None))


def _run_behind_own(
    command: Sequence[str],
    wishes: Wishes,
    places: Places,
    addon: Path,
    via: Upstream | None,
    say: Say,
    inherited: Mapping[str, str],
) -> int:
    logs = private_folder(places.logs)
    log = logs / f"run-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    proxy = OwnProxy.start(log, inherited)
    try:
        chosen = plans.plan(wishes, places, inherited)
        known = plans.authority(places, chosen.names(say))
        folder = None if known.confdir == places.ca else known.confdir
        roots = plans.upstream_roots(places, private_folder(places.state), inherited)
        proxy.order(plans.arguments(chosen, wishes, addon, folder, roots, via))
        _tidy(logs)
        reach = Reach(*proxy.address(), known)
        if wishes.verbose:
            say(f"secretgate: proxy {reach.url} (mode {chosen.settings.mode}), log {log}")
            if via:
                say(f"secretgate: going out through the proxy that {via.variable} names")
        variables = _environment(reach, chosen, say, inherited)
        returned = _child(command, variables, reach if wishes.isolate else None)
        numbers = proxy.finish()
    finally:
        proxy.kill()
    say(summary(numbers, chosen.settings.mode, log))
    return exit_code(returned)


def _environment(
    reach: Reach, chosen: Plan, say: Say, inherited: Mapping[str, str]
) -> dict[str, str]:
    past = exceptions(inherited, chosen.hosts)
    if past.dropped:
        say(
            "secretgate: removed from NO_PROXY, because covered hosts would bypass the proxy: "
            + ", ".join(past.dropped)
        )
    bundle = write_bundle(reach.authority, inherited=inherited)
    trust = environment(bundle, reach.authority.ca_cert, inherited)
    return child_environment(inherited, reach.url, trust, past.kept, windows=os.name == "nt")


def _child(command: Sequence[str], variables: Mapping[str, str], only: Reach | None) -> int:
    """Run the command, which keeps the terminal and its signals.

    `only` is the sole address that it can reach, if isolated.
    """
    relay = Relay()
    with contextlib.ExitStack() as stack:
        inherit: tuple[int, ...] = ()
        apart = isolation(only.host, only.port) if only else None
        if apart:
            stack.callback(apart.close)
            command, inherit = apart.command(command), apart.descriptors
        stack.enter_context(relay.catching())
        try:
            process = subprocess.Popen(list(command), env=dict(variables), pass_fds=inherit)
        except OSError as error:
            raise _NotStartedError(error) from None
        if apart:
            apart.attach()
        relay.to(process)
        return process.wait()


def _tidy(logs: Path) -> None:
    for old in sorted(logs.glob("run-*.log"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)


def say_on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
