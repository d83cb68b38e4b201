"""`secretgate mcp`: a real client and a real server, with the gate in between."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

from harness.command import CLI, environment, secretgate
from harness.secrets import plant

pytestmark = pytest.mark.e2e
KEY = plant(42).values["AWS_ACCESS_KEY_ID"]
SERVER = Path(__file__).with_name("real_server.py")
RULES = """
scope: files
mode: enforce
rules:
  - name: no-drops
    match: {operation: mcp.tool_call, when: "params.arguments.sql.contains('drop')"}
    action: deny
    message: No tables are dropped here.
  - name: no-credentials-for-the-model
    match: {operation: mcp.tool_result}
    action: redact
    redact: {secrets: true, restore: tools}
"""


@asynccontextmanager
async def connected(folder: Path, *options: str) -> AsyncIterator[ClientSession]:
    (folder / "config.env").write_text(f"REGION=eu\nAWS_ACCESS_KEY_ID={KEY}\n")
    command = [*CLI, "mcp", *options, "--", sys.executable, str(SERVER), str(folder)]
    parameters = StdioServerParameters(
        command=command[0], args=command[1:], env=environment(folder), cwd=folder
    )
    async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


def text(content: Sequence[object]) -> str:
    return "".join(each.text for each in content if isinstance(each, TextContent))


@pytest.mark.parametrize("ruled", [False, True], ids=["by default", "by rules"])
async def test_the_model_gets_a_placeholder_and_the_server_the_value(
    tmp_path: Path, ruled: bool
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    options = ["--policy", str(rules)] if ruled else []
    async with connected(tmp_path, *options) as session:
        tools = await session.list_tools()
        assert {tool.name for tool in tools.tools} == {"read_config", "run_query"}
        config = text((await session.call_tool("read_config", {})).content)
        assert "REGION=eu" in config
        assert KEY not in config
        found = re.search("AWS_ACCESS_KEY_ID=(.+)", config)
        assert found is not None
        ran = await session.call_tool("run_query", {"sql": f"use {found[1]}"})
    assert (tmp_path / "queries.txt").read_text() == f"use {KEY}"
    assert KEY not in text(ran.content)
    assert f"use {found[1]}" in text(ran.content)


async def test_a_denied_call_never_reaches_the_server(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    async with connected(tmp_path, "--policy", str(rules)) as session:
        answer = await session.call_tool("run_query", {"sql": "DROP everything"})
    assert answer.is_error
    assert text(answer.content) == "No tables are dropped here."
    assert not (tmp_path / "queries.txt").exists()


async def test_rules_know_the_server_by_the_name_it_was_given(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.replace("mcp.tool_call,", "mcp.tool_call, server: db,"))
    for name, denied in (("db", True), ("files", False)):
        async with connected(tmp_path, "--policy", str(rules), "--name", name) as session:
            answer = await session.call_tool("run_query", {"sql": "drop everything"})
        assert answer.is_error is denied


async def test_block_mode_tells_the_model_why(tmp_path: Path) -> None:
    async with connected(tmp_path, "--mode", "block") as session:
        answer = await session.call_tool("read_config", {})
    assert answer.is_error
    assert "secret detected" in text(answer.content)
    assert KEY not in text(answer.content)


SEALED = """
import ctypes, sys
from secretgate.cli import main
try:
    main()
finally:
    print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), file=sys.stderr)
"""
LIMITS = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
def test_its_memory_is_sealed_and_the_server_is_as_it_would_have_been(tmp_path: Path) -> None:
    import resource

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SEALED,
            "mcp",
            "--mode",
            "audit",
            "--",
            sys.executable,
            "-c",
            LIMITS,
        ],
        env=environment(tmp_path),
        cwd=tmp_path,
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "dumpable 0" in done.stderr
    assert done.stdout.strip() == str(resource.getrlimit(resource.RLIMIT_CORE))


def test_the_exit_code_is_the_servers(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "raise SystemExit(7)"]
    done = secretgate(["mcp", "--", *program], environment(tmp_path), tmp_path, input="")
    assert done.returncode == 7


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--", "no-such-program"], 127, "command not found"),
        (["--policy", "missing.yaml", "--", "true"], 2, "missing.yaml"),
        (["--mode", "maybe", "--", "true"], 2, "mode"),
    ],
)
def test_what_cannot_begin_says_why(
    tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    done = secretgate(["mcp", *arguments], environment(tmp_path), tmp_path, input="")
    assert done.returncode == code
    assert told in done.stderr


def test_what_is_logged_holds_no_value(tmp_path: Path) -> None:
    message = f'{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":"{KEY}"}}}}'
    program = [sys.executable, "-c", f"print({message!r})"]
    done = secretgate(["mcp", "--", *program], environment(tmp_path), tmp_path, input="")
    assert "REDACTED<" in done.stdout
    assert KEY not in done.stdout + done.stderr
    assert "aws-access-token" in done.stderr
