"""What is played with a tool, and what must be true afterwards. Scenes record what was wrong.

`redact`: two conversations, the second resumed from the first in a new process behind a new proxy.
`restart`: one conversation, with a restart of the proxy between two turns. `block`: a prompt with a
secret, then a file with one. `audit`: one conversation, with every message unchanged by the proxy.
`trust`: which CA variables the tool uses.
"""

from __future__ import annotations

import re
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clients import agent
from clients import trust as trusts
from clients.tool import Login, Tool
from clients.world import Ran, Serving, World
from harness.model import PLACEHOLDER
from harness.secrets import Planted, joined, leaks, plant
from harness.wire import Received

WISH, GRANTED = "restart.wished", "restart.granted"
MESSAGE = "request blocked: secret detected"
UNUSUAL = "the made-up provider will not"
MOST_TRIES = 2
"""Maximum number of requests for one refused prompt, including others such as for a title."""
_LOG_IN = re.compile(r"(?i)\b(log ?in|sign ?in|authenticat\w*|re-?authoriz\w*)\b")


@dataclass(frozen=True)
class Case:
    tool: Tool
    login: Login
    scene: str
    transport: str = ""

    def __str__(self) -> str:
        parts = [self.tool.name, self.login.name, self.scene, self.transport]
        return "-".join(part.replace(" ", "") for part in parts if part)


@dataclass
class Played:
    """A case that was played, and what was wrong."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    runs: list[Ran] = field(default_factory=list)

    def expect(self, true: bool, otherwise: str) -> None:
        if not true:
            self.problems.append(otherwise)


def play(case: Case, folder: Path, seed: int, options: Sequence[str] = ()) -> tuple[Played, World]:
    planted = plant(seed)
    world = World(case.tool, case.login, folder, options)
    played = Played()
    (world.project / agent.ENV).write_text(planted.env)
    (world.project / agent.KEY).write_text(planted.pem + "\n")
    pause = f"touch {WISH}; until [ -e {GRANTED} ]; do sleep 0.05; done; "
    hands = case.login.hands or case.tool.hands
    if hands is None:
        script = agent.editor()
    else:
        script = agent.agent(hands(world.project), pause if case.scene == "restart" else "")
    with world, world.provider.manner(script=script, websockets=case.transport != "HTTP"):
        SCENES[case.scene](world, planted, played)
    _always(case, world, planted, played)
    return played, world


def _first(world: World, planted: Planted) -> list[str]:
    prompt = agent.prompt_first(planted)
    return world.arguments(prompt)


def redact(world: World, planted: Planted, played: Played) -> None:
    played.runs.append(world.run(_first(world, planted)))
    _written(world, planted, played)
    _reported(played, planted)
    if world.tool.resumed:
        prompt = agent.prompt_second(planted)
        arguments = world.arguments(prompt, resumed=True)
        played.runs.append(world.run(arguments))
        new = planted.values["OPENAI_API_KEY"]
        _file(world, agent.AGAIN, agent.facts(planted).again(new), played)
    _restored(world, played)


def restart(world: World, planted: Planted, played: Played) -> None:
    with world.serving() as serving, _Granting(world, serving):
        played.runs.append(world.run(_first(world, planted), **serving.variables))
        played.expect(serving.starts == 2, "the proxy was not restarted")
    _written(world, planted, played)
    _reported(played, planted)
    _restored(world, played)


def audit(world: World, planted: Planted, played: Played) -> None:
    played.runs.append(world.run(_first(world, planted), ["--mode", "audit"]))
    _written(world, planted, played)
    told = [row for row in world.taps() if "same" in row]
    kinds = {row["kind"] for row in told}
    watched = "request" in kinds and kinds & {"answer", "answer begun", "message"}
    played.expect(bool(watched), "the proxy's process was not watched")
    changed = {f"{row['kind']} of {row['host']}{row['path']}" for row in told if not row["same"]}
    played.problems += (f"audit changed the {each}" for each in sorted(changed))


def block(world: World, planted: Planted, played: Played) -> None:
    clean = "Prepare the deployment: read .env and deploy.pem."
    usual = _shown(world, clean)
    played.expect(usual > 0, "an error of the provider is not shown")
    played.notes.append(f"errors of the provider: printed {usual} time{'s' * (usual != 1)}")
    for what, prompt in (("prompt", agent.prompt_first(planted)), ("file", clean)):
        before = len(world.taps())
        arguments = world.arguments(prompt)
        ran = world.run(arguments, ["--mode", "block"])
        played.runs.append(ran)
        refusals = _refusals(world, before)
        said = _times(ran, MESSAGE)
        shown = f"a secret in a {what}: our message was shown {said} times, not {usual}"
        played.expect(said == usual, shown)
        played.expect(refusals > 0, f"a secret in a {what} was not refused")
        played.expect(refusals <= MOST_TRIES, f"a secret in a {what}: {refusals} requests refused")
        asked = [word for line in ran.said.splitlines() if (word := _LOG_IN.search(line))]
        played.expect(not asked, f"a secret in a {what}: the tool speaks of a login")
        played.notes.append(f"{what}: {refusals} refused, exit code {ran.code}")
    for name, content in world.given.items():
        same = (world.home / name).read_text() == content
        played.expect(same, f"{name} is not what it was")
    tokens = [each.host for each in world.provider.received if each.path.endswith("/oauth/token")]
    played.expect(not tokens, f"new tokens were asked for at {', '.join(tokens)}")


def _shown(world: World, prompt: str) -> int:
    """Return how often this tool shows a provider's error that was sent once."""
    arguments = world.arguments(prompt)
    with world.provider.manner(error=(400, UNUSUAL)):
        return _times(world.run(arguments), UNUSUAL)


