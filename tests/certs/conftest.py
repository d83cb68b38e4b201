"""Fixtures of the CA tests: a CA in a temporary folder, a machine whose commands are recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from ca_recorder import MakeMachine, Recorder

from secretgate_ca import Authority, ensure_ca
from secretgate_ca.stores import Machine, Root


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return tmp_path / "ca"


@pytest.fixture
def authority(confdir: Path) -> Authority:
    return ensure_ca(confdir, ["api.example.com", "*.copilot.example"])


@pytest.fixture
def root(authority: Authority) -> Root:
    return Root.of(authority.root, authority.ca_cert)


@pytest.fixture
def machine(tmp_path: Path, recorder: Recorder) -> MakeMachine:
    def make(platform: str, **environ: str) -> Machine:
        home, system = tmp_path / "home", tmp_path / "system"
        home.mkdir(exist_ok=True)
        system.mkdir(exist_ok=True)
        return Machine(recorder, home, environ, platform, system)

    return make
