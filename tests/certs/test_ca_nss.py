"""The certificate databases of Firefox and Chromium."""

from __future__ import annotations

import pytest
from ca_recorder import MakeMachine, Recorder

from secretgate_ca.installation import Installation
from secretgate_ca.stores import Root, State
from secretgate_ca.stores.nss import Nss


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
