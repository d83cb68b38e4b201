"""The results as a table for terminals and as `docs/clients.md`; all figures come from the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.matrix import Outcome
from clients.scenes import Case
from clients.tool import Tool
from clients.tools import UNCOVERED

SCENES = ("redact", "restart", "block", "audit")
_MARKS = {True: "yes", False: "**no**"}


@dataclass
class Column:
    """A tool with one login over one transport."""

    case: Case
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass
class Results:
    """The results of one tool; `missing` says why it was not played, if so."""

    tool: Tool
    day: str
    place: str
    """The system on which it was played."""
    versions: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    columns: dict[tuple[str, str], Column] = field(default_factory=dict)
    trust: Outcome | None = None

    def add(self, case: Case, outcome: Outcome) -> None:
        if case.scene == "trust":
            self.trust = outcome
            return
        key = (case.login.name, case.transport)
        self.columns.setdefault(key, Column(case)).outcomes[case.scene] = outcome

    @property
    def outcomes(self) -> list[Outcome]:
        found = [each for column in self.columns.values() for each in column.outcomes.values()]
        return [*found, self.trust] if self.trust else found

    @property
    def version(self) -> str:
        of_all = ", ".join(self.versions.values())
        return self.versions.get(self.tool.library, of_all)


def table(results: Iterable[Results]) -> str:
    """Return the table for a terminal."""
    lines = []
    for each in results:
        if each.missing:
            lines.append(f"{each.tool.title:32} not played: {each.missing}")
        for (login, transport), column in each.columns.items():
            cells = "  ".join(
                f"{scene} {'ok' if not outcome.problems else 'FAILED'}"
                for scene, outcome in column.outcomes.items()
            )
            name = f"{each.tool.title} {each.version}"
            lines.append(f"{name:32} {login:8} {transport:10} {cells}")
        if each.trust:
            words = ", ".join(each.trust.problems) or " ".join(each.trust.notes)
            lines.append(f"{each.tool.title:32} CA by: {words}")
    return "\n".join(lines)


def document(results: Sequence[Results]) -> str:
    played = [each for each in results if not each.missing]
    sections = [
        _HEAD,
        _covered(played),
        _missing([each for each in results if each.missing]),
        _MEANING,
        _wire([each for each in played if each.columns]),
        _blocked([each for each in played if each.columns]),
        _TRUST,
        _heeded([each for each in played if each.trust]),
        "## Tool by tool\n",
        *(_about(each) for each in played if not each.tool.library),
        _LIBRARIES,
    ]
    return "\n".join(section for section in sections if section).rstrip() + "\n"


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += (f"| {' | '.join(cell or ' ' for cell in row)} |" for row in rows)
    return "\n".join(lines) + "\n"


def _covered(results: Sequence[Results]) -> str:
    def rows() -> Iterator[list[str]]:
        for each in results:
            for (login, transport), column in each.columns.items():
                cells = [
                    _MARKS[not column.outcomes[scene].problems] if scene in column.outcomes else ""
                    for scene in SCENES
                ]
                yield [
                    each.tool.title,
                    each.version,
                    login,
                    transport or _transport(column),
                    *cells,
                ]

    places = sorted({f"{each.place}, {each.day}" for each in results})
    head = ("tool", "version", "login", "transport", *SCENES)
    alone = all(outcome.enclosed for each in results for outcome in each.outcomes)
    network = (
        "in a network namespace that has only a loopback interface"
        if alone
        else "partly on a machine without network namespaces, where only traffic through the proxy can be observed"
    )
    return f"{_rows(head, rows())}\nMeasured with {'; '.join(places)}; {network}.\n"


def _missing(results: Iterable[Results]) -> str:
    rows = [[each.tool.title, "", each.missing] for each in results]
    rows += [[title, what, reason] for title, what, reason in UNCOVERED]
    return "Not tested:\n\n" + _rows(("tool", "what", "why"), rows)


def _content(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the requests that carried a conversation, as the tool sent them."""
    rows = [row for row in outcome.seen if row["kind"] == "request"]
    sockets = [row for row in rows if row["upgrade"] == "websocket"]
    posts = [row for row in rows if row["method"] == "POST" and not row["same"]]
    talks = [row for row in sockets if any(m["kind"] == "message" for m in outcome.seen)]
    return [*talks, *posts]


def _transport(column: Column) -> str:
    seen = {row["version"] for each in column.outcomes.values() for row in _content(each)}
    return ", ".join(sorted(seen))


