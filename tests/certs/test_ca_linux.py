"""The anchors of the Linux families: the exact commands, and which files are removed."""

from __future__ import annotations

import pytest
from ca_recorder import MakeMachine, Recorder

from secretgate_ca import Authority
from secretgate_ca.stores import Root, StoreError
from secretgate_ca.stores.anchors import FAMILIES, Anchors

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
