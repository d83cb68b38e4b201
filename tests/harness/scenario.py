"""The five turns of the standard scenario: a coding agent, a project, its secrets."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Sequence

from harness.clients import Body, Conversation, Transport, Turn, converse
from harness.dialects import Dialect
from harness.model import Call, Item, Script, Text, Thinking
from harness.secrets import Planted


def system(planted: Planted) -> str:
    token = planted.values["GITHUB_TOKEN"]
    return f"You are a coding agent in /srv/app.\nGITHUB_TOKEN={token}\nBe brief.\n"


def steps(planted: Planted) -> list[str | Sequence[str]]:
    """Return what the user says and what the tools answer, turn by turn."""
    values = planted.values
    dump = json.dumps({"stdout": planted.env, "key": planted.pem})
    quoted = urllib.parse.quote(planted.env, safe="")
    manifest = base64.b64encode(planted.env.encode()).decode()
    line = planted.pem.splitlines()[7]
    return [
        f"Set up the deployment. Sign with this key:\n\n{planted.pem}\n\nThanks.",
        [planted.env],
        [f"wrote deploy.sh\n{dump}", "wrote config.json"],
        [
            f"401 for Authorization: Bearer {values['SERVICE_JWT']}\nbad line {line!r}\n?env={quoted}",
            f'{{"apiVersion": "v1", "data": {{"env": "{manifest}"}}}}',
        ],
        f"Then use {values['STRIPE_SECRET_KEY']} and connect as app:{values['DB_PASSWORD']}@db.",
    ]


def hold(
    conversation: Conversation,
    transport: Transport,
    planted: Planted,
    between: Callable[[int], None] = lambda turn: None,
) -> list[Turn]:
    return converse(conversation, transport, steps(planted), between)


def said(items: Sequence[Item]) -> list[Item]:
    """Return the items to compare; thinking is left out, as it stays as the provider wrote it."""
    found: list[Item] = []
    for item in items:
        match item:
            case Thinking():
                continue
            case Call(name, arguments):
                found.append(Call(name, json.dumps(json.loads(arguments))))
            case Text(text) if found and isinstance(found[-1], Text):
                found[-1] = Text(found[-1].text + text)
            case _:
                found.append(item)
    return found


def expected(dialect: Dialect, body: Body, script: Script) -> list[Item]:
    """Return what the client would get from the provider without a proxy."""
    return said(script(dialect.prompt(body)))