def _times(ran: Ran, words: str) -> int:
    """Return how often the output contains some words, however the tool wraps lines."""
    return "".join(ran.said.split()).count("".join(words.split()))


def trust(world: World, planted: Planted, played: Played) -> None:
    """Test which CA variables the tool uses; this does not test the gate."""
    heeded = trusts.trusted(world)
    played.problems += trusts.disagreements(world, heeded)
    played.notes += (name for name, works in heeded.items() if works)


SCENES: dict[str, Callable[[World, Planted, Played], None]] = {
    "redact": redact,
    "restart": restart,
    "block": block,
    "audit": audit,
    "trust": trust,
}


class _Granting:
    """While active, restarts the proxy when the command asks for it."""

    def __init__(self, world: World, serving: Serving) -> None:
        self._project, self._serving = world.project, serving
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            if (self._project / WISH).exists():
                try:
                    self._serving.restart()
                finally:
                    (self._project / GRANTED).touch()
                return


def _refusals(world: World, start: int) -> int:
    """Return the number of refused requests, or of WebSocket messages that were not forwarded."""
    return sum(
        1
        for row in world.taps()[start:]
        if row.get("refused") or (row["kind"] == "message" and row["dropped"] and row["client"])
    )


def _file(world: World, name: str, content: str, played: Played) -> None:
    path = world.project / name
    if not path.is_file():
        played.problems.append(f"{name} was not written")
    else:
        same = path.read_text().rstrip() == content.rstrip()
        played.expect(same, f"{name} is not what the model wrote")


def _written(world: World, planted: Planted, played: Played) -> None:
    known = agent.facts(planted)
    for name, content in (
        (agent.SCRIPT, known.script),
        (agent.CONFIG, known.config),
        (agent.USED, known.used),
    ):
        _file(world, name, content, played)


def _reported(played: Played, planted: Planted) -> None:
    out = re.sub(r"\s", "", played.runs[0].out)
    for name in agent.NAMES:
        played.expect(planted.values[name] in out, f"the answer shown lacks {name}")
    played.expect("".join(agent.DONE.split()) in out, "the last words are not shown")


def _restored(world: World, played: Played) -> None:
    """Check that no placeholder reached the tool, except in thinking, which must not be edited.

    Codex shows thinking next to its answer.
    """
    for number, ran in enumerate(played.runs):
        found = PLACEHOLDER.search(ran.out)
        played.expect(found is None, f"run {number + 1} shows a placeholder")
    for path in world.project.iterdir():
        found = PLACEHOLDER.search(path.read_text(errors="replace"))
        played.expect(found is None, f"{path.name} holds a placeholder")


def _always(case: Case, world: World, planted: Planted, played: Played) -> None:
    for number, ran in enumerate(played.runs):
        if ran.code is None:
            played.problems.append(f"run {number + 1} did not end in {ran.seconds:.0f} s")
        elif case.scene != "block":
            played.expect(ran.code == 0, f"run {number + 1} ended with {ran.code}")
    arrived = world.provider.received
    if case.scene != "audit":
        for host, found in _leaked(arrived, planted):
            played.problems.append(f"reached {host}: {', '.join(found)}")
        ours = joined(
            path.read_bytes() for path in (world.home / "secretgate").rglob("*") if path.is_file()
        )
        found = leaks(ours, planted.secrets)
        played.expect(not found, f"written by secretgate itself: {', '.join(found)}")
    played.expect(not world.provider.refused, f"the provider refused: {world.provider.refused}")
    played.expect(not world.provider.problems, f"of the tests: {_traces(world)}")
    asked = joined(line.encode() for line in world.corporate.asked)
    played.expect(not leaks(asked, planted.secrets), "a secret in the name of a host")


def _traces(world: World) -> list[str]:
    return ["".join(traceback.format_exception(each)) for each in world.provider.problems]


def _leaked(arrived: list[Received], planted: Planted) -> Iterator[tuple[str, list[str]]]:
    for host in sorted({each.host for each in arrived}):
        there = joined(each.everything for each in arrived if each.host == host)
        if found := leaks(there, planted.secrets):
            yield host, found
