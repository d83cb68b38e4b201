"""`secretgate mcp`: runs an MCP server program behind the gate."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from secretgate.cli.options import Config, Mode

UNUSABLE, NOT_EXECUTABLE, NOT_FOUND = 2, 126, 127


def mcp(
    command: Annotated[list[str], typer.Argument(help="The server's command, after --.")],
    name: Annotated[
        str, typer.Option(help="The server's name in rules (default: its command's name).")
    ] = "",
    policy: Annotated[str, typer.Option(help="A rule file or a folder of them.")] = "",
    mode: Mode = "",
    config: Config = "",
) -> None:
    """Run an MCP server, apply rules to its tool calls and results, and replace secrets in results.

    It goes into a client's configuration, before the server's own command.

    Examples:
      secretgate mcp -- npx -y some-mcp-server
      secretgate mcp --name db --policy rules/ -- uvx mcp-server-sqlite

    Exit code: the server's; 2 if it could not start, 126 and 127 as in a shell.
    """
    raise typer.Exit(_run(command, name or Path(command[0]).stem, policy, mode, config))


def _run(command: Sequence[str], name: str, policy: str, mode: str, config: str) -> int:
    from secretgate import engine
    from secretgate.audit.trail import AuditError, Trail
    from secretgate.mcp.session import Session
    from secretgate.mcp.stdio import Wrapper
    from secretgate.settings import SettingsError
    from secretgate.settings.sources import load as settings_of
    from secretgate.state import Places, StateError
    from secretgate.undumpable import seal_process
    from secretgate.wording import spoken

    seal_process(for_children=False)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def warn(text: str, **more: object) -> None:
        say(f"secretgate: {text}" + "".join(f", {key}: {value}" for key, value in more.items()))

    try:
        places = Places.find()
        file = Path(config).expanduser() if config else places.settings
        given = {"mode": mode, "policy": policy}
        chosen = settings_of(given, file, explicit_file=bool(config))
        built = engine.build(chosen, places, warn)
        handed = any(fnmatchcase(name, glob) for glob in chosen.mcp_restore)
        trail = Trail().reopened(chosen, places, built.namer.digest, warn)
        policies = built.requests.policies.policy
        session = Session(built, name, policy=policies, handed_over=handed, trail=trail)
    except (AuditError, SettingsError, StateError, ValueError, OSError) as error:
        say(f"secretgate: {spoken(error)}")
        return UNUSABLE
    try:
        # A file object of our own: a thread may still be reading from it when the interpreter
        # exits.
        source = os.fdopen(os.dup(0), "rb", closefd=False)
        return Wrapper(session, source, sys.stdout.buffer, say).run(command)
    except FileNotFoundError:
        say(f"secretgate: {command[0]}: command not found")
        return NOT_FOUND
    except PermissionError:
        say(f"secretgate: {command[0]}: not executable")
        return NOT_EXECUTABLE
    finally:
        trail.close()
        built.ledger.close()
