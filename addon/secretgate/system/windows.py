"""Windows: a scheduled task at log-on, and the account's automatic proxy configuration."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from xml.sax.saxutils import escape

from secretgate.system.changes import Run, Step, Write
from secretgate.system.plan import Account
from secretgate_ca.runner import Runner

TASK = "secretgate"
_SETTINGS = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_VALUE = re.compile(r"AutoConfigURL\s+REG_SZ\s+(\S.*)")


def steps(account: Account, runner: Runner) -> Iterator[Step]:
    path = account.config / "task.xml"
    yield Write("description of the task", path, lambda _: task(account).encode("utf-16"), 0o600)
    create = ("schtasks", "/Create", "/TN", TASK, "/XML", str(path), "/F")
    start, stop = ("schtasks", "/Run", "/TN", TASK), ("schtasks", "/End", "/TN", TASK)
    delete = ("schtasks", "/Delete", "/TN", TASK, "/F")
    yield Run("proxy as a scheduled task", (create, start), (stop, delete))
    now = runner.run(("reg", "query", _SETTINGS, "/v", "AutoConfigURL"))
    found = _VALUE.search(now.stdout.decode(errors="replace")) if not now.code else None
    before = found[1].strip() if found else ""
    if before != account.pac:
        add = ("reg", "add", _SETTINGS, "/v", "AutoConfigURL", "/t", "REG_SZ", "/f", "/d")
        remove = ("reg", "delete", _SETTINGS, "/v", "AutoConfigURL", "/f")
        undo = (*add, before) if before else remove
        yield Run("proxy of the account", ((*add, account.pac),), (undo,))


def task(account: Account) -> str:
    """Return the scheduled task as XML."""
    program, *arguments = account.command
    spelled = escape(subprocess.list2cmdline(arguments))
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>secretgate proxy</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
    <Hidden>true</Hidden>
  </Settings>
  <Actions><Exec><Command>{escape(program)}</Command><Arguments>{spelled}</Arguments></Exec></Actions>
</Task>
"""
