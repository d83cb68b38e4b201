"""What `system on` plans on each system, and that `off` restores every byte."""

from __future__ import annotations

import json
import plistlib
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from secretgate.state import Places
from secretgate.system import command, linux, macos, shells, windows
from secretgate.system.changes import ChangeError, Run, Write, file_change
from secretgate.system.plan import Account, steps
from secretgate.system.record import Record
from secretgate.system.switch import preview, preview_off, switch_off, switch_on
from secretgate_ca.runner import Result

URL = "http://127.0.0.1:8080"


class Machine:
    """A runner that answers from a table and records the commands that change something."""

    def __init__(self, installed: Sequence[str], answers: dict[str, str] | None = None) -> None:
        self.installed = installed
        self.answers = answers or {}
        self.changed: list[tuple[str, ...]] = []
        self.failing: tuple[str, ...] = ()

    def which(self, program: str) -> str | None:
        return f"/bin/{program}" if program in self.installed else None

    def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Result:
        answer = self.answers.get(" ".join(command))
        return Result(1) if answer is None else Result(0, answer.encode())

    def change(self, command: Sequence[str], *, root: str = "", stdin: bytes = b"") -> Result:
        assert not root, "nothing here is for root"
        self.changed.append(tuple(command))
        return Result(1 if tuple(command)[:1] == self.failing else 0)


def account(home: Path, platform: str = "linux", **changes: Any) -> Account:
    values: dict[str, Any] = {
        "home": home,
        "config": home / ".config" / "secretgate",
        "platform": platform,
        "uid": 501,
        "port": 8080,
        "command": ("/opt/py thon", "-P", "-m", "secretgate", "serve", "--port", "8080"),
        "trust": {"SSL_CERT_FILE": str(home / "it's.pem")},
        **changes,
    }
    return Account(**values)


GNOME = {
    "gsettings get org.gnome.system.proxy autoconfig-url": "''\n",
    "gsettings get org.gnome.system.proxy mode": "'manual'\n",
}
NETWORK = {
    "/usr/sbin/networksetup -listallnetworkservices": "An asterisk (*) denotes ...\nWi-Fi\n*Off\nUSB LAN\n",
    "/usr/sbin/networksetup -getautoproxyurl Wi-Fi": "URL: (null)\nEnabled: No\n",
    "/usr/sbin/networksetup -getautoproxyurl USB LAN": "URL: http://corp/p.pac\nEnabled: Yes\n",
}
REGISTRY = {
    r"reg query HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings /v AutoConfigURL": "\n"
    "HKEY_CURRENT_USER\\...\n    AutoConfigURL    REG_SZ    http://corp/p.pac\n"
}
SYSTEMS = {
    "linux": lambda: Machine(("systemctl", "gsettings", "fish", "pwsh", "plasmashell"), GNOME),
    "darwin": lambda: Machine((), NETWORK),
    "win32": lambda: Machine((), REGISTRY),
}
BEFORE = {
    ".profile": b"# mine, without a newline at the end",
    ".bash_profile": b"echo \xff\xfe bytes\r\n",
    ".zshrc": b"",
    ".config/kioslaverc": b"[Other]\nkey=1\n\n[Proxy Settings][x]\nProxyType=9\n",
    ".config/Code/User/settings.json": b'// mine\n{"editor.fontSize": 12, /* } */}\n',
    "Library/Application Support/Cursor/User/settings.json": b"{}",
    "AppData/Roaming/Windsurf/User/settings.json": b"",
}


def filled(home: Path) -> dict[str, tuple[int, bytes]]:
    for name, content in BEFORE.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o640)
    return tree(home)


def tree(home: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(home)): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(home.rglob("*"))
    }