def _wire(results: Iterable[Results]) -> str:
    def rows() -> Iterator[list[str]]:
        for each in results:
            for (login, transport), column in each.columns.items():
                outcome = column.outcomes.get("redact")
                if outcome is None:
                    continue
                rows = _content(outcome)
                spoken = {(row["version"], _compressed(row), row["accepts"]) for row in rows}
                places = sorted({f"{row['host']}{row['path']}" for row in rows})
                hosts = {place.partition("/")[0] for place in places}
                others = sorted({name.partition(":")[0] for name in outcome.connected} - hosts)
                yield [
                    f"{each.tool.title}, {login}" + (f", {transport}" if transport else ""),
                    ", ".join(f"`{place}`" for place in places),
                    ", ".join(sorted({version for version, _, _ in spoken})),
                    ", ".join(sorted({how for _, how, _ in spoken if how})) or "none",
                    ", ".join(sorted({accepts for _, _, accepts in spoken if accepts})) or "none",
                    ", ".join(others) or "none",
                ]

    head = (
        "tool",
        "conversation",
        "HTTP",
        "request compression",
        "accepted encodings",
        "other hosts",
    )
    return "## On the wire\n\n" + _rows(head, rows()) + "\n" + _WIRE


def _compressed(row: Mapping[str, Any]) -> str:
    if row["upgrade"]:
        return "permessage-deflate" if "permessage-deflate" in row["extensions"] else ""
    return str(row["encoding"])


def _blocked(results: Iterable[Results]) -> str:
    def rows() -> Iterator[list[str]]:
        for each in results:
            for (login, transport), column in each.columns.items():
                if block := column.outcomes.get("block"):
                    measured = [note.partition(": ")[2] for note in block.notes]
                    yield [each.tool.title, login, transport or _transport(column), *measured]

    head = ("tool", "login", "transport", "an error", "secret in the prompt", "secret in a file")
    return _BLOCK + _rows(head, rows())


def _heeded(results: Iterable[Results]) -> str:
    from clients.trust import VARIABLES

    def cells(outcome: Outcome) -> list[str]:
        return [_MARKS[True] if name in outcome.notes else "no" for name in VARIABLES]

    rows = ([each.tool.title, *cells(each.trust)] for each in results if each.trust)
    return _rows(("tool", *(f"`{name}`" for name in VARIABLES)), rows)


def _about(results: Results) -> str:
    tool = results.tool
    names = ", ".join(f"`{name}` {version}" for name, version in results.versions.items())
    lines = [f"### {tool.title}\n", f"{names}. Run as `{_shown(tool)}`", ""]
    if tool.environment:
        shown = ", ".join(f"`{name}={value}`" for name, value in tool.environment.items())
        lines += [
            f"It runs unattended here, and must not update itself, so these variables were set: {shown}.",
            "",
        ]
    lines += [f"* {note}" for note in tool.limits]
    return "\n".join(lines) + "\n"


def _shown(tool: Tool) -> str:
    filled = {name: name.upper() for name in ("prompt", "project", "model")}
    words = [*tool.command, *(word.format(**filled) for word in tool.first)]
    return f"secretgate run -- {' '.join(words)}"


_HEAD = """\
# Tools that were tested

Written by `scripts/clients` from its runs; do not edit. `scripts/clients NAME` tries one tool again.

Each tool is installed from npm or PyPI and run as `secretgate run -- TOOL`, with made-up credentials and without any setting for proxies or certificates.
The provider is a simulation on loopback that speaks the tool's wire formats. Its model is a script: it calls the tool's own tools to read a `.env` and a key file, quotes
their content in its answer, writes it to two files in parallel calls, and runs a command that uses it. Its thinking blocks are signed, and the provider rejects
a request whose history differs from what it sent earlier.
"""

_MEANING = """\
What "yes" means in each column:

* **redact**: there were two conversations; the second resumed the first in a new process and through a new proxy. None of the planted secrets reached any host, in any
  encoding. The written files, the command and the answer contained the real values. The provider never saw a changed history. The tool exited with code 0.
* **restart**: the proxy was stopped and started again between two turns of one conversation, and the conversation continued.
* **block**: first the prompt contained a secret; then the prompt was clean and the model read a file with secrets. No secret was sent. The tool printed secretgate's message as many times as it
  prints any other error of the provider, did not retry, and stayed logged in.
* **audit**: every message in both directions was identical, byte for byte, on both sides of the proxy.
"""

_WIRE = """\
*Other hosts* are hosts that the tool connected to through the proxy for telemetry, updates or login. They were simulated too, and everything sent to them was searched for the planted secrets.
"""

_TRUST = """\
## Which CA variables are used

Each variable was tested on its own, together with `HTTPS_PROXY`. (`secretgate run` sets all of them.) The test also checks that `secretgate doctor` gives the same result for each tool.
"""

_BLOCK = """\
## In block mode

How often the tool prints an error that comes from its provider, and, for a secret in the prompt and in a file: how many of its requests were refused, and its exit code.

"""

_LIBRARIES = """\
### SDKs, LangChain, LiteLLM

The scripts in `tests/clients/agents` use each library as an agent would. The JavaScript SDKs use Node's `fetch`, which reads `HTTPS_PROXY` only if
`NODE_USE_ENV_PROXY` is `1` (Node 22.21, 24.5 and later). `secretgate run` sets it.

If an assistant turn of the Anthropic API contains thinking and tool calls but no text, LiteLLM inserts text of its own. The simulated provider rejects such a changed history, in redact
mode and in audit mode. So in these tests the model always writes some text.
"""
