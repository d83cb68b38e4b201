"""Tests which CA variables a tool uses, one at a time, and whether the doctor says the same.

A proxy runs, and the tool gets its address, and its CA by one variable. Either a request for its
provider arrives or none. The doctor runs in a bare shell and inside `secretgate run`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from clients import agent
from clients.world import Serving, World
from harness.command import CLI
from secretgate.doctor.tools import TOOLS, Reads, Tool
from secretgate.launch import daemons

VARIABLES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CODEX_CA_CERTIFICATE", "REQUESTS_CA_BUNDLE")
PATIENCE = 120.0
HESITATION = 8.0
"""Seconds in which a tool may still send its request after rejecting a certificate."""
SETTLED = 1.0
"""Seconds in which requests of a tool that was ended may still arrive."""


def trusted(world: World) -> dict[str, bool]:
    """Return, by variable, whether the tool sent its request."""
    (world.project / agent.ENV).write_text("")
    with world.serving() as serving:
        bundle = _bundle(world, serving)
        return {name: _tried(world, serving, {name: bundle}) for name in VARIABLES}


def _bundle(world: World, serving: Serving) -> str:
    """Return the path of the combined bundle that `secretgate run` gives to a command."""
    show = [sys.executable, "-c", "import os; print(os.environ['SSL_CERT_FILE'])"]
    done = world.command([*CLI, "run", "--", *show], **serving.variables)
    return done.out.strip()


def _tried(world: World, serving: Serving, given: dict[str, str]) -> bool:
    environment = world.environment(**serving.variables)
    for name in VARIABLES:
        environment.pop(name, None)
    environment |= given | daemons.VARIABLES
    environment |= {"NODE_USE_ENV_PROXY": "1"} if _told(world).reads is Reads.NODE else {}
    arguments = world.arguments("Say hello.")
    start = len(world.taps())
    process = subprocess.Popen(
        [*world.tool.command, *arguments],
        cwd=world.project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    refused = 0.0
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            rows = world.taps()[start:]
            if any(row["kind"] == "request" and _talks(row) for row in rows):
                return True
            if any(row["kind"] == "tls refused" for row in rows):
                refused = refused or time.monotonic()
            if ended or (refused and time.monotonic() - refused > HESITATION):
                return False
            time.sleep(0.1)
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait(10)
        time.sleep(SETTLED)


def _talks(row: dict[str, Any]) -> bool:
    return row["method"] == "POST" or row["upgrade"] == "websocket"


def disagreements(world: World, heeded: dict[str, bool]) -> list[str]:
    """Return where the doctor's statements differ from what was observed."""
    told = _told(world)
    found = [
        f"the doctor says {name} {'is' if name in told.trust else 'is not'} enough"
        for name, works in heeded.items()
        if works is not (name in told.trust)
    ]
    diagnose = [*CLI, "doctor", "--json"]
    bare = _bad(world.command(diagnose).out, told.name)
    inside = _bad(world.command([*CLI, "run", "--", *diagnose]).out, told.name)
    if not bare:
        found.append("the doctor has nothing to say of a shell without a proxy of ours")
    found += (f"the doctor, inside of a run: {each}" for each in inside)
    return found


def _told(world: World) -> Tool:
    """Return the doctor's table row for this tool."""
    (told,) = [tool for tool in TOOLS if tool.name == world.tool.doctor]
    return told


def _bad(output: str, name: str) -> list[str]:
    findings = json.loads(output)["findings"]
    if not any(each["subject"] == name for each in findings):
        return ["it does not see the tool"]
    return [e["message"] for e in findings if e["subject"] == name and e["level"] == "bad"]
