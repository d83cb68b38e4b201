"""Dependencies are pinned, hashed and licensed, and builds are reproducible."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in LOCK.splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.rstrip("\\ "))
            found.setdefault(canonical(requirement.name), []).append(requirement)
    return found


def asked() -> list[Requirement]:
    groups = PROJECT["dependency-groups"]
    lists = [PROJECT["project"]["dependencies"], PROJECT["build-system"]["requires"]]
    lists += PROJECT["project"]["optional-dependencies"].values()
    lists += [groups[name] for name in ("test", "lint", "build", "docs")]
    return [Requirement(text) for texts in lists for text in texts]


def test_every_dependency_is_locked_at_a_version_that_fits() -> None:
    """If this fails: scripts/lock"""
    pins = locked()
    for requirement in asked():
        pinned = pins[canonical(requirement.name)]
        versions = [str(each.specifier).removeprefix("==") for each in pinned]
        assert any(requirement.specifier.contains(each, prereleases=True) for each in versions), (
            requirement
        )


def imported() -> Iterator[tuple[str, Path]]:
    """Yield the top-level modules that our packages import, each with a file that does."""
    for place in ("addon", "rules", "certs"):
        for file in (ROOT / place).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.Import):
                    names = [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                else:
                    continue
                yield from ((name.partition(".")[0], file) for name in names)


def test_what_is_imported_is_asked_for() -> None:
    """Another package may bring it today and not tomorrow, as mitmproxy 12.3 no longer does zstandard."""
    optional = PROJECT["project"]["optional-dependencies"].values()
    lists = [PROJECT["project"]["dependencies"], *optional]
    direct = {canonical(Requirement(text).name) for texts in lists for text in texts}
    sources = packages_distributions()
    missing = {
        (module, str(file.relative_to(ROOT)))
        for module, file in imported()
        if module not in sys.stdlib_module_names
        and not module.startswith("secretgate")
        and not {canonical(each) for each in sources.get(module, [module])} & direct
    }
    assert missing == set()


def test_every_locked_file_has_a_hash_and_no_address() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(entries) > 100
    for entry in entries:
        first = entry.splitlines()[0]
        assert re.match(r"[A-Za-z0-9._-]+==\S+", first), first
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", entry), first
    assert not re.search(r"(?i)://|index-url|find-links|trusted-host|@ ", LOCK)


@pytest.mark.thorough
def test_licences_name_every_package_that_is_needed() -> None:
    """If this fails: python scripts/licences.py > docs/licences.md"""
    document = (ROOT / "docs" / "licences.md").read_text()
    listed = {canonical(name) for name in re.findall(r"(?m)^\| ([^|]+?) \|", document)}
    optional = PROJECT["project"]["optional-dependencies"].values()
    direct = [PROJECT["project"]["dependencies"], *optional]
    open_ = [Requirement(text) for texts in direct for text in texts]
    seen: set[str] = set()
    while open_:
        requirement = open_.pop()
        name = canonical(requirement.name)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if name in seen or not applies:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        if sys.version_info >= (3, 12):  # mitmproxy 11 has a few other requirements
            assert name in listed
        open_ += [Requirement(text) for text in package.requires or ()]
    assert "mitmproxy" in listed


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_two_builds_are_the_same_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    digests = []
    for name in ("first", "second"):
        out = tmp_path / name
        command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
        subprocess.run(command, check=True, capture_output=True)
        digests.append(
            {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in out.iterdir()}
        )
    assert len(digests[0]) == 2
    assert digests[0] == digests[1]
