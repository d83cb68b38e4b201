"""The course of the demonstration: two turns of a tool that has read a project's `.env`."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import re
import secrets
import ssl
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


def _lines(text: str, names: Mapping[str, str]) -> dict[str, str]:
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


def _request(history: list[dict[str, Any]]) -> bytes:
    head = {"model": "claude-demo", "max_tokens": 1024, "stream": True}
    return json.dumps({**head, "messages": history}).encode()


def _conversation(env: str) -> list[dict[str, Any]]:
    call = {"type": "tool_use", "id": "toolu_00", "name": "read_file", "input": {"path": ".env"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_00", "content": env}
    return [
        {"role": "user", "content": [{"type": "text", "text": "Turn my .env into deploy.sh"}]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]


@dataclass
class _Answer:
    text: str = ""
    arguments: str = ""
    events: int = 0
    first: float = 0.0
    """Seconds until the first piece of text."""


def _connect(proxy: Mitmdump, host: str, trusted: Path) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(trusted))
    connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=10, context=context)
    connection.set_tunnel(host, 443)
    return connection


def _ask(connection: http.client.HTTPSConnection, body: bytes) -> _Answer:
    headers = {"content-type": "application/json", "x-api-key": "none", "host": HOST}
    started = time.perf_counter()
    connection.request("POST", "/v1/messages", body, headers)
    response = connection.getresponse()
    if response.status != 200:
        raise Failed(f"the proxy answered {response.status}: {response.read(300).decode()}")
    answer = _Answer()
    for line in response:
        if line.startswith(b"data: "):
            delta = json.loads(line[6:]).get("delta", {})
            answer.events += "text" in delta or "partial_json" in delta
            answer.first = answer.first or (time.perf_counter() - started if answer.events else 0)
            answer.text += delta.get("text", "")
            answer.arguments += delta.get("partial_json", "")
    return answer


def _issuer(proxy: Mitmdump, provider: Provider) -> str:
    """Return the issuer of the certificate that a tool sees for a host that is not covered."""
    connection = _connect(proxy, OTHER, provider.trusted)
    try:
        connection.connect()
        certificate: Any = connection.sock.getpeercert()
        return str(dict(pair[0] for pair in certificate["issuer"])["commonName"])
    except ssl.SSLError:
        return ""
    finally:
        connection.close()


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
        proxy.start()
        stack.callback(proxy.stop)
        return _play(proxy, provider)


def _row(name: str, planted: Mapping[str, str], seen: list[str]) -> Row:
    sent, received, restored = seen
    secret = planted.get(name, sent)
    whole = restored == sent
    return Row(name, name in planted, whole, secret, received, secret if whole else restored)


def _play(proxy: Mitmdump, provider: Provider) -> Outcome:
    env, planted = _project()
    history = _conversation(env)
    connection = _connect(proxy, HOST, proxy.certificate)
    with contextlib.closing(connection):
        answer = _ask(connection, _request(history))
        script = json.loads(answer.arguments)["content"]
        called = {"type": "tool_use", "id": "toolu_01", "name": "write_file"}
        called["input"] = json.loads(answer.arguments)
        said = {"type": "text", "text": answer.text}
        done = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "written"}
        history.append({"role": "assistant", "content": [said, called]})
        history.append({"role": "user", "content": [done]})
        again = _ask(connection, _request(history))
    issuer = _issuer(proxy, provider)

    first, second = provider.received[:2]
    places = [_lines(text, planted) for text in (env, shown(json.loads(first)), script)]
    rows = [
        _row(name, planted, [place.get(name, "(missing)") for place in places])
        for name in places[0]
    ]
    everything = b"\0".join(provider.received)
    found = leaks(everything, planted)
    found += [
        f"{row.name} has no placeholder"
        for row in rows
        if row.secret and not _PLACEHOLDER.search(row.received)
    ]
    missing = [row.name for row in rows if not row.whole]
    prefix = first[: first.rindex(b"]}")]
    count = len(planted)
    return Outcome(
        rows,
        [
            Check(
                not found,
                "Nothing leaked",
                f"{count} secrets looked for in all {len(everything):,} bytes that the provider got: as "
                "they are, JSON-escaped, URL-encoded, in base64, in hex",
                f"found at the provider: {', '.join(found)}",
            ),
            Check(
                not missing,
                "Everything came back",
                f"{count} of {count}, out of a stream of {answer.events} pieces that cut every "
                "placeholder",
                f"not restored: {', '.join(missing)}",
            ),
            Check(
                second.startswith(prefix),
                "The next turn agrees",
                f"history is sent again every turn: these {len(prefix):,} bytes reached the provider "
                "unchanged, so prompt caches stay warm",
                "the provider saw another history in the second turn than in the first",
            ),
            Check(
                issuer == provider.issuer,
                "Other hosts are left alone",
                f"{OTHER} was tunnelled; the tool saw that server's own certificate",
                f"{OTHER} was intercepted",
            ),
            Check(
                again.first > 0,
                "It streams",
                f"the first words were there after {again.first * 1000:.0f} ms",
                "the answer came without text",
            ),
        ],
    )
