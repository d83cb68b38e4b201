"""macOS: a launchd agent, and the automatic proxy configuration of each network service."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator

from secretgate.system.changes import Run, Step, Write
from secretgate.system.plan import Account
from secretgate_ca.runner import Runner

LABEL = "org.secretgate.proxy"
_SETUP = "/usr/sbin/networksetup"


def steps(account: Account, runner: Runner) -> Iterator[Step]:
    path = account.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    yield Write("launchd agent", path, lambda _: agent(account), 0o600)
    domain = f"gui/{account.uid}"
    start = ("/bin/launchctl", "bootstrap", domain, str(path))
    stop = ("/bin/launchctl", "bootout", f"{domain}/{LABEL}")
    yield Run("proxy as a service", (start,), (stop,))
    listed = runner.run((_SETUP, "-listallnetworkservices"))
    for service in listed.stdout.decode().splitlines()[1:] if not listed.code else ():
        if not service.startswith("*"):
            yield from _automatic(account, runner, service)


def _automatic(account: Account, runner: Runner, service: str) -> Iterator[Step]:
    now = runner.run((_SETUP, "-getautoproxyurl", service)).stdout.decode()
    fields = dict(line.split(": ", 1) for line in now.splitlines() if ": " in line)
    url, enabled = fields.get("URL", "(null)"), fields.get("Enabled", "No")
    if (url, enabled) == (account.pac, "Yes"):
        return
    undo = [(_SETUP, "-setautoproxystate", service, "on" if enabled == "Yes" else "off")]
    if url != "(null)":
        undo.insert(0, (_SETUP, "-setautoproxyurl", service, url))
    do = (_SETUP, "-setautoproxyurl", service, account.pac)
    yield Run(f"proxy of {service}", (do,), tuple(undo))


def agent(account: Account) -> bytes:
    """Return the property list of the launchd agent."""
    log = str(account.home / "Library" / "Logs" / "secretgate.log")
    described = {
        "Label": LABEL,
        "ProgramArguments": list(account.command),
        "RunAtLoad": True,
        "KeepAlive": True,
        "ProcessType": "Interactive",
        "EnvironmentVariables": account.service_variables,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(described)
