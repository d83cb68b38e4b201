"""The tools that each client offers to a model, and how its model calls them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clients.agent import Hands
from harness.model import Custom, Item, call


def claude(project: Path) -> Hands:
    return Hands(
        main="Bash",
        read=lambda path: call("Read", file_path=str(project / path)),
        write=lambda path, content: call("Write", file_path=str(project / path), content=content),
        run=lambda command: call("Bash", command=command, description="As asked"),
    )


def gemini(project: Path) -> Hands:
    return Hands(
        main="run_shell_command",
        # Its `read_file` refuses to read `.env`.
        read=lambda path: call("run_shell_command", command=f"cat {path}", description="Read"),
        write=lambda path, content: call(
            "write_file", file_path=str(project / path), content=content
        ),
        run=lambda command: call("run_shell_command", command=command, description="As asked"),
    )


def opencode(project: Path) -> Hands:
    return Hands(
        main="bash",
        read=lambda path: call("bash", command=f"cat {path}", description="Read"),
        write=lambda path, content: call("write", filePath=str(project / path), content=content),
        run=lambda command: call("bash", command=command, description="As asked"),
    )


def opencode_patching(project: Path) -> Hands:
    """Return the tools for OpenAI models, which are offered `apply_patch` instead of `write`."""
    return replace(
        opencode(project),
        write=lambda path, content: call("apply_patch", patchText=patch(path, content)),
    )


def qwen(project: Path) -> Hands:
    return Hands(
        main="run_shell_command",
        read=lambda path: call("read_file", file_path=str(project / path)),
        write=lambda path, content: call(
            "write_file", file_path=str(project / path), content=content
        ),
        run=lambda command: call(
            "run_shell_command", command=command, description="As asked", is_background=False
        ),
    )


def copilot(project: Path) -> Hands:
    def run(command: str) -> Item:
        return call("bash", command=command, description="As asked", mode="sync")

    return Hands(
        main="bash",
        read=lambda path: run(f"cat {path}"),
        write=lambda path, content: call("create", path=str(project / path), file_text=content),
        run=run,
    )


def script(project: Path) -> Hands:
    return Hands(
        main="run",
        read=lambda path: call("read", path=path),
        write=lambda path, content: call("write", path=path, content=content),
        run=lambda command: call("run", command=command),
    )


def wordy_script(project: Path) -> Hands:
    """LiteLLM adds text to Anthropic turns without any, which the provider then rejects."""
    return replace(script(project), wordy=True)


def patch(path: str, content: str) -> str:
    lines = "".join(f"+{line}\n" for line in content.splitlines())
    return f"*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n"


def codex(project: Path) -> Hands:
    """Return the tools of fifth-generation models: a command, and a patch as a free-form text."""

    def run(command: str) -> Item:
        return call("exec_command", cmd=command, workdir=str(project), yield_time_ms=30_000)

    return Hands(
        main="exec_command",
        read=lambda path: run(f"cat {path}"),
        write=lambda path, content: Custom("apply_patch", patch(path, content)),
        run=run,
    )


def cline(project: Path) -> Hands:
    return Hands(
        main="run_commands",
        read=lambda path: call("read_files", files=[{"path": str(project / path)}]),
        write=lambda path, content: call("editor", path=str(project / path), new_text=content),
        run=lambda command: call("run_commands", commands=[command]),
    )


def continue_(project: Path) -> Hands:
    return Hands(
        main="Bash",
        # Its `Read` refuses to read `.env`.
        read=lambda path: call("Bash", command=f"cat {path}"),
        write=lambda path, content: call("Write", filepath=str(project / path), content=content),
        run=lambda command: call("Bash", command=command),
    )


def pi(project: Path) -> Hands:
    return Hands(
        main="bash",
        read=lambda path: call("read", path=path),
        write=lambda path, content: call("write", path=path, content=content),
        run=lambda command: call("bash", command=command),
    )


def vibe(project: Path) -> Hands:
    return Hands(
        main="bash",
        read=lambda path: call("read_file", path=str(project / path)),
        write=lambda path, content: call("write_file", path=str(project / path), content=content),
        run=lambda command: call("bash", command=command),
    )
