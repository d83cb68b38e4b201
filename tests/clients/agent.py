"""The scripted model, the same for every tool: reads, says and writes secrets, runs commands.

In one conversation: read a prompt with a secret, and two files in parallel calls; write two files
in parallel calls; run a command; say all secrets. In a second one, resumed from the first: run
another command with values of both, and say it. The model only copies, so the expected files
follow from the planted secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.model import Item, Prompt, Script, Text, Thinking
from harness.secrets import Planted

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "STRIPE_SECRET_KEY")
SCRIPT, CONFIG, USED, AGAIN = "deploy.sh", "config.json", "used.txt", "again.txt"
DONE, MORE = "All four are set.", "Used it again."
ENV, KEY = ".env", "deploy.pem"


@dataclass(frozen=True)
class Hands:
    """The tools that a client offers, as the model calls them."""

    main: str
    """A tool offered only in the agent's own requests, not in those for a title or a summary."""
    read: Callable[[str], Item]
    write: Callable[[str, str], Item]
    run: Callable[[str], Item]
    wordy: bool = False
    """Whether every turn must contain text."""


def prompt_first(planted: Planted) -> str:
    return (
        f"Prepare the deployment: read .env and deploy.pem, write {SCRIPT} and {CONFIG}. "
        f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']} is the token for it."
    )


def prompt_second(planted: Planted) -> str:
    return f"Go on with it. OPENAI_API_KEY={planted.values['OPENAI_API_KEY']} is new."


@dataclass(frozen=True)
class Facts:
    """The values needed to write the files, from a prompt or as planted."""

    values: dict[str, str]
    pem: str

    @property
    def script(self) -> str:
        lines = "".join(f"export {name}={self.values[name]}\n" for name in NAMES)
        return f"#!/bin/sh\n{lines}cat <<'K'\n{self.pem}\nK\n"

    @property
    def config(self) -> str:
        return json.dumps({"env": dict(self.values), "key": self.pem, "note": 'a "b"\t\\c'}) + "\n"

    @property
    def used(self) -> str:
        return f"{self.values['STRIPE_SECRET_KEY']} {self.values['AWS_SECRET_ACCESS_KEY']}"

    def again(self, new: str) -> str:
        return f"{self.values['GITHUB_TOKEN']} {new}"

    @property
    def report(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.values.items())


def facts(planted: Planted) -> Facts:
    return Facts({name: planted.values[name] for name in NAMES}, planted.pem)


def _value(prompt: Prompt, name: str) -> str:
    """Return the most recent value; values that a tool itself masked with stars do not count."""
    for text in reversed(prompt.texts):
        found = re.findall(rf"(?:\b|\\n){name}=([^\s\\\"'`]+)", text)
        if plain := [value for value in found if value.strip("*")]:
            return plain[-1]
    return f"({name} was not seen)"


def _known(prompt: Prompt) -> Facts:
    # Some tools give results as JSON, in which a key has no line ends.
    key = prompt.key.replace("\\n", "\n")
    return Facts({name: _value(prompt, name) for name in NAMES}, key)


def _turns(hands: Hands, pause: str) -> list[Callable[[Prompt], list[Item]]]:
    def read(prompt: Prompt) -> list[Item]:
        token = _value(prompt, "GITHUB_TOKEN")
        return [
            Thinking(f"There is a token in the prompt, {token}. I read both files."),
            Text(f"With {token} in hand I read both."),
            hands.read(ENV),
            hands.run(f"cat {KEY}"),
        ]

    def write(prompt: Prompt) -> list[Item]:
        known = _known(prompt)
        return [
            Thinking(f"I saw {known.values['AWS_ACCESS_KEY_ID']} and the key. I write both."),
            Text(f"Writing {known.values['AWS_SECRET_ACCESS_KEY']} and\n{known.pem}\nto both."),
            hands.write(SCRIPT, known.script),
            hands.write(CONFIG, known.config),
        ]

    def run(prompt: Prompt) -> list[Item]:
        return [
            Thinking("Both are written."),
            hands.run(f"{pause}printf '%s' '{_known(prompt).used}' > {USED} && cat {USED}"),
        ]

    def report(prompt: Prompt) -> list[Item]:
        return [Thinking("That was all."), Text(f"{_known(prompt).report}\n{DONE}")]

    def again(prompt: Prompt) -> list[Item]:
        new = _value(prompt, "OPENAI_API_KEY")
        return [
            Thinking(f"Now with {new} too."),
            hands.run(f"printf '%s' '{_known(prompt).again(new)}' > {AGAIN}"),
        ]

    def last(prompt: Prompt) -> list[Item]:
        return [
            Thinking("Done."),
            Text(f"{_known(prompt).again(_value(prompt, 'OPENAI_API_KEY'))}\n{MORE}"),
        ]

    return [read, write, run, report, again, last]


def agent(hands: Hands, pause: str = "") -> Script:
    """Return the script; `pause` precedes the command of the first conversation."""

    def answer(prompt: Prompt) -> list[Item]:
        if hands.main not in prompt.tools:
            return [Text("Deployment")]
        turns = _turns(hands, pause)
        items = turns[min(prompt.turn, len(turns) - 1)](prompt)
        if hands.wordy and not any(isinstance(item, Text) for item in items):
            items.insert(1, Text("Now this."))
        return items

    return answer


def editor() -> Script:
    """Return the script for tools whose model makes no calls: its answer has whole files."""

    def answer(prompt: Prompt) -> list[Item]:
        known = _known(prompt)
        new = _value(prompt, "OPENAI_API_KEY")
        if any(f"{new} is new" in text for text in prompt.last):
            return [Text(f"{_whole(AGAIN, known.again(new))}\n{known.again(new)}\n{MORE}")]
        files = [_whole(SCRIPT, known.script), _whole(CONFIG, known.config)]
        files.append(_whole(USED, known.used))
        return [Text("\n".join([*files, known.report, DONE]))]

    return answer


def _whole(name: str, content: str) -> str:
    return f"{name}\n```\n{content.rstrip()}\n```\n"
