"""The stores of macOS, Windows and Java: the exact commands, and the stores of a bare machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ca_recorder import MakeMachine, Recorder

from secretgate_ca.runner import Result
from secretgate_ca.stores import STORES, Root
from secretgate_ca.stores.java import Java
from secretgate_ca.stores.macos import Keychain
from secretgate_ca.stores.windows import WindowsRoot


def test_macos(machine: MakeMachine, recorder: Recorder, root: Root) -> None:
    here = machine("darwin")
    store = Keychain(here)
    (place,) = store.places()
    assert place == str(here.home / "Library/Keychains/login.keychain-db")
    store.install(place, root)
    store.uninstall(place, root)
    assert recorder.changed == [
        (
            "",
            [
                "/usr/bin/security",
                "add-trusted-cert",
                "-r",
                "trustRoot",
                "-p",
                "ssl",
                "-k",
                place,
                str(root.path),
            ],
        ),
        ("", ["/usr/bin/security", "delete-certificate", "-Z", root.sha256, "-t", place]),
    ]


@pytest.mark.parametrize(("verifies", "trusted"), [(0, True), (1, False)])
def test_macos_tells_a_certificate_that_is_there_from_one_that_is_trusted(
    machine: MakeMachine, recorder: Recorder, root: Root, verifies: int, trusted: bool
) -> None:
    def answer(command: Sequence[str]) -> Result:
        if command[1] == "find-certificate":
            return Result(0, f"SHA-256 hash: {root.sha256}\nSHA-1 hash: 00\n".encode())
        return Result(verifies)

    recorder.answer = answer
    store = Keychain(machine("darwin"))
    (place,) = store.places()
    assert (root.sha256 in store.check(place, [root])) is trusted
    verify = ["/usr/bin/security", "verify-cert", "-c", str(root.path), "-p", "ssl", "-l", "-L"]
    assert recorder.looked == [
        ["/usr/bin/security", "find-certificate", "-a", "-Z", "-c", "secretgate", place],
        [*verify, "-q"],
    ]


def test_windows(machine: MakeMachine, recorder: Recorder, root: Root) -> None:
    store = WindowsRoot(machine("win32", SystemRoot=r"D:\Windows"))
    (place,) = store.places()
    program = r"D:\Windows\System32\certutil.exe"
    assert store.check(place, [root]) == {root.sha256}
    store.install(place, root)
    store.uninstall(place, root)
    assert recorder.looked == [[program, "-user", "-store", "Root", root.sha1]]
    assert recorder.changed == [
        ("", [program, "-user", "-addstore", "Root", str(root.path)]),
        ("", [program, "-user", "-delstore", "Root", root.sha1]),
    ]


def java_home(where: Path) -> Path:
    (where / "lib/security").mkdir(parents=True)
    (where / "lib/security/cacerts").touch()
    (where / "bin").mkdir()
    (where / "bin/keytool").touch()
    return where


def listing(root: Root, alias: str) -> bytes:
    colons = ":".join(root.sha256[at : at + 2] for at in range(0, 64, 2))
    return (
        "Keystore type: JKS\n\nYour keystore contains 2 entries\n\n"
        f"debian:other.pem, May 9, 2026, trustedCertEntry, \n"
        f"Certificate fingerprint (SHA-256): {':'.join(['AB'] * 32)}\n"
        f"{alias}, Nov 21, 2026, trustedCertEntry, \n"
        f"Certificate fingerprint (SHA-256): {colons}\n"
    ).encode()


def test_java(machine: MakeMachine, recorder: Recorder, root: Root, tmp_path: Path) -> None:
    home = java_home(tmp_path / "jdk")
    store = Java(machine("linux", JAVA_HOME=str(home)))
    (place,) = store.places()
    keytool = [str(home / "bin/keytool"), "-J-Duser.language=en", "-keystore", place]
    keytool += ["-storepass", "changeit"]
    store.install(place, root)
    assert recorder.changed == [
        (
            "",
            [
                *keytool,
                "-importcert",
                "-noprompt",
                "-trustcacerts",
                "-alias",
                root.label,
                "-file",
                str(root.path),
            ],
        )
    ]
    recorder.changed.clear()
    recorder.answer = lambda command: Result(0, listing(root, "debian:put-there-by-the-system.pem"))
    assert store.check(place, [root]) == {root.sha256}
    store.uninstall(place, root)
    alias = "debian:put-there-by-the-system.pem"
    assert recorder.commands == [[*keytool, "-delete", "-alias", alias]]


def test_java_asks_for_root_only_where_it_cannot_write(
    machine: MakeMachine,
    recorder: Recorder,
    root: Root,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = java_home(tmp_path / "jdk")
    store = Java(machine("linux", JAVA_HOME=str(home)))
    (place,) = store.places()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    store.install(place, root)
    assert recorder.changed[0][0] == f"write {place}"


def test_javas_that_share_a_file_are_one_place(machine: MakeMachine, tmp_path: Path) -> None:
    here = machine("linux")
    shared = here.root / "etc/ssl/certs/java/cacerts"
    shared.parent.mkdir(parents=True)
    shared.touch()
    for name in ("java-17", "java-21"):
        security = here.root / "usr/lib/jvm" / name / "lib/security"
        security.mkdir(parents=True)
        (security / "cacerts").symlink_to(shared)
    assert Java(here).places() == [str(shared)]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_bare_machine_has_only_the_stores_of_its_system(
    machine: MakeMachine, platform: str
) -> None:
    here = machine(platform)
    found = {store.name for store in STORES if store(here).places()}
    assert found == {"linux": set(), "darwin": {"macos"}, "win32": {"windows"}}[platform]
