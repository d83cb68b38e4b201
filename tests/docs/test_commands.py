"""Every command of the documentation is run, or its comment says that it is not.

Commands run as for a reader: in a shell, in a project with a secret in it, in a temporary home, and
those of a fence one after another. Programs that look for the proxy replace AI tools
(`scripts/clients` runs the real ones).
"""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.commands import MARK, ROOT, Fence, bare, fences
from harness.command import environment
from harness.corporate import CorporateProxy
from harness.provider import Provider
from harness.secrets import Planted
from secretgate import hosts
from secretgate_ca import ensure_ca

ELSEWHERE = {
    "scripts/run": "tests/packaging/test_distribution.py::test_a_checkout_sets_itself_up",
    "scripts/run demo": "tests/packaging/test_distribution.py::test_a_checkout_sets_itself_up",
    "scripts/test": ".github/workflows/test.yml",
    "scripts/test --fast": ".github/workflows/test.yml",
    "scripts/test tests/addon -k sse": ".github/workflows/test.yml",
    "PYTHON=python3.11 scripts/test": ".ci/run",
    "secretgate system on": "tests/launch/test_system.py::test_off_puts_every_byte_back",
    "secretgate system off": "tests/launch/test_system.py::test_off_puts_every_byte_back",
    "secretgate-ca install": "tests/certs/test_ca_real_stores.py::test_the_systems_own_store",
    "secretgate-ca uninstall": "tests/certs/test_ca_real_stores.py::test_the_systems_own_store",
}
"""Commands tested in other files or calling this test: they change the machine or would recurse."""

SERVERS = {
    "mitmdump": 8080,
    "secretgate serve --port 8082": 8082,
    "secretgate serve --workers": 8081,
    "secretgate serve --workers 4 --own-ports": 9080,
    "secretgate serve": 8080,
}
"""Commands that run until they are stopped, by prefix, with their port; the longest prefix wins."""

CODES = {
    "secretgate doctor": 1,
    "secretgate scan": 1,
    "git diff": 1,
}
"""Exit codes that mean that something was found."""

AFTER = {"docs/audit.md": f"{sys.executable} ask.py"}
"""What runs before a page's commands, in the same `secretgate run`: they need a proxy in use."""

WORDS = {" FILE": " .env", " RULE": " github-pat", "mypack.yaml": "pack.yaml"}
"""What a reader puts in place of placeholders."""

ALL = list(fences())
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the shell of POSIX")


ASK = """
import urllib.request
body = b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}'
head = {"content-type": "application/json"}
asked = urllib.request.Request("https://api.anthropic.com/v1/messages", body, head)
urllib.request.urlopen(asked, timeout=20).read()
"""


def longest(table: dict[str, int], command: str) -> int | None:
    found = [beginning for beginning in table if command.startswith(beginning)]
    return table[max(found, key=len)] if found else None


def run_here(fence: Fence) -> list[str]:
    return [command for command in fence.commands if command not in ELSEWHERE]


def test_every_fence_names_its_language() -> None:
    assert [str(fence) for fence in ALL if not fence.language] == []


