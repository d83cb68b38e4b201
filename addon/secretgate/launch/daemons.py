"""Tools that hand their work to a daemon of the user's: how to have them do it themselves.

A daemon keeps the environment it was started with. One that was started earlier would send the
command's prompts past the proxy; one that the command starts would outlive the proxy.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

VARIABLES = {"CLINE_SESSION_BACKEND_MODE": "local", "CLAUDE_CODE_DISABLE_AGENT_VIEW": "1"}
"""Set for every command, whatever the user has set.

Claude Code has no switch for working without its daemon; with this one, `claude --bg` says that it
is disabled, and a session cannot be moved to the background.
"""
OPTIONS = {"codex": "--no-daemon"}
"""By the name of the program; added if its version has the option."""
ELSEWHERE = "--remote"
"""An option with which a program works on a server that the user names."""
PATIENCE = 10.0


def without(command: Sequence[str], inherited: Mapping[str, str]) -> list[str]:
    """Return the command with the option that keeps its program from using a daemon, if there is one."""
    program, *arguments = command
    option = OPTIONS.get(Path(program).stem.lower())
    if option is None or any(each.startswith((option, ELSEWHERE)) for each in arguments):
        return [*command]
    if option not in _help(program, inherited):
        return [*command]
    return [program, option, *arguments]


def _help(program: str, inherited: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            [program, "--help"],
            env=dict(inherited),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
