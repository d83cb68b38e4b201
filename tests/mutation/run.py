"""Runs mutmut in its own folder, with the packages next to each other as mutmut's names require.

A random sample of all mutants is tested, stratified by area. It depends only on the seed and the
code.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mutation.areas import TESTS, area

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".cache" / "mutants"
PACKAGES = {
    "secretgate": "addon/secretgate",
    "secretgate_rules": "rules/secretgate_rules",
    "secretgate_ca": "certs/secretgate_ca",
    "tests": "tests",
}

_KILLED = frozenset((1, 3, -24, 24, 36, 152, 255))
"""mutmut's exit codes for a failed test and for a timeout."""
_CONFIG = """\
[mutmut]
source_paths =
    secretgate
    secretgate_rules
only_mutate =
{mutate}
also_copy =
    secretgate_ca
pytest_add_cli_args_test_selection =
{tests}
pytest_add_cli_args =
    -p
    mutation.plugin
    -p
    no:cacheprovider
    -m
    not e2e and not clients
    --timeout
    600
timeout_constant = 2.0
timeout_multiplier = 20.0
use_git_change_detection = false
"""


class Mutant(NamedTuple):
    name: str
    exit_code: int | None

    @property
    def module(self) -> str:
        return self.name.partition(".")[2].rpartition(".")[0]

    @property
    def killed(self) -> bool:
        return self.exit_code in _KILLED


def prepare(modules: Iterable[str]) -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    for name, source in PACKAGES.items():
        shutil.copytree(ROOT / source, WORK / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", WORK)
    mutate = "\n".join(f"    secretgate/{module.replace('.', '/')}.py" for module in modules)
    tests = "\n".join(f"    {test}" for test in TESTS)
    (WORK / "setup.cfg").write_text(_CONFIG.format(mutate=mutate, tests=tests))


def generate() -> list[Mutant]:
    """Generate and return all mutants of the modules, untested."""
    program = (
        "from mutmut import __main__ as m; m.set_mutant_under_test('mutant_generation');"
        "m.Path('mutants').mkdir(exist_ok=True); m.copy_src_dir(); m.copy_also_copy_files();"
        "m.setup_source_paths(); m.create_mutants(2)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=WORK, check=True)
    return mutants()


def mutants() -> list[Mutant]:
    found = []
    for meta in sorted((WORK / "mutants" / "secretgate").rglob("*.meta")):
        codes: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
        found += [Mutant(name, code) for name, code in codes.items()]
    return found


def sample(every: Sequence[Mutant], size: int | None, seed: int) -> list[str]:
    """Return the names of `size` mutants of each area, or of all."""
    strata: dict[str, list[str]] = {}
    for mutant in every:
        strata.setdefault(area(mutant.module), []).append(mutant.name)
    chosen: list[str] = []
    for name, names in strata.items():
        drawn = random.Random(f"{seed} {name}")
        chosen += names if size is None else drawn.sample(names, min(size, len(names)))
    return chosen


def test(names: Sequence[str], children: int) -> None:
    environment = {**os.environ, "PYTHONPATH": "tests", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children), *names]
    subprocess.run(command, cwd=WORK, env=environment, check=True)


def difference(name: str) -> str:
    """Return what a mutant changes, as removed and added lines."""
    *path, function = name.split(".")
    original = f"{function.rpartition('__mutmut_')[0]}__mutmut_orig"
    file = WORK / "mutants" / f"{'/'.join(path)}.py"
    was, becomes = (_body(file, each) for each in (original, function))
    lines = list(difflib.unified_diff(was, becomes, n=0, lineterm=""))[3:]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines if line[0] in "+-")


def _body(file: Path, function: str) -> list[str]:
    """Return the parameters and the body of a function, as lines."""
    for node in _functions(file):
        if node.name == function:
            return [ast.unparse(node.args), *ast.unparse(ast.Module([*node.body], [])).splitlines()]
    raise LookupError(f"{file} has no {function}")


@cache
def _functions(file: Path) -> list[ast.FunctionDef]:
    return [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)
    ]
