"""A gate in mitmproxy's test context, with a few rules and a state folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.addons import proxyserver
from mitmproxy.test import taddons

from addon.kit import RULES
from secretgate import engine, gate
from secretgate_rules import Detector


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("SECRETGATE_HOME", str(folder))
    monkeypatch.setattr(engine, "load_default", lambda barrier, **_: Detector(RULES, barrier))
    return folder


@pytest.fixture
def context(home: Path) -> Iterator[taddons.context]:
    with taddons.context(proxyserver.Proxyserver()) as made:
        made.options.update(confdir=str(home / "own"))  # the CA has its own tests
        yield made


@pytest.fixture
def made(context: taddons.context) -> gate.Gate:
    addon = gate.Gate()
    context.master.addons.add(addon)
    context.configure(addon)
    return addon


@pytest.fixture(scope="module", params=[0, 1 << 30], ids=["expression", "steps"])
def _either(request: pytest.FixtureRequest) -> Iterator[None]:
    """Long streams are matched by a compiled expression, short ones step by step; test both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secretgate.inbound.matching._WORTH_COMPILING", request.param)
        yield
