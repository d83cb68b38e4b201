"""Wheel and sdist are complete, and an installation from the wheel works like a checkout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from harness import effort
from harness.programs import free_port

ROOT = Path(__file__).resolve().parents[2]
NEEDED = [
    "secretgate/gate.py",
    "secretgate/hosts/table.yaml",
    "secretgate_rules/packs/cloud.yaml",
    "secretgate_ca/authority.py",
    "secretgate_addon.py",
]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def run(*command: str | Path, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        env={**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


def test_the_wheel_holds_all_three_packages(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert [each for each in NEEDED if each not in names] == []
    assert [each for each in names if each.startswith(("tests/", "shared/"))] == []


def test_the_sdist_holds_the_checkout(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for each in (
        "addon/secretgate_addon.py",
        "rules/secretgate_rules/packs/cloud.yaml",
        "scripts/run",
        "tests/addon/kit.py",
        "LICENSE",
    ):
        assert each in names


def test_an_installation_does_what_a_checkout_does(built: Path, tmp_path: Path) -> None:
    """A thorough run installs the wheel's requirements; others use what is installed here."""
    (wheel,) = built.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    install = [scripts / "python", "-m", "pip", "install", "--quiet"]
    if effort.THOROUGH:
        run(*install, wheel)
    else:
        (own,) = (tmp_path / "venv").rglob("site-packages")
        others = "\n".join(path for path in sys.path if path.endswith("site-packages"))
        (own / "others.pth").write_text(others)
        run(*install, "--no-deps", "--ignore-installed", wheel)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    told = run(scripts / "secretgate", "addon-path", SECRETGATE_HOME=str(home)).strip()
    assert Path(told).is_relative_to(tmp_path / "venv")
    shown = run(scripts / "secretgate", "demo", SECRETGATE_HOME=str(home))
    assert "Nothing leaked" in shown


def test_a_checkout_sets_itself_up(tmp_path: Path) -> None:
    """As at the beginning of the README: with nothing but a clone and Python."""
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", ROOT, clone)
    home = {"HOME": str(tmp_path), "SECRETGATE_HOME": str(tmp_path / "home")}
    assert "Nothing leaked" in run(clone / "scripts/run", "demo", **home)
    assert "redact  (default)" in run(clone / "scripts/run", "settings", **home)
    port = free_port()
    proxy = subprocess.Popen(
        [clone / "scripts/run", "-p", str(port)],
        env={**os.environ, **home, "PYTHONUNBUFFERED": "1"},  # mitmproxy 11 does not flush
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert proxy.stdout is not None
        assert any(f"listening at 127.0.0.1:{port}" in line for line in proxy.stdout)
    finally:
        proxy.send_signal(signal.SIGINT)
        proxy.communicate(timeout=30)
    assert proxy.returncode in (0, 130)
