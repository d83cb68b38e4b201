"""The scripted model: takes what it read, returns what it says and calls.

A script is a pure function of the text it received, and only copies. Running the same script on
what the *client* sent therefore tells what the client must get back, as if there were no proxy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

PLACEHOLDER = re.compile(r"REDACTED<[a-z0-9-]+:[0-9a-f]{12}>")


@dataclass(frozen=True)
class Thinking:
    text: str
    hidden: bool = False
    """Whether it is encrypted as a whole (Anthropic: `redacted_thinking`)."""


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Call:
    """A tool call with JSON arguments; `arguments` is their text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Custom:
    """A tool call with free-form input (OpenAI Responses)."""

    name: str
    input: str


Item = Thinking | Text | Call | Custom


def strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, in order, including strings in JSON inside a string."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def names(tools: Any) -> tuple[str, ...]:
    """Return the names of the tools in a request, at any depth."""
    found: list[str] = []
    for tool in tools if isinstance(tools, list) else []:
        deeper = tool.get("function") or tool.get("functionDeclarations") or tool.get("tools")
        if isinstance(deeper, dict):
            deeper = [deeper]
        found += names(deeper) if deeper else [tool.get("name") or tool.get("type") or ""]
    return tuple(found)


@dataclass(frozen=True)
class Prompt:
    """A conversation as the model sees it."""

    turn: int
    """Number of turns the assistant has had."""
    texts: tuple[str, ...]
    """Everything said so far, system prompt first."""
    last: tuple[str, ...]
    """What was added since the assistant's last turn."""
    tools: tuple[str, ...] = ()
    """The names of the tools that the client offers."""

    def line(self, start: str) -> str:
        """Return the last line in any text that begins with `start`."""
        found = f"{start}(not seen)"
        for text in self.texts:
            for line in text.splitlines():
                if line.startswith(start):
                    found = line
        return found

    def value(self, name: str) -> str:
        return self.line(f"{name}=").partition("=")[2]

    def containing(self, needle: str) -> str:
        return next((text for text in reversed(self.texts) if needle in text), "(not seen)")

    @property
    def key(self) -> str:
        """The PEM key it was shown, with its lines as in the prompt."""
        for text in self.texts:
            found = re.search(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", text, re.DOTALL)
            if found:
                return found[0]
        return "(no key seen)"


Script = Callable[[Prompt], list[Item]]


def call(name: str, **arguments: Any) -> Call:
    return Call(name, json.dumps(arguments))


def agent(invented: str = "") -> Script:
    """Return a coding agent for five turns: it reads the `.env`, copies it, uses it and reports.

    `invented` is a key-shaped value of the model's own, written into a generated file in turn 2.
    """

    def read(prompt: Prompt) -> list[Item]:
        token = prompt.value("GITHUB_TOKEN")
        return [
            Thinking(f"The system prompt gives me a token, {token}. I should read the file first."),
            Text(f"I have the token {token}; now I read `.env`."),
            call("read_file", path=".env", why='to see "all" of it\n\t\\o/'),
        ]

    def write(prompt: Prompt) -> list[Item]:
        env = prompt.containing("AWS_SECRET_ACCESS_KEY=")
        script = "".join(f"export {line}\n" for line in env.splitlines() if "=" in line)
        if invented:
            script += f"export SESSION_SECRET={invented}\n"
        nested = json.dumps({"env": env, "key": prompt.key})
        return [
            Thinking(f"There is {prompt.line('AWS_ACCESS_KEY_ID=')} and more; I write two files."),
            Text(f"Found these:\n```\n{env}```\nand the key\n{prompt.key}\nWriting both files."),
            call(
                "write_file",
                path="deploy.sh",
                content=f"#!/bin/sh\n{script}\ncat <<K\n{prompt.key}\nK\n",
            ),
            call("write_file", path="config.json", content=nested),
        ]

    def run(prompt: Prompt) -> list[Item]:
        command = (
            f"psql '{prompt.value('DATABASE_URL')}' -c 'select 1' && "
            f'curl -u "{prompt.value("STRIPE_SECRET_KEY")}:" https://api.stripe.com/v1/charges'
        )
        return [
            Thinking("Both files are written."),
            call("bash", command=command, timeout=30),
            call(
                "bash",
                command=f"AWS_SECRET_ACCESS_KEY={prompt.value('AWS_SECRET_ACCESS_KEY')} aws s3 ls",
            ),
        ]

    def explain(prompt: Prompt) -> list[Item]:
        return [
            Thinking("The commands failed with an error that names the token."),
            Text(f"The service refused {prompt.value('SERVICE_JWT')}; what next?"),
        ]

    def report(prompt: Prompt) -> list[Item]:
        names = ("AWS_ACCESS_KEY_ID", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GITHUB_TOKEN")
        return [
            Thinking("Done."),
            Text("\n".join(f"{name}: `{prompt.value(name)}`" for name in names)),
        ]

    turns = (read, write, run, explain, report)
    return lambda prompt: turns[min(prompt.turn, 4)](prompt)


def saying(*items: Item) -> Script:
    """Return a script that always gives the same answer."""
    return lambda prompt: list(items)


def echo(prompt: Prompt) -> list[Item]:
    """Repeat the latest texts as text."""
    return [Text("You said: " + "\n".join(prompt.last))]


def echo_call(prompt: Prompt) -> list[Item]:
    """Repeat the latest texts as the argument of a tool call, after a text."""
    return [
        Text("I write that down."),
        call("write_file", path="copy.txt", content="\n".join(prompt.last)),
    ]