def test_every_command_is_run_or_marked() -> None:
    """None of the three kinds is empty, and the tests that are referred to exist."""
    given = [(fence, bare(line)) for fence in ALL for line in fence.lines]
    assert len(given) > 60
    assert {command for _, command in given} >= set(ELSEWHERE)
    assert any(MARK.search(line) for fence in ALL for line in fence.lines)
    for where in ELSEWHERE.values():
        name, _, function = where.partition("::")
        text = (ROOT / name).read_text("utf-8")
        if function:
            names = {each.name for each in ast.walk(ast.parse(text)) if hasattr(each, "name")}
            assert function in names, where
        else:
            assert "scripts/test" in text


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with our commands and replacements for the tools."""
    folder = tmp_path_factory.mktemp("bin")
    made = {
        "secretgate": f'exec {sys.executable} -m secretgate "$@"',
        "secretgate-ca": f'exec {sys.executable} -c "from secretgate_ca.cli import main; main()" "$@"',
        "python": f'exec {sys.executable} "$@"',
        "mitmdump": f'exec {sys.executable} -c "from mitmproxy.tools.main import mitmdump; mitmdump()" "$@"',
    }
    for tool in ("claude", "codex", "gemini", "aider", "cline"):
        made[tool] = 'test -n "$HTTPS_PROXY" && test -s "$NODE_EXTRA_CA_CERTS" && echo "$0 $*"'
    for name, text in made.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, planted: Planted) -> Path:
    """A repository with a secret in a staged file, and the files that the commands name."""
    folder = tmp_path_factory.mktemp("project")
    policy = (ROOT / "docs/policy.md").read_text("utf-8")
    rules = (ROOT / "docs/writing-rules.md").read_text("utf-8")
    made = {
        ".env": planted.env,
        "notes.txt": planted.env,
        "prompt.txt": planted.env,
        "src/app.py": "import os\n",
        "known.json": "[]",
        "ask.py": ASK,
        "job.py": "import os\nassert os.environ['HTTPS_PROXY'] and os.environ['NODE_EXTRA_CA_CERTS']\n",
        "pack.yaml": rules.split("```yaml")[1].partition("\n")[2].partition("```")[0],
        "users": "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n",  # "password"; secretgate:allow
        **{
            name: policy.split(f'title="{name}"\n')[1].partition("```")[0]
            for name in ("rules.yaml", "fixtures.yaml")
        },
    }
    for name, text in made.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "addon").symlink_to(ROOT / "addon")
    (folder / "gateway").mkdir(mode=0o700)
    for command in (["init", "-q"], ["add", "-f", ".env"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture
def env(home: Path, programs: Path, provider: Provider) -> Iterator[dict[str, str]]:
    """The environment, with a corporate proxy so that nothing leaves this machine, and with a CA.

    `secretgate-ca install` would have created the CA; commands of another page may have removed it.
    """
    ensure_ca(home / ".config/secretgate/ca", hosts.ca_domains())
    with CorporateProxy(provider.port) as corporate:
        yield _env(home, programs, corporate.url, provider.trusted)


def _env(home: Path, programs: Path, proxy: str, roots: Path) -> dict[str, str]:
    made = environment(home, HTTPS_PROXY=proxy, SSL_CERT_FILE=str(roots))
    del made["SECRETGATE_HOME"]
    return {**made, "PATH": f"{programs}:{made['PATH']}"}


def served(command: str, port: int, shell: dict[str, str], cwd: Path) -> str:
    """Start a server, wait until it listens, stop it like Ctrl-C; return "" or what went wrong."""
    several = "--workers" in command or "--web" in command
    for each in (port, *(range(8081, 8085) if several else ())):
        with socket.socket() as free:
            if free.connect_ex(("127.0.0.1", each)) == 0:
                pytest.skip(f"port {each} is taken on this machine")
    started = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        env=shell,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        while started.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        started.send_signal(signal.SIGINT)
        printed, _ = started.communicate(timeout=40)
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
    return "" if started.returncode in (0, 130) else f"{started.returncode}: {printed}"


def variables(fence: Fence, shell: dict[str, str], cwd: Path) -> Iterator[str]:
    """Yield the commands except `export`, which is applied to those after it."""
    for command in run_here(fence):
        for word, given in WORDS.items():
            command = command.replace(word, given)
        if command.startswith("export "):
            done = subprocess.run(
                ["bash", "-c", f"{command}; {sys.executable} -c {ENVIRONMENT!r}"],
                env=shell,
                cwd=cwd,
                capture_output=True,
                check=True,
            )
            shell.update(json.loads(done.stdout))
        else:
            yield command


ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.mark.e2e
@pytest.mark.parametrize("fence", [fence for fence in ALL if run_here(fence)], ids=str)
def test_the_commands_do_what_they_say(fence: Fence, env: dict[str, str], project: Path) -> None:
    for command in variables(fence, env, project):
        port = longest(SERVERS, command)
        if port:
            assert served(command, port, env, project) == "", command
            continue
        shell = ["bash", "-o", "pipefail", "-c", command]
        if fence.page in AFTER:
            shell = ["secretgate", "run", "--", "bash", "-ec", f"{AFTER[fence.page]}; {command}"]
        done = subprocess.run(
            shell,
            env=env,
            cwd=project,
            capture_output=True,
            text=True,
            timeout=100,
        )
        expected = longest(CODES, command) or 0
        assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
