"""The world of one tool, login and mode: provider, corporate proxy, home, `secretgate run`.

Everything is on loopback. If the kernel permits it, the process that calls `enclosed` first, and
all that it starts, have no other network.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from clients import installing
from clients.tool import Login, Tool
from clients.vendors import Vendors
from harness.command import CLI, environment
from harness.corporate import CorporateProxy
from harness.programs import free_port
from secretgate.launch import enter, running

TAP = Path(__file__).with_name("tap")
PATIENCE = 180.0


def enclosed() -> bool:
    """Leave this process only loopback; return whether that worked."""
    try:
        enter.alone()
    except (OSError, AttributeError):
        return False
    return True


@dataclass(frozen=True)
class Ran:
    code: int | None
    """The exit code; None if it did not end in time."""
    out: str = field(repr=False)
    err: str = field(repr=False)
    seconds: float

    @property
    def said(self) -> str:
        return self.out + self.err


class World:
    """The surroundings of a tool, all in `folder`; `home` and `project` belong to the tool."""

    def __init__(self, tool: Tool, login: Login, folder: Path, options: Sequence[str] = ()) -> None:
        self._options = options
        self.tool, self.login, self.folder = tool, login, folder
        self.home, self.project = folder / "home", folder / "project"
        self.tap = folder / "tap.jsonl"
        for path in (self.home, self.project, folder / "provider"):
            path.mkdir(parents=True)
        self.given = {**tool.home_files, **login.files()}
        """Contents of the tool's initial files, by path below its home."""
        for name, content in self.given.items():
            target = self.home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
            target.chmod(0o600)
        self._own = dict(login.environment())

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        self.provider = Vendors(self.folder / "provider")
        self._stack.callback(self.provider.close)
        self.corporate = self._stack.enter_context(CorporateProxy(self.provider.port))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def environment(self, **more: str) -> dict[str, str]:
        """Return the user's environment: an account at the provider, and a corporate network."""
        roots = str(self.provider.trusted)
        made = environment(
            self.home,
            HTTPS_PROXY=self.corporate.url,
            SSL_CERT_FILE=roots,
            NODE_EXTRA_CA_CERTS=roots,
            SECRETGATE_TAP=str(self.tap),
            TERM="xterm-256color",
            **self._own,
            **self.tool.environment,
        )
        made["PYTHONPATH"] = os.pathsep.join([str(TAP), made.get("PYTHONPATH", "")])
        folders = [installing.programs(self.tool.package), installing.cache() / "node" / "bin"]
        made["PATH"] = os.pathsep.join([*map(str, folders), made["PATH"]])
        return {**made, **more}

    def arguments(self, prompt: str, *, resumed: bool = False) -> list[str]:
        given = self.tool.resumed if resumed else self.tool.first
        return self.tool.arguments(given, self.login, prompt, self.project)

    def run(self, arguments: Sequence[str], options: Sequence[str] = (), **more: str) -> Ran:
        """Run `secretgate run OPTIONS -- TOOL ARGUMENTS`."""
        return self.command(
            [*CLI, "run", *self._options, *options, "--", *self.tool.command, *arguments], **more
        )

    def command(self, command: Sequence[str], **more: str) -> Ran:
        begun = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=PATIENCE)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            code = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        return Ran(code, out, err, time.monotonic() - begun)

    @contextlib.contextmanager
    def serving(self, mode: str = "redact") -> Iterator[Serving]:
        with Serving(self, mode) as serving:
            yield serving

    def taps(self) -> list[dict[str, Any]]:
        if not self.tap.exists():
            return []
        return [json.loads(line) for line in self.tap.read_text().splitlines()]


class Serving:
    """`secretgate serve`, which our runs join; it can be restarted."""

    def __init__(self, world: World, mode: str) -> None:
        self.port = free_port()
        self._world, self._mode = world, mode
        self.starts = 0

    @property
    def variables(self) -> Mapping[str, str]:
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self.port}"}

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def restart(self) -> None:
        self._stop()
        self._start()

    def _start(self) -> None:
        with (self._world.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*CLI, "serve", "--port", str(self.port), "--mode", self._mode],
                cwd=self._world.project,
                env=self._world.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while running.status("127.0.0.1", self.port) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                raise RuntimeError((self._world.folder / "serve.log").read_text()[-2000:])
            time.sleep(0.05)
        self.starts += 1

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
