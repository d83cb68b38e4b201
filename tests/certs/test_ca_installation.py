"""Installing to all stores, uninstalling, and showing the changes without making them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from ca_recorder import MakeMachine, Recorder

from secretgate_ca import Authority, rotate
from secretgate_ca.authority import retired
from secretgate_ca.installation import Installation
from secretgate_ca.runner import DryRunner, Result, SystemRunner
from secretgate_ca.stores import Machine, Root, State, StoreError


class Drawer:
    """A fake store that tests can inspect."""

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


@pytest.mark.skipif(not Path("/usr/sbin").is_dir(), reason="needs /usr/sbin")
def test_programs_for_root_are_found_where_the_path_of_a_user_lacks_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = next(each for each in Path("/usr/sbin").iterdir() if os.access(each, os.X_OK))
    monkeypatch.setenv("PATH", str(tmp_path))
    found = SystemRunner().which(program.name)
    assert found is not None
    assert Path(found).name == program.name
    assert SystemRunner().which("no-such-program-anywhere") is None
