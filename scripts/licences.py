"""Prints docs/licences.md: the packages that an installation includes, with their stated licences.

In an environment with all extras: python scripts/licences.py > docs/licences.md
"""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

HEAD = """# Licences

Made by `scripts/licences.py`; do not edit. secretgate itself is under Apache-2.0. This is what it needs to run, with
all extras, and what each package says about its own licence:

| Package | Licence | Extra |
| --- | --- | --- |"""


def closure(texts: list[str], found: set[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of installed packages that the requirements pull in on this machine."""
    for requirement in map(Requirement, texts):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        contexts = [{"extra": extra} for extra in ("", *extras)]
        if name in found or (
            requirement.marker and not any(map(requirement.marker.evaluate, contexts))
        ):
            continue
        try:
            further = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        closure(further, found, frozenset(requirement.extras))
    return found


def row(name: str, extras: list[str]) -> str:
    """Return a package's row. Its licence is an expression, a classifier, or the first line of text."""
    data = distribution(name).metadata
    named = re.findall(
        r"(?m)^License :: (?:.* :: )?(?!OSI Approved$)(.+)$",
        "\n".join(data.get_all("Classifier", [])),
    )
    text = (data.get("License") or "see the package").strip().partition("\n")[0]
    licence = data.get("License-Expression") or ", ".join(named) or text
    return f"| {data['Name']} | {licence} | {', '.join(extras) if all(extras) else ''} |"


if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    owners: dict[str, list[str]] = {}
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    for extra, texts in sorted(groups.items()):
        for name in closure(texts, set()):
            owners.setdefault(name, []).append(extra)
    print(HEAD, *(row(name, owners[name]) for name in sorted(owners)), sep="\n")
