"""`docs/architecture.md` names every room that there is, and none that there is not."""

from __future__ import annotations

import re

import pytest

from docs.commands import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
PACKAGES = ["addon/secretgate", "rules/secretgate_rules", "certs/secretgate_ca"]
NAMED = sorted(set(re.findall(r"`((?:\w+/)*\w+\.py)`", PAGE)))


def rooms(package: str) -> set[str]:
    """Return the modules of a package, and its folders with a slash behind them."""
    within = [path for path in (ROOT / package).iterdir() if not path.name.startswith("__")]
    return {path.name for path in within if path.suffix == ".py"} | {
        f"{path.name}/" for path in within if path.is_dir()
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_is_named(package: str) -> None:
    assert [room for room in sorted(rooms(package)) if f"`{room}`" not in PAGE] == []


def test_every_name_is_that_of_a_module() -> None:
    folders = [ROOT / folder for folder in (*PACKAGES, "tests")]
    modules = [path.as_posix() for folder in folders for path in folder.rglob("*.py")]
    assert len(NAMED) > 60
    assert [name for name in NAMED if not any(each.endswith(f"/{name}") for each in modules)] == []
