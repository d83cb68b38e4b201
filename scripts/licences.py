"""Writes docs/licences.md: what an installation brings with it, under which licences, from the packages' own metadata.

Run it in an environment with all extras: python scripts/licences.py > docs/licences.md
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
HEAD = """# Licences

Made by `scripts/licences.py`; do not edit. secretgate itself is under Apache-2.0. What it needs to run, extras
included, and what each package says of its own licence:

| Package | Licence | Extra |
| --- | --- | --- |
"""


def needed(texts: Iterable[str], extras: frozenset[str]) -> Iterator[Requirement]:
    """Those of a package's requirements that apply here, with these of its extras."""
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def closure(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    open_ = list(needed(texts, frozenset()))
    while open_:
        requirement = open_.pop()
        name = canonical(requirement.name)
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found.add(name)
        open_ += needed(package.requires or (), frozenset(requirement.extras))
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(package: Distribution) -> str:
    """The expression; else the classifiers; else the first line of what stands there."""
    data = package.metadata
    if expression := data.get("License-Expression"):
        return expression
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in data.get_all("Classifier") or ()
        if each.startswith("License :: ") and not each.endswith("OSI Approved")
    ]
    if classifiers:
        return ", ".join(classifiers)
    return next(iter((data.get("License") or "").strip().splitlines()), "") or "see the package"


def rows() -> Iterator[str]:
    project = tomllib.loads(PROJECT.read_text())["project"]
    always = closure(project["dependencies"])
    extras = project["optional-dependencies"]
    owners = {extra: closure(texts) - always for extra, texts in sorted(extras.items())}
    for name in sorted(always.union(*owners.values())):
        extra = ", ".join(extra for extra, names in owners.items() if name in names)
        yield f"| {distribution(name).metadata['Name']} | {licence(distribution(name))} | {extra} |"


def document() -> str:
    return HEAD + "\n".join(rows()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
