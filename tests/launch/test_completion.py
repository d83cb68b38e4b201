"""Completion in real zsh and fish: each loads the output of the command and lists its candidates.

bash is tested in `test_cli.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.command import environment

pytestmark = pytest.mark.e2e

FISH = """
source ./script
complete -C '{line}'
"""
ZSH = """
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PS1= PS2=; autoload -Uz compinit; compinit -u -D; source ./script; print LO""ADED'
zpty -r -m inner said '*LOADED*'
zpty -w -n inner $'{line}\\t'
zpty -r -m inner said '*{wanted}*'
print -r -- "$said"
zpty -d inner
"""
SHELLS = {"fish": FISH, "zsh": ZSH}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("secretgate pol", "policy"),
        ("secretgate run --mode bl", "block"),
        ("secretgate-ca uni", "uninstall"),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell: str, line: str, wanted: str, tmp_path: Path) -> None:
    if (program := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    for name, module in (("secretgate", "secretgate.cli"), ("secretgate-ca", "secretgate_ca.cli")):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!{sys.executable}\nfrom {module} import main\nmain()\n")
        file.chmod(0o755)
    env = environment(tmp_path, TERM="dumb")
    env["PATH"] = f"{file.parent}{os.pathsep}{env['PATH']}"
    command = line.split(maxsplit=1)[0]
    asked = {**env, f"_{command.upper().replace('-', '_')}_COMPLETE": f"source_{shell}"}
    script = subprocess.run([command], env=asked, capture_output=True, check=True, text=True)
    (tmp_path / "script").write_text(script.stdout)
    text = SHELLS[shell].format(line=line, wanted=wanted)
    done = subprocess.run(
        [program, "-c", text], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert wanted in done.stdout.split(), done.stdout + done.stderr