@pytest.mark.parametrize("platform", SYSTEMS)
def test_off_puts_every_byte_back(platform: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = filled(home)
    machine = SYSTEMS[platform]()
    record = Record(tmp_path / "state" / "system.json")
    assert switch_on(steps(account(home, platform), machine), record, machine, print)
    assert tree(home) != before
    assert machine.changed
    again = Record(tmp_path / "state" / "system.json")
    assert switch_off(again, machine, print)
    assert tree(home) == before
    assert not (tmp_path / "state" / "system.json").exists()


@pytest.mark.parametrize("platform", SYSTEMS)
def test_a_dry_run_shows_all_and_changes_nothing(platform: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = filled(home)
    machine = SYSTEMS[platform]()
    shown = preview(steps(account(home, platform), machine))
    assert tree(home) == before
    assert not machine.changed
    real = Record(tmp_path / "system.json")
    switch_on(steps(account(home, platform), machine), real, machine, print)
    assert [line for line in shown if line.startswith("run ")] == [
        line for line in shown if any(f"run {' '.join(c)} " in line for c in machine.changed)
    ]
    named = [line for line in shown if line.startswith(("create ", "change "))]
    assert len(named) == sum(line.startswith(("remove ", "put ")) for line in preview_off(real))


def test_what_is_run_on_linux_and_undone_in_reverse(tmp_path: Path) -> None:
    machine = SYSTEMS["linux"]()
    record = Record(tmp_path / "r.json")
    switch_on(steps(account(tmp_path / "home"), machine), record, machine, print)
    user, proxy = ("systemctl", "--user"), "org.gnome.system.proxy"
    assert machine.changed == [
        (*user, "daemon-reload"),
        (*user, "enable", "--now", "secretgate.service"),
        ("gsettings", "set", proxy, "autoconfig-url", f"'{URL}/proxy.pac'"),
        ("gsettings", "set", proxy, "mode", "'auto'"),
    ]
    machine.changed.clear()
    switch_off(record, machine, print)
    assert machine.changed == [
        ("gsettings", "set", proxy, "mode", "'manual'"),
        ("gsettings", "set", proxy, "autoconfig-url", "''"),
        (*user, "disable", "--now", "secretgate.service"),
        (*user, "daemon-reload"),
    ]


def test_what_is_run_on_macos_and_undone_in_reverse(tmp_path: Path) -> None:
    machine = SYSTEMS["darwin"]()
    record = Record(tmp_path / "r.json")
    switch_on(steps(account(tmp_path / "home", "darwin"), machine), record, machine, print)
    plist = tmp_path / "home" / "Library" / "LaunchAgents" / "org.secretgate.proxy.plist"
    setup, pac = "/usr/sbin/networksetup", f"{URL}/proxy.pac"
    assert machine.changed == [
        ("/bin/launchctl", "bootstrap", "gui/501", str(plist)),
        (setup, "-setautoproxyurl", "Wi-Fi", pac),
        (setup, "-setautoproxyurl", "USB LAN", pac),
    ]
    machine.changed.clear()
    switch_off(record, machine, print)
    assert machine.changed == [
        (setup, "-setautoproxyurl", "USB LAN", "http://corp/p.pac"),
        (setup, "-setautoproxystate", "USB LAN", "on"),
        (setup, "-setautoproxystate", "Wi-Fi", "off"),
        ("/bin/launchctl", "bootout", "gui/501/org.secretgate.proxy"),
    ]


def test_what_is_run_on_windows_and_undone_in_reverse(tmp_path: Path) -> None:
    machine = SYSTEMS["win32"]()
    record = Record(tmp_path / "r.json")
    switch_on(steps(account(tmp_path / "home", "win32"), machine), record, machine, print)
    assert [command[:2] for command in machine.changed] == [
        ("schtasks", "/Create"),
        ("schtasks", "/Run"),
        ("reg", "add"),
    ]
    machine.changed.clear()
    switch_off(record, machine, print)
    assert machine.changed[0][-2:] == ("/d", "http://corp/p.pac")
    assert [command[:2] for command in machine.changed[1:]] == [
        ("schtasks", "/End"),
        ("schtasks", "/Delete"),
    ]


def test_agent_and_task_are_what_they_say(tmp_path: Path) -> None:
    described = plistlib.loads(macos.agent(account(tmp_path, upstream="http://corp:1")))
    assert described["ProgramArguments"][0] == "/opt/py thon"
    assert described["EnvironmentVariables"] == {"HTTPS_PROXY": "http://corp:1"}
    task = ElementTree.fromstring(windows.task(account(tmp_path)).encode("utf-16"))
    (arguments,) = [each.text for each in task.iter() if each.tag.endswith("Arguments")]
    assert arguments == "-P -m secretgate serve --port 8080"


def test_the_service_does_not_go_through_itself(tmp_path: Path) -> None:
    text = linux.unit(account(tmp_path))
    unset = next(line for line in text.splitlines() if line.startswith("UnsetEnvironment="))
    assert {"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} <= set(unset.partition("=")[2].split())
    via = linux.unit(account(tmp_path, upstream="http://u:p%40@corp:1"))
    assert 'Environment="HTTPS_PROXY=http://u:p%%40@corp:1"' in via
    shown = "\n".join(
        preview(steps(account(tmp_path, upstream="http://u:p%40@corp:1"), SYSTEMS["linux"]()))
    )
    assert "HTTPS_PROXY=http://u:***@corp:1" in shown
    assert "p%" not in shown
    assert "HTTPS_PROXY" not in via.partition("UnsetEnvironment=")[2].splitlines()[0].split()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / linux.UNIT
    unit.write_text(linux.unit(account(tmp_path, command=("/bin/true", "a b", "%h", "$x"))))
    done = subprocess.run(["systemd-analyze", "--user", "verify", unit], capture_output=True)
    assert str(unit).encode() not in done.stderr, done.stderr


PRINT = (
    'printf "%s\\n" "$HTTPS_PROXY" "$NO_PROXY" "$CLAUDE_CODE_ATTRIBUTION_HEADER" "$SSL_CERT_FILE"'
)


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("given_past", "past"),
    [
        ("", "localhost,127.0.0.1,::1"),
        ("a.corp", "localhost,127.0.0.1,::1,a.corp"),
        ("localhost,127.0.0.1,::1,b", "localhost,127.0.0.1,::1,b"),
    ],
)
def test_shells_read_it(shell: str, given_past: str, past: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    made = account(tmp_path)
    file = tmp_path / "env"
    file.write_text(shells.fish(made) if shell == "fish" else shells.posix(made))
    script = f"{'source' if shell == 'fish' else '.'} {file}; {PRINT}"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CLAUDE_CODE_ATTRIBUTION_HEADER": "1"}
    env |= {"NO_PROXY": given_past} if given_past else {}
    done = subprocess.run(
        [shell, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [URL, past, "1", str(tmp_path / "it's.pem")]
    assert not done.stderr


def test_a_step_that_fails_is_told_and_still_undone(tmp_path: Path) -> None:
    machine = SYSTEMS["linux"]()
    machine.failing = ("gsettings",)
    said: list[str] = []
    record = Record(tmp_path / "r.json")
    assert not switch_on(steps(account(tmp_path / "home"), machine), record, machine, said.append)
    assert [line for line in said if line.startswith("NOT done, proxy of GNOME")]
    machine.failing = ()
    assert switch_off(record, machine, print)
    assert not tree(tmp_path / "home") or tree(tmp_path / "home").keys() <= {".config"}


def test_the_service_does_not_go_through_the_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shells keep the variables of the time before, on another port, when that has ended."""
    places = Places.find({"SECRETGATE_HOME": str(tmp_path / "home")})
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    assert command._account(places, 8080, "", port, dry_run=False).upstream == ""
    assert command._account(places, port, "", None, dry_run=True).upstream == ""
    assert (
        command._account(places, 8080, "", None, dry_run=False).upstream
        == f"http://127.0.0.1:{port}"
    )


def test_settings_without_a_proxy_are_told_with_the_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path))
    monkeypatch.setattr(command, "steps", lambda *_: [Run("proxy as a service", (("false",),))])
    assert command.on(8123, "", False) == 1
    said = capsys.readouterr().out
    assert "NOT done, proxy as a service" in said
    assert "On in part" in said
    assert "secretgate serve --port 8123" in said
    assert "secretgate system off" in said


def test_without_systemd_it_is_told_that_nothing_starts_the_proxy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(())
    given = account(tmp_path / "home")
    (told,) = [line for line in preview(steps(given, machine)) if line.startswith("NOT possible")]
    assert "systemctl is not installed" in told
    record = Record(tmp_path / "r.json")
    assert not switch_on(steps(given, machine), record, machine, print)
    said = capsys.readouterr().out
    assert "NOT done, proxy as a service: systemctl is not installed" in said
    assert "'/opt/py thon' -P -m secretgate serve --port 8080" in said
    assert switch_off(record, machine, print)


def test_a_dry_run_makes_no_ca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(command, "SystemRunner", lambda: Machine(()))
    assert command.on(8123, "", True) == 0
    said = capsys.readouterr().out
    assert f"create {tmp_path / 'home' / 'ca'}   # the CA" in said
    assert f"{tmp_path / 'home' / 'ca' / 'bundle.pem'}" in said
    assert not list(tmp_path.rglob("*.pem"))


def test_a_crash_between_record_and_change_is_undone(tmp_path: Path) -> None:
    change = file_change(Write("a file", tmp_path / "a" / "file", lambda _: b"new"))
    assert change is not None
    record = Record(tmp_path / "r.json")
    record.add(change)
    record.add(Run("never run", (), (("true",),)))
    assert switch_off(Record(tmp_path / "r.json"), Machine(()), print)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 9}', '{"facts": {}, "steps": [{}]}'])
def test_a_record_that_cannot_be_read_is_not_guessed_at(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(ChangeError, match="move it away"):
        Record(tmp_path / "r.json")


def test_the_record_holds_no_copy_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"export TOKEN=of-the-user\n")
    record = Record(tmp_path / "r.json")
    switch_on([Write("a file", path, shells.append("ours\n"))], record, Machine(()), print)
    (row,) = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert row["removed"] == ""
    assert (tmp_path / "r.json").stat().st_mode & 0o777 == 0o600
