"""All cases; `python -m clients.matrix CASE FOLDER` plays one in its own process.

The process first restricts itself to loopback, and writes its result to the folder as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clients.scenes import Case, play
from clients.tool import Tool
from clients.tools import TOOLS
from clients.world import enclosed

RESULT = "result.json"
ROOT = Path(__file__).parents[2]
PATIENCE = 600.0


@dataclass
class Outcome:
    """The recorded result of a case."""

    case: str
    problems: list[str]
    notes: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    """Names of the hosts to which connections were requested, including tunnelled ones."""
    seen: list[dict[str, Any]] = field(default_factory=list)
    """What the proxy saw of each message, without content."""
    enclosed: bool = False
    said: list[str] = field(default_factory=list)
    """The last output of each run, if anything was wrong."""


def cases(tool: Tool) -> Iterator[Case]:
    """Yield all scenes for each login and transport; the scene `trust` only once."""
    for login in tool.logins:
        for transport in tool.transports:
            usual = login == tool.logins[0] and transport == tool.transports[0]
            for scene in tool.scenes:
                if usual or scene != "trust":
                    yield Case(tool, login, scene, transport)


def every() -> dict[str, Case]:
    return {str(case): case for tool in TOOLS.values() for case in cases(tool)}


class Unfinished(Exception):
    """A case exceeded its time limit."""


def run(case: Case, folder: Path, *options: str, patience: float = PATIENCE) -> Outcome:
    """Play a case in its own process; `options` are added to every `secretgate run`."""
    folder.mkdir(parents=True, exist_ok=True)
    # Without the environment's packages, which may be below the root too: tools have their own.
    own = (Path(path) for path in sys.path if path)
    ours = [
        str(path)
        for path in own
        if path.is_relative_to(ROOT) and not path.is_relative_to(Path(sys.prefix))
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "clients.matrix", str(case), str(folder), *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(ours)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, told = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        raise Unfinished(f"did not end in {patience:.0f} s") from None
    finally:
        _end(process)
    result = folder / RESULT
    if not result.is_file():
        return Outcome(str(case), [f"could not be played: {told[-2000:]}"])
    return Outcome(**json.loads(result.read_text()))


def _end(process: subprocess.Popen[str]) -> None:
    """Terminate a process, so that it can end what it has started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(name: str, folder: Path, options: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    alone = enclosed()
    case = every()[name]
    played, world = play(case, folder / "world", sum(name.encode()), options)
    outcome = Outcome(
        name,
        played.problems,
        played.notes,
        [round(ran.seconds, 1) for ran in played.runs],
        sorted({line.split()[1] for line in world.corporate.asked if line.startswith("CONNECT")}),
        world.taps(),
        alone,
        [ran.said[-1500:] for ran in played.runs] if played.problems else [],
    )
    (folder / RESULT).write_text(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
