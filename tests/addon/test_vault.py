from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from addon.kit import SCOPE
from secretgate import state
from secretgate import vault as vault_module
from secretgate.placeholders import Issued, Template
from secretgate.state import KEY_BYTES, Places, StateError, load_key, private_folder
from secretgate.vault import MemoryVault
from secretgate_ca import default_confdir
from secretgate_rules import Literals

ISSUED = Issued(Template(), {b"REDACTED<a:000000000000>": b"value-of-it"})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_values_are_forgotten_after_their_time() -> None:
    clock = Clock()
    vault = MemoryVault(lifetime=100, clock=clock)
    vault.learn(SCOPE, {b"first-value": "rule"})
    clock.now = 60
    vault.learn(SCOPE, {b"second-value": "rule"})
    clock.now = 120
    known = vault.known(SCOPE)
    assert b"first-value" not in known
    assert b"second-value" in known


def test_a_value_that_is_used_is_kept() -> None:
    clock = Clock()
    vault = MemoryVault(lifetime=100, clock=clock)
    for clock.now in (0, 60, 120, 180):
        vault.learn(SCOPE, {b"first-value": "rule"})
    assert b"first-value" in vault.known(SCOPE)


def test_the_number_of_values_is_bounded() -> None:
    vault = MemoryVault(most_values=10)
    for at in range(30):
        vault.learn(SCOPE, {b"value-number-%d" % at: "rule"})
        known = vault.known(SCOPE)
        assert min(at + 1, 9) <= len(known) <= 10
        assert b"value-number-%d" % at in known


def test_a_full_vault_is_not_compiled_again_for_every_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vault = MemoryVault(most_values=80)
    vault.learn(SCOPE, {b"value-number-%d" % at: "rule" for at in range(80)})
    made: list[int] = []
    literals = vault_module.Literals

    def counted(values: dict[bytes, str]) -> Literals:
        made.append(len(values))
        return literals(values)

    monkeypatch.setattr(vault_module, "Literals", counted)
    for at in range(80, 112):
        vault.learn(SCOPE, {b"value-number-%d" % at: "rule"})
    assert made == [70, 70, 70]


def test_a_chain_belongs_to_its_scope_and_ends() -> None:
    clock = Clock()
    vault = MemoryVault(lifetime=100, clock=clock)
    vault.link(SCOPE, "resp_1", ISSUED)
    assert vault.chain(SCOPE, "resp_1") is ISSUED
    assert vault.chain(SCOPE._replace(client="someone else"), "resp_1") is None
    clock.now = 150
    assert vault.chain(SCOPE, "resp_1") is None


def test_the_oldest_values_go_first() -> None:
    vault = MemoryVault(most_values=2)
    for value in (b"value-number-1", b"value-number-2", b"value-number-1", b"value-number-3"):
        vault.learn(SCOPE, {value: "rule"})
    known = vault.known(SCOPE)
    assert b"value-number-2" not in known
    assert b"value-number-1" in known
    assert b"value-number-3" in known


def test_the_first_rule_names_a_value() -> None:
    vault = MemoryVault()
    vault.learn(SCOPE, {b"first-value": "first-rule"})
    vault.learn(SCOPE, {b"first-value": "another-rule"})
    (finding,) = vault.known(SCOPE).find_many([b"a first-value b"])[0]
    assert finding.rule == "first-rule"


def test_the_number_of_scopes_is_bounded_and_the_idle_go_first() -> None:
    vault = MemoryVault(most_scopes=2)
    first, second, third = (SCOPE._replace(client=f"user {at}") for at in range(3))
    for scope in (first, second, first, third):
        vault.learn(scope, {b"first-value": "rule"})
    assert b"first-value" in vault.known(first)
    assert b"first-value" in vault.known(third)
    assert b"first-value" not in vault.known(second)


def test_the_number_of_chains_is_bounded_and_the_idle_go_first() -> None:
    vault = MemoryVault(most_chains=2)
    vault.link(SCOPE, "resp_1", ISSUED)
    vault.link(SCOPE, "resp_2", ISSUED)
    vault.chain(SCOPE, "resp_1")
    vault.link(SCOPE, "resp_3", ISSUED)
    assert vault.chain(SCOPE, "resp_1") is ISSUED
    assert vault.chain(SCOPE, "resp_2") is None
    assert vault.chain(SCOPE, "resp_3") is ISSUED


