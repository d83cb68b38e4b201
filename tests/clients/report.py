"""The results as a table for terminals and as `docs/clients.md`; all figures come from the runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.matrix import Outcome
from clients.scenes import Case
from clients.tools import UNCOVERED, Tool

SCENES = ("redact", "restart", "block", "audit")
_MARKS = {True: "yes", False: "**no**"}


@dataclass
class Column:
    """A tool with one log-in over one transport."""

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
    head = ("tool", "version", "log-in", "transport", *SCENES)
    alone = all(outcome.enclosed for each in results for outcome in each.outcomes)
    network = (
        "in a network namespace with a loopback interface and nothing else"
        if alone
        else "partly on a machine without network namespaces, where only what went through the proxy was seen"
    )
    return f"{_rows(head, rows())}\n*Played on*: {'; '.join(places)}; {network}.\n"


def _missing(results: Iterable[Results]) -> str:
    rows = [[each.tool.title, "", each.missing] for each in results]
    rows += [[title, what, reason] for title, what, reason in UNCOVERED]
    return "Not covered:\n\n" + _rows(("tool", "what of it", "why"), rows)


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

    head = ("tool", "conversation", "HTTP", "compressed", "accepts", "other hosts asked for")
    return "## On the wire\n\n" + _rows(head, rows()) + "\n" + _WIRE


def _compressed(row: Mapping[str, Any]) -> str:
    if row["upgrade"]:
        return "permessage-deflate" if "permessage-deflate" in row["extensions"] else ""
    return str(row["encoding"])


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
            f"To run without a person, and to stay as it was installed, it was given {shown}.",
            "",
        ]
    for column in results.columns.values():
        if block := column.outcomes.get("block"):
            lines.append(
                f"* Block mode, {column.case.login.name} {column.case.transport}".rstrip()
                + f": {'; '.join(block.notes)}."
            )
    lines += [f"* {note}" for note in tool.limits]
    return "\n".join(lines) + "\n"


def _shown(tool: Tool) -> str:
    filled = {name: name.upper() for name in ("prompt", "project", "model")}
    words = [*tool.command, *(word.format(**filled) for word in tool.first)]
    return f"secretgate run -- {' '.join(words)}"


_HEAD = """\
# Tools that were tested

Written by `scripts/clients` from its runs; do not edit. `scripts/clients NAME` tries one tool again.

Each tool is installed from npm or PyPI and run as `secretgate run -- TOOL`. A provider on loopback speaks its formats. There
is no account: the tool gets a made-up login, and no settings for proxies or certificates. The model is a script. With the tool's own tools it reads a `.env` and a key file, repeats what it read, writes it to two files in
parallel calls, and runs a command with it. It thinks in signed blocks. The provider refuses any history that differs from what it wrote.
"""

_MEANING = """\
* **redact**: two conversations. The second one resumes the first, in a new process behind a new proxy. No planted value reached any host in any
  encoding. The files, the command and the answer held the real values. The provider never found a changed history. The tool ended with 0.
* **restart**: one conversation; the proxy was stopped and started again between two turns.
* **block**: a prompt with a secret, then a clean prompt and a file with secrets. Nothing left. The tool showed our message as often as it shows any error of its provider. It
  did not try again, and stayed logged in.
* **audit**: every message in both directions was the same on both sides of the proxy, byte for byte.
"""

_WIRE = """\
*Other hosts* are those that the tool asked for through the proxy: telemetry, updates, login services. They were played here too, and what they got was searched for the planted values.
"""

_TRUST = """\
## Which CA variables are used

Each variable was tried alone, with `HTTPS_PROXY`. (`secretgate run` sets all of them.) The run also checks that `secretgate doctor` says the same about each tool.
"""

_LIBRARIES = """\
### SDKs, LangChain, LiteLLM

Scripts in `tests/clients/agents` do with each library what an agent does. The JavaScript SDKs use Node's `fetch`, which reads `HTTPS_PROXY` only if
`NODE_USE_ENV_PROXY` is `1` (Node 22.21, 24.5 and later). `secretgate run` sets it.

If a turn of Anthropic's has thinking and calls but no text, LiteLLM adds words of its own to it. The provider here refuses such a history, in redact and in
audit mode alike. So in these runs the model always says something.
"""
