"""Linux: a systemd user unit, environment.d, and the proxy settings of GNOME and KDE."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from secretgate.launch.environment import PROXY_VARIABLES
from secretgate.system.changes import Edit, Run, Step, Write
from secretgate.system.plan import Account
from secretgate_ca.runner import Runner

UNIT = "secretgate.service"
_GNOME = "org.gnome.system.proxy"


def steps(account: Account, runner: Runner) -> Iterator[Step]:
    config = account.home / ".config"
    if runner.which("systemctl"):
        systemctl = ("systemctl", "--user")
        reload = (*systemctl, "daemon-reload")
        yield Run("systemd forgets the unit", undo=(reload,))
        path = config / "systemd" / "user" / UNIT
        yield Write("systemd unit", path, lambda _: unit(account).encode(), 0o600)
        enable, disable = (
            (*systemctl, "enable", "--now", UNIT),
            (*systemctl, "disable", "--now", UNIT),
        )
        yield Run("proxy as a service", (reload, enable), (disable,))
    else:
        reason = f"systemctl is not installed; have your system run {shlex.join(account.command)}"
        yield Run("proxy as a service", impossible=reason)
    path = config / "environment.d" / "60-secretgate.conf"
    yield Write("variables of the session", path, lambda _: environment_d(account).encode())
    if runner.which("gsettings"):
        yield from _gnome(account, runner)
    kde = config / "kioslaverc"
    if kde.exists() or runner.which("plasmashell"):
        values = {"ProxyType": "2", "Proxy Config Script": account.pac}
        yield Write("proxy of KDE", kde, ini("Proxy Settings", values))


def _gnome(account: Account, runner: Runner) -> Iterator[Step]:
    wanted = {"autoconfig-url": f"'{account.pac}'", "mode": "'auto'"}
    for key, value in wanted.items():
        now = runner.run(("gsettings", "get", _GNOME, key))
        if now.code:
            return
        before = now.stdout.decode().strip()
        if before != value:
            set_ = ("gsettings", "set", _GNOME, key)
            yield Run(f"proxy of GNOME: {key}", ((*set_, value),), ((*set_, before),))


def unit(account: Account) -> str:
    """Return the unit, which restarts the proxy whenever it ends.

    The proxy variables of the session are unset, because they are not meant for the proxy itself.
    """
    unset = [spelled for name in PROXY_VARIABLES for spelled in (name, name.lower())]
    lines = [
        "[Unit]",
        "Description=secretgate, a proxy that keeps secrets out of LLM requests",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(word) for word in account.command)}",
        "Restart=always",
        "RestartSec=1",
        f"UnsetEnvironment={' '.join(n for n in unset if n not in account.service_variables)}",
        *(
            f"Environment={_quoted(f'{name}={value}')}"
            for name, value in account.service_variables.items()
        ),
        "NoNewPrivileges=yes",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    """Quote a word for a unit file, in which `%` and `$` are also special."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def environment_d(account: Account) -> str:
    """Return the content of the environment.d file."""
    lines = ["# Made by secretgate; taken away by: secretgate system off"]
    for name, value in account.variables.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        lines.append(f'{name}="{escaped}"')
    return "\n".join(lines) + "\n"


def ini(section: str, values: dict[str, str]) -> Edit:
    """Return an edit that sets keys of one section and leaves every other byte unchanged."""

    def edit(old: bytes) -> bytes:
        text = old.decode("utf-8", "surrogateescape")
        header = re.search(rf"(?m)^\[{re.escape(section)}\][ \t]*\n", text)
        if header is None:
            gap = (
                "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
            )
            text += f"{gap}[{section}]\n"
            start = len(text)
        else:
            start = header.end()
        following = re.compile(r"(?m)^\[").search(text, start)
        end = following.start() if following else len(text)
        body = text[start:end]
        for key, value in values.items():
            line = f"{key}={value}"
            escaped = line.replace("\\", r"\\")
            body, count = re.subn(rf"(?m)^{re.escape(key)}=.*$", escaped, body, count=1)
            if not count:
                body = f"{line}\n{body}"
        return (text[:start] + body + text[end:]).encode("utf-8", "surrogateescape")

    return edit
