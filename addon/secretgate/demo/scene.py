"""The course of the demonstration: two turns of a tool that has read a project's `.env`."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from secretgate.demo import tool
from secretgate.demo.hunt import leaks
from secretgate.demo.planted import Maker
from secretgate.demo.process import Failed, Mitmdump
from secretgate.demo.provider import HOST, OTHER, Provider, shown

_PLACEHOLDER = re.compile(r"REDACTED<[^<>\s]+>")


@dataclass(frozen=True)
class Row:
    """One line of the `.env`, as seen at three places."""

    name: str
    secret: bool
    whole: bool
    """Whether it came back as it was sent."""
    sent: str = field(repr=False)
    received: str = field(repr=False)
    restored: str = field(repr=False)


@dataclass(frozen=True)
class Check:
    """One claim of the demonstration, and whether it holds."""

    passed: bool
    claim: str
    good: str
    bad: str

    @property
    def detail(self) -> str:
        return self.good if self.passed else self.bad


@dataclass(frozen=True)
class Outcome:
    """The rows and checks to show."""

    rows: list[Row]
    checks: list[Check]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def _project() -> tuple[str, dict[str, str]]:
    """Return a `.env` and the secrets in it."""
    make = Maker(secrets.randbits(64))
    password = make.password()
    values = {
        "AWS_ACCESS_KEY_ID": make.aws_id(),
        "AWS_SECRET_ACCESS_KEY": make.aws_secret(),
        "ANTHROPIC_API_KEY": make.anthropic(),
        "GITHUB_TOKEN": make.github(),
        "STRIPE_SECRET_KEY": make.stripe(),
        "SESSION_JWT": make.jwt(),
    }
    lines = ["APP_ENV=production", *(f"{name}={value}" for name, value in values.items())]
    lines.append(f"DATABASE_URL=postgresql://app:{password}@db.internal.corp/app")
    key = make.pem(size=144).splitlines()
    found = {**values, "DATABASE_URL": password}
    found |= {f"deploy key, line {at}": line for at, line in enumerate(key[1:-1], 1)}
    return "\n".join([*lines, *key]) + "\n", found


def _lines(text: str) -> dict[str, str]:
    """Return a text's lines by variable name; the lines of the key by number."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.removeprefix("export ").partition("=")
        if equals and re.fullmatch(r"[A-Z_]+", name):
            found[name] = value
    key = re.search(r"-----BEGIN [A-Z ]+-----\n(.*?)\n-----END", text, re.DOTALL)
    for at, line in enumerate(key[1].splitlines() if key else (), 1):
        found[f"deploy key, line {at}"] = line
    return found


def _addon() -> Path:
    spec = importlib.util.find_spec("secretgate_addon")
    if spec is None or spec.origin is None:
        raise Failed("the file secretgate_addon.py is not beside the package; install it again")
    return Path(spec.origin)


def play() -> Outcome:
    """Run provider, proxy and tool, and remove everything afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secretgate-demo-")))
        provider = Provider(folder)
        stack.callback(provider.close)
        proxy = Mitmdump(folder, provider.port, provider.trusted, addon=_addon())
        stack.callback(proxy.stop)
        proxy.start()
        return _play(proxy, provider)


@dataclass(frozen=True)
class _Turns:
    """What was to be seen of two turns: at the tool, and at the provider (`received`)."""

    env: str
    planted: Mapping[str, str] = field(repr=False)
    received: list[bytes] = field(repr=False)
    answer: tool.Answer = field(repr=False)
    again: tool.Answer = field(repr=False)
    """The answer in the second turn."""
    issuer: str
    """Who signed the certificate of a host that is not covered."""

    @property
    def script(self) -> str:
        return str(json.loads(self.answer.arguments)["content"])


def _play(proxy: Mitmdump, provider: Provider) -> Outcome:
    env, planted = _project()
    history = tool.conversation(env)
    connection = tool.connect(proxy, HOST, proxy.certificate)
    with contextlib.closing(connection):
        answer = tool.ask(connection, tool.request(history))
        again = tool.ask(connection, tool.request([*history, *tool.next_turn(answer)]))
    issuer = tool.issuer(proxy, provider)
    turns = _Turns(env, planted, provider.received, answer, again, issuer)
    rows = _rows(turns)
    return Outcome(rows, list(_checks(turns, rows, provider.issuer)))


def _rows(turns: _Turns) -> list[Row]:
    first = shown(json.loads(turns.received[0]))
    places = [_lines(text) for text in (turns.env, first, turns.script)]
    return [
        _row(name, turns.planted, [place.get(name, "(missing)") for place in places])
        for name in places[0]
    ]


def _row(name: str, planted: Mapping[str, str], seen: list[str]) -> Row:
    sent, received, restored = seen
    secret = planted.get(name, sent)
    whole = restored == sent
    return Row(name, name in planted, whole, secret, received, secret if whole else restored)


def _checks(turns: _Turns, rows: list[Row], expected_issuer: str) -> Iterator[Check]:
    count = len(turns.planted)
    everything = b"\0".join(turns.received)
    found = leaks(everything, turns.planted)
    found += [
        f"{row.name} has no placeholder"
        for row in rows
        if row.secret and not _PLACEHOLDER.search(row.received)
    ]
    yield Check(
        not found,
        "Nothing leaked",
        f"{count} secrets looked for in all {len(everything):,} bytes that the provider got: as they "
        "are, JSON-escaped, URL-encoded, in base64, in hex",
        f"found at the provider: {', '.join(found)}",
    )
    missing = [row.name for row in rows if not row.whole]
    yield Check(
        not missing,
        "Everything came back",
        f"{count} of {count}, out of a stream of {turns.answer.events} pieces that cut every "
        "placeholder",
        f"not restored: {', '.join(missing)}",
    )
    first, second = turns.received[:2]
    prefix = first[: first.rindex(b"]}")]
    yield Check(
        second.startswith(prefix),
        "The next turn agrees",
        f"history is sent again every turn: these {len(prefix):,} bytes reached the provider "
        "unchanged, so prompt caches stay warm",
        "the provider saw another history in the second turn than in the first",
    )
    yield Check(
        turns.issuer == expected_issuer,
        "Other hosts are left alone",
        f"{OTHER} was tunnelled; the tool saw that server's own certificate",
        f"{OTHER} was intercepted",
    )
    yield Check(
        turns.again.first > 0,
        "It streams",
        f"the first words were there after {turns.again.first * 1000:.0f} ms",
        "the answer came without text",
    )