def test_time_is_over_after_its_last_moment() -> None:
    clock = Clock()
    vault = MemoryVault(lifetime=100, clock=clock)
    vault.learn(SCOPE, {b"first-value": "rule"})
    vault.link(SCOPE, "resp_1", ISSUED)
    clock.now = 100
    vault.sweep()
    assert vault.chain(SCOPE, "resp_1") is ISSUED
    assert b"first-value" in vault.known(SCOPE)


def test_a_chain_that_is_used_is_kept() -> None:
    clock = Clock()
    vault = MemoryVault(lifetime=100, clock=clock)
    vault.link(SCOPE, "resp_1", ISSUED)
    for clock.now in (60, 120, 180):
        assert vault.chain(SCOPE, "resp_1") is ISSUED


def test_a_sweep_forgets_what_nobody_asks_for() -> None:
    clock = Clock()
    vault = MemoryVault(lifetime=100, clock=clock)
    idle, busy = (SCOPE._replace(client=name) for name in ("idle", "busy"))
    vault.learn(idle, {b"first-value": "rule"})
    vault.link(idle, "resp_1", ISSUED)
    clock.now = 60
    vault.learn(busy, {b"second-value": "rule"})
    vault.link(busy, "resp_2", ISSUED)
    clock.now = 120
    vault.sweep()
    assert repr(vault) == "<MemoryVault 1 scopes, 1 chains>"
    assert vault.chain(busy, "resp_2") is ISSUED
    assert b"second-value" in vault.known(busy)


def test_its_repr_tells_no_value() -> None:
    vault = MemoryVault()
    vault.learn(SCOPE, {b"first-value": "rule"})
    assert "first-value" not in repr(vault)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "placeholder.key"
    key = load_key(file)
    assert len(key) == KEY_BYTES
    assert load_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["placeholder.key"]


@pytest.mark.parametrize(("mode", "remedy"), [(0o644, "chmod 600"), (0o604, "chmod 600")])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int, remedy: str) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "placeholder.key"
    load_key(file)
    file.chmod(mode)
    with pytest.raises(StateError, match=remedy):
        load_key(file)


def test_a_key_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "placeholder.key"
    file.write_bytes(b"short")
    file.chmod(0o600)
    with pytest.raises(StateError, match="delete it"):
        load_key(file)


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system has no O_NOFOLLOW")
def test_a_link_in_place_of_the_key_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "elsewhere").write_bytes(bytes(KEY_BYTES))
    (tmp_path / "placeholder.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="cannot be read"):
        load_key(tmp_path / "placeholder.key")


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StateError, match="chmod 700"):
        private_folder(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
def test_the_folders_above_a_private_one_are_private_too(tmp_path: Path) -> None:
    """Or the next start, which keeps files in one of them, would refuse what the first one made."""
    before = os.umask(0o002)
    try:
        logs = private_folder(tmp_path / "share" / "secretgate" / "logs")
    finally:
        os.umask(before)
    assert [each.stat().st_mode & 0o777 for each in (logs, *logs.parents[:2])] == [0o700] * 3
    private_folder(logs.parent)


@pytest.mark.parametrize("name", ["file/home", "file"])
def test_a_folder_that_cannot_be_created_is_told_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"cannot be created: .*; set SECRETGATE_HOME"):
        private_folder(tmp_path / name)


def test_a_key_that_cannot_be_created_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(state, "_make_key", full)
    with pytest.raises(StateError, match=r"cannot be created: .*; set SECRETGATE_HOME"):
        load_key(tmp_path / "placeholder.key")


def test_one_variable_moves_everything(tmp_path: Path) -> None:
    places = Places.find({"SECRETGATE_HOME": str(tmp_path)})
    for place in (places.settings, places.ca, places.key, places.ledger, places.logs):
        assert place.is_relative_to(tmp_path)
    assert Places.find({"SECRETGATE_HOME": "here"}).key == Path("here/placeholder.key").absolute()


def test_a_home_that_no_shell_has_expanded_is_expanded() -> None:
    """Units of systemd, compose files and `.env` pass `~` on as it is."""
    own = Places.find({"SECRETGATE_HOME": "~/gate"})
    assert own.key == Path.home() / "gate" / "placeholder.key"
    assert own.ca == default_confdir({"SECRETGATE_HOME": "~/gate"})
    assert Places.find({"SECRETGATE_HOME": "~nobody-at-all/x"}).state.is_absolute()
