"""The exact commands of every store, and that root is asked for only where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from ca_recorder import Recorder

from secretgate_ca import Authority, rotate
from secretgate_ca.authority import retired
from secretgate_ca.installation import Installation
from secretgate_ca.runner import DryRunner, Result, SystemRunner
from secretgate_ca.stores import STORES, Machine, Root, State, StoreError
from secretgate_ca.stores.anchors import FAMILIES, Anchors
from secretgate_ca.stores.java import Java
from secretgate_ca.stores.macos import Keychain
from secretgate_ca.stores.nss import Nss
from secretgate_ca.stores.windows import WindowsRoot

MakeMachine = Callable[..., Machine]
ADD = "add the CA to the system's trust store"
REMOVE = "take the CA out of the system's trust store"


@pytest.mark.parametrize(
    ("title", "folder", "suffix", "update", "clear"),
    [
        (
            "Debian, Ubuntu, Alpine",
            "usr/local/share/ca-certificates",
            ".crt",
            ["update-ca-certificates"],
            ["update-ca-certificates", "--fresh"],
        ),
        (
            "Red Hat, Fedora",
            "etc/pki/ca-trust/source/anchors",
            ".pem",
            ["update-ca-trust", "extract"],
            ["update-ca-trust", "extract"],
        ),
        (
            "Arch",
            "etc/ca-certificates/trust-source/anchors",
            ".crt",
            ["trust", "extract-compat"],
            ["trust", "extract-compat"],
        ),
        (
            "SUSE",
            "etc/pki/trust/anchors",
            ".pem",
            ["update-ca-certificates"],
            ["update-ca-certificates"],
        ),
    ],
)
def test_linux_anchors(
    machine: MakeMachine,
    recorder: Recorder,
    root: Root,
    title: str,
    folder: str,
    suffix: str,
    update: list[str],
    clear: list[str],
) -> None:
    here = machine("linux")
    recorder.installed = {update[0]: f"/usr/sbin/{update[0]}"}
    (here.root / folder).mkdir(parents=True)
    store = Anchors(here)
    (place,) = store.places()
    assert place.startswith(title)
    store.install(place, root)
    target = here.root / folder / (root.label + suffix)
    assert recorder.changed == [
        (ADD, ["install", "-m", "0644", str(root.path), str(target)]),
        (ADD, [f"/usr/sbin/{update[0]}", *update[1:]]),
    ]
    recorder.changed.clear()
    target.write_bytes(root.path.read_bytes())
    store.uninstall(place, root)
    assert recorder.changed == [
        (REMOVE, ["rm", "-f", str(target)]),
        (REMOVE, [f"/usr/sbin/{clear[0]}", *clear[1:]]),
    ]


def test_only_files_that_hold_our_certificate_are_removed(
    machine: MakeMachine, recorder: Recorder, root: Root, authority: Authority
) -> None:
    here = machine("linux")
    recorder.installed = {"update-ca-certificates": "/usr/sbin/update-ca-certificates"}
    anchors = here.root / "usr/local/share/ca-certificates"
    anchors.mkdir(parents=True)
    (anchors / "corporate.crt").write_bytes(authority.chain.read_bytes())
    (anchors / "both.crt").write_bytes(authority.chain.read_bytes() + root.path.read_bytes())
    (anchors / "renamed by hand.crt").write_bytes(root.path.read_bytes())
    store = Anchors(here)
    store.uninstall(store.places()[0], root)
    assert recorder.commands[0] == ["rm", "-f", str(anchors / "renamed by hand.crt")]


def test_the_system_trusts_what_is_in_its_bundle_not_in_its_anchors(
    machine: MakeMachine, root: Root
) -> None:
    here = machine("linux")
    (here.root / "usr/local/share/ca-certificates").mkdir(parents=True)
    (here.root / "usr/local/share/ca-certificates/x.crt").write_bytes(root.path.read_bytes())
    store = Anchors(here)
    place = store.places()[0]
    assert store.check(place, [root]) == frozenset()
    bundle = here.root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(root.path.read_bytes())
    assert store.check(place, [root]) == {root.sha256}


def test_a_missing_helper_is_named_with_its_package(machine: MakeMachine, root: Root) -> None:
    here = machine("linux")
    (here.root / "usr/local/share/ca-certificates").mkdir(parents=True)
    store = Anchors(here)
    with pytest.raises(StoreError, match=r"update-ca-certificates .*apt install ca-certificates"):
        store.install(store.places()[0], root)


def test_every_family_has_its_own_folder() -> None:
    assert len({family.anchors for family in FAMILIES}) == len(FAMILIES)


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


@pytest.mark.parametrize(
    "profile",
    [
        ".mozilla/firefox/ab12.default-release",
        ".config/mozilla/firefox/ab12.default-release",
        "snap/firefox/common/.mozilla/firefox/ab12.default",
        ".var/app/org.mozilla.firefox/.mozilla/firefox/ab12.default",
        "Library/Application Support/Firefox/Profiles/ab12.default",
        ".pki/nssdb",
        "snap/chromium/current/.pki/nssdb",
        ".var/app/com.google.Chrome/data/pki/nssdb",
    ],
)
def test_nss_finds_every_profile(
    machine: MakeMachine, recorder: Recorder, root: Root, profile: str
) -> None:
    here = machine("linux")
    folder = here.home / profile
    folder.mkdir(parents=True)
    store = Nss(here)
    assert store.places() == []
    (folder / "cert9.db").touch()
    assert store.places() == [str(folder)]
    recorder.installed = {"certutil": "/usr/bin/certutil"}
    store.install(str(folder), root)
    assert recorder.changed == [
        (
            "",
            [
                "/usr/bin/certutil",
                "-A",
                "-d",
                f"sql:{folder}",
                "-t",
                "C,,",
                "-n",
                root.name,
                "-i",
                str(root.path),
            ],
        )
    ]


def test_nss_makes_chromium_the_database_it_will_look_for(
    machine: MakeMachine, recorder: Recorder, root: Root
) -> None:
    here = machine("linux")
    recorder.installed = {
        "certutil": "/usr/bin/certutil",
        "google-chrome": "/usr/bin/google-chrome",
    }
    store = Nss(here)
    (place,) = store.places()
    assert place == str(here.home / ".pki/nssdb")
    store.install(place, root)
    assert [command[:2] for command in recorder.commands] == [
        ["mkdir", "-p"],
        ["/usr/bin/certutil", "-N"],
        ["/usr/bin/certutil", "-A"],
    ]


def test_nss_without_certutil_names_its_packages(machine: MakeMachine, root: Root) -> None:
    here = machine("linux")
    folder = here.home / ".pki/nssdb"
    folder.mkdir(parents=True)
    (folder / "cert9.db").touch()
    (found,) = Installation(here, root, stores=[Nss]).install()
    assert found.state is State.UNKNOWN
    assert "certutil is not installed" in found.detail
    assert "libnss3-tools (apt)" in found.detail


def test_nss_is_left_alone_on_windows(machine: MakeMachine) -> None:
    assert Nss(machine("win32")).places() == []


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


class Drawer:
    """A store of its own, which a test can see into."""

    name = "drawer"
    held: set[str]
    broken: set[str]

    def __init__(self, machine: Machine) -> None:
        pass

    def places(self) -> Sequence[str]:
        return ["one", "two"]

    def check(self, place: str, roots: Sequence[Root]) -> frozenset[str]:
        return frozenset(r.sha256 for r in roots if f"{place} {r.sha256}" in self.held)

    def install(self, place: str, root: Root) -> None:
        if place in self.broken:
            raise StoreError(f"{place} is locked")
        self.held.add(f"{place} {root.sha256}")

    def uninstall(self, place: str, root: Root) -> None:
        if place not in self.broken:
            self.held.discard(f"{place} {root.sha256}")


@pytest.fixture
def drawer(monkeypatch: pytest.MonkeyPatch) -> type[Drawer]:
    monkeypatch.setattr(Drawer, "held", set(), raising=False)
    monkeypatch.setattr(Drawer, "broken", set(), raising=False)
    return Drawer


def test_one_broken_store_does_not_keep_the_others_from_being_done(
    machine: MakeMachine, root: Root, drawer: type[Drawer]
) -> None:
    drawer.broken.add("one")
    one, two = Installation(machine("linux"), root, stores=[drawer]).install()
    assert (one.state, one.detail) == (State.UNKNOWN, "one is locked")
    assert (two.state, two.detail) == (State.TRUSTED, "")


def test_a_removal_that_does_not_take_is_reported(
    machine: MakeMachine, root: Root, drawer: type[Drawer]
) -> None:
    installation = Installation(machine("linux"), root, stores=[drawer])
    list(installation.install())
    drawer.broken.add("one")
    one, two = installation.uninstall()
    assert one.state is State.TRUSTED
    assert "still trusts" in one.detail
    assert (two.state, two.detail) == (State.MISSING, "")


def test_earlier_cas_are_stale_and_go_with_uninstall(
    machine: MakeMachine, authority: Authority, root: Root, drawer: type[Drawer]
) -> None:
    list(Installation(machine("linux"), root, stores=[drawer]).install())
    new = rotate(authority.confdir, ["api.example.com"])
    old = [Root.of(cert, path) for path, cert in retired(authority.confdir)]
    after = Installation(machine("linux"), Root.of(new.root, new.ca_cert), old, stores=[drawer])
    assert [place.state for place in after.survey()] == [State.STALE, State.STALE]
    assert [place.state for place in after.install()] == [State.TRUSTED, State.TRUSTED]
    assert [place.old for place in after.uninstall(old_only=True)] == [(), ()]
    assert [place.state for place in after.survey()] == [State.TRUSTED, State.TRUSTED]
    assert len(list(after.uninstall())) == 2
    assert drawer.held == set()
    assert list(after.uninstall()) == []


def test_root_is_asked_for_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    ran: list[list[str]] = []
    runner = SystemRunner(said.append)
    monkeypatch.setattr("secretgate_ca.runner.is_root", lambda: False)
    monkeypatch.setattr(runner, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(runner, "run", lambda command, stdin=b"": ran.append(command) or Result(0))
    runner.change(["rm", "a b"], root="take it out")
    runner.change(["rm", "c"])
    assert said == ["root is needed to take it out: sudo rm 'a b'"]
    assert ran == [["sudo", "--", "rm", "a b"], ["rm", "c"]]


def test_without_sudo_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = SystemRunner()
    monkeypatch.setattr("secretgate_ca.runner.is_root", lambda: False)
    monkeypatch.setattr(runner, "which", lambda program: None)
    assert "sudo is not installed" in runner.change(["rm", "x"], root="take it out").complaint


def test_a_dry_run_shows_every_change_and_makes_none(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("secretgate_ca.runner.is_root", lambda: False)
    runner = DryRunner(recorder, shown.append)
    runner.change(["rm", "a b"], root="take it out")
    runner.change(["certutil", "-D"])
    runner.run(["certutil", "-L"])
    assert shown == ["sudo -- rm 'a b'   # root: to take it out", "certutil -D"]
    assert recorder.changed == []
    assert recorder.looked == [["certutil", "-L"]]


def test_a_program_that_is_not_there_is_a_result_not_a_crash() -> None:
    assert "is not installed" in SystemRunner().run(["no-such-program-anywhere"]).complaint
