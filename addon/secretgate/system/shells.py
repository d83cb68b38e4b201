"""Shells: a file of variables for each, and a marked block that reads it where needed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from secretgate.system.changes import Edit, Step, Write
from secretgate.system.plan import Account
from secretgate_ca.runner import Runner

BEGIN = "# >>> secretgate >>>"
END = "# <<< secretgate <<<"
_NO_PROXY = ("NO_PROXY", "no_proxy")
_USERS_FIRST = ("CLAUDE_CODE_ATTRIBUTION_HEADER",)


def steps(account: Account, runner: Runner) -> Iterator[Step]:
    if account.platform == "win32":
        yield from _powershell(account, account.home / "Documents")
        return
    file = account.config / "env.sh"
    yield Write("variables for shells", file, lambda _: posix(account).encode())
    block = f"{BEGIN}\n[ -r {shlex.quote(str(file))} ] && . {shlex.quote(str(file))}\n{END}\n"
    for profile in _profiles(account):
        yield Write("shell profile", profile, append(block))
    if (account.home / ".config" / "fish").is_dir() or runner.which("fish"):
        path = account.home / ".config" / "fish" / "conf.d" / "secretgate.fish"
        yield Write("fish", path, lambda _: fish(account).encode())
    if runner.which("pwsh"):
        yield from _powershell(account, account.home / ".config")


def _profiles(account: Account) -> list[Path]:
    """Return `.profile` and the existing files that shells read instead of it.

    zsh reads none of these, so `.zprofile` is added where it is used.
    """
    home = account.home
    found = [home / ".profile"]
    found += [home / name for name in (".bash_profile", ".bash_login") if (home / name).exists()]
    if account.platform == "darwin" or (home / ".zshrc").exists():
        found.append(home / ".zprofile")
    return found


def _powershell(account: Account, folder: Path) -> Iterator[Step]:
    name = "PowerShell" if account.platform == "win32" else "powershell"
    text = f"{BEGIN}\n{powershell(account)}{END}\n"
    yield Write("PowerShell", folder / name / "profile.ps1", append(text))


def append(block: str) -> Edit:
    """Return an edit that appends a block on its own lines, replacing an earlier one."""

    def edit(old: bytes) -> bytes:
        begin, end = BEGIN.encode(), f"{END}\n".encode()
        start = old.find(begin)
        stop = old.find(end, start)
        if start >= 0 and stop >= 0:
            old = old[:start] + old[stop + len(end) :]
        newline = b"\r\n" if b"\r\n" in old else b"\n"
        gap = newline if old and not old.endswith(b"\n") else b""
        return old + gap + block.encode().replace(b"\n", newline)

    return edit


def posix(account: Account) -> str:
    """Return the variables as a POSIX shell script."""
    lines = ["# Made by secretgate; taken away by: secretgate system off"]
    for name, value in account.variables.items():
        if name in _NO_PROXY:
            lines.append(f'case ",${{{name}:-}}," in *",{value},"*) ;; *)')
            lines.append(f'  export {name}="{value}${{{name}:+,${name}}}" ;; esac')
        elif name in _USERS_FIRST:
            lines.append(f'export {name}="${{{name}:-{value}}}"')
        else:
            lines.append(f"export {name}={shlex.quote(value)}")
    return "\n".join(lines) + "\n"


def fish(account: Account) -> str:
    """Return the variables as a fish script."""
    lines = ["# Made by secretgate; taken away by: secretgate system off"]
    for name, value in account.variables.items():
        quoted = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        if name in _NO_PROXY:
            lines.append(f"if not string match -q -- '*{value}*' \"${name}\"")
            lines.append(f"    set -gx {name} (string join , -- {quoted} ${name})")
            lines.append("end")
        elif name in _USERS_FIRST:
            lines.append(f"set -q {name}; or set -gx {name} {quoted}")
        else:
            lines.append(f"set -gx {name} {quoted}")
    return "\n".join(lines) + "\n"


def powershell(account: Account) -> str:
    """Return the variables as a PowerShell script."""
    lines = []
    for name, value in account.variables.items():
        quoted = "'" + value.replace("'", "''") + "'"
        if name in _NO_PROXY:
            lines.append(f"if (\"$env:{name}\" -notlike '*{value}*') {{")
            lines.append(
                f"  $env:{name} = (@({quoted}, $env:{name}) | Where-Object {{ $_ }}) -join ','"
            )
            lines.append("}")
        elif name in _USERS_FIRST:
            lines.append(f"if (-not $env:{name}) {{ $env:{name} = {quoted} }}")
        else:
            lines.append(f"$env:{name} = {quoted}")
    return "\n".join(lines) + "\n"
