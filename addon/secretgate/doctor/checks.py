"""Derives findings from the tool table and a view of the machine, which is read only through `Machine`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from secretgate.doctor.tools import TOOLS, Reads, Tool
from secretgate.hosts import Hosts
from secretgate.launch.environment import leads_past, listed
from secretgate_ca.bundle import parse
from secretgate_ca.environment import VARIABLES

GOOD, BAD, NOTE = "good", "bad", "note"
_PROXY = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NO_PROXY = ("NO_PROXY", "no_proxy")
_ALONE = "names a file with the CA alone, so hosts that are not covered are not trusted any more"
_KEY_FILES = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE")


@dataclass(frozen=True)
class Finding:
    """One result: its level, what it is about, and how to fix it."""

    level: str
    subject: str
    message: str
    fix: str = ""
    """A command to run, or a line to add somewhere."""

    def json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Machine:
    """Everything that is inspected; tests provide their own."""

    environment: Mapping[str, str] = field(repr=False)
    home: Path
    which: Callable[[str], str | None]
    read: Callable[[Path], bytes | None]
    hosts: Hosts
    root: bytes = field(repr=False)
    """Our CA's certificate as DER; empty if there is none."""
    system_trusts: bool
    """Whether the system's trust store contains our CA."""
    ours: str
    """The URL of a running secretgate; empty if none was found."""
    platform: str
    bundle: str = ""
    """The path of the file with the system's roots and ours."""


def examine(machine: Machine) -> Iterator[Finding]:
    """Yield all findings except those of the self-test."""
    yield from shell(machine)
    for tool in TOOLS:
        if any(machine.which(command) for command in tool.commands):
            yield from examine_tool(tool, machine)


def shell(machine: Machine) -> Iterator[Finding]:
    """Yield findings about what every tool started from this shell inherits."""
    subject = "this shell"
    found = _proxy(machine.environment)
    if not machine.ours:
        fix = "secretgate run -- COMMAND, or for all: secretgate system on"
        yield Finding(BAD, subject, "no secretgate proxy is running", fix)
    if not found:
        fix = f"export HTTPS_PROXY={machine.ours}" if machine.ours else ""
        yield Finding(BAD, subject, "HTTPS_PROXY is not set", fix or "secretgate run -- COMMAND")
    elif not _same(found[1], machine.ours):
        fix = f"export {found[0]}={machine.ours}" if machine.ours else "secretgate run -- COMMAND"
        yield Finding(BAD, subject, f"{found[0]} names a proxy that is not secretgate", fix)
    else:
        yield Finding(GOOD, subject, f"{found[0]} names the secretgate proxy at {machine.ours}")
    for name in _NO_PROXY:
        entries = listed(machine.environment.get(name, ""))
        past = [entry for entry in entries if leads_past(entry, machine.hosts)]
        if past:
            kept = ",".join(entry for entry in entries if entry not in past)
            message = f"{name} makes covered hosts bypass the proxy: {', '.join(past)}"
            yield Finding(BAD, subject, message, f"export {name}={kept}")
    for name in _KEY_FILES:
        if file := machine.environment.get(name):
            message = f"{name} has TLS keys written to {file}: whoever has it and the traffic can read both"
            yield Finding(BAD, subject, message, f"unset {name}")
    if not machine.root:
        yield Finding(BAD, subject, "there is no CA yet", "secretgate-ca init")
    for name in _ours_alone(machine.environment, machine):
        fix = f"export {name}={shlex.quote(machine.bundle or 'BUNDLE')}"
        yield Finding(BAD, subject, f"{name} {_ALONE}", fix)


def examine_tool(tool: Tool, machine: Machine) -> Iterator[Finding]:
    """Yield the findings on one tool, and its notes."""
    findings = list(_tool(tool, machine))
    if not any(finding.level == BAD for finding in findings):
        yield Finding(
            GOOD, tool.name, "nothing makes it bypass the proxy, and it will trust the CA"
        )
    yield from findings
    yield from (Finding(NOTE, tool.name, note) for note in tool.notes)


def _tool(tool: Tool, machine: Machine) -> Iterator[Finding]:
    if tool.reads is Reads.EDITOR:
        yield from _editor(tool, machine)
        return
    if tool.reads is Reads.DAEMON:
        message = "its service has an environment of its own, which cannot be seen from here"
        yield Finding(NOTE, tool.name, message)
        return
    own, file = _own_variables(tool, machine)
    environment = {**machine.environment, **own}
    command = next(c for c in tool.commands if machine.which(c))
    run = f"secretgate run -- {command}"

    def where(name: str) -> str:
        return f"{name} in {file}" if name in own else name

    found = _proxy(environment)
    if not found or not machine.ours or not _same(found[1], machine.ours):
        message = f"{where(found[0])} names another proxy" if found else "no proxy is set for it"
        yield Finding(BAD, tool.name, message, f"edit {file}" if found and found[0] in own else run)
    if tool.reads is Reads.NODE and environment.get("NODE_USE_ENV_PROXY") != "1":
        message = (
            "Node reads HTTPS_PROXY only if NODE_USE_ENV_PROXY is 1 (Node 22.21 or 24.5 and later)"
        )
        yield Finding(BAD, tool.name, message, "export NODE_USE_ENV_PROXY=1")
    for name in _NO_PROXY:
        if name in own and any(leads_past(e, machine.hosts) for e in listed(own[name])):
            yield Finding(
                BAD,
                tool.name,
                f"{where(name)} makes covered hosts bypass the proxy",
                f"edit {file}",
            )
    for name in tool.base_urls:
        if value := environment.get(name):
            fix = f"edit {file}" if name in own else f"unset {name}"
            yield from _base_url(tool, where(name), value, fix, machine)
    for name in _ours_alone(own, machine):
        fix = f"in {file}, {name}: {machine.bundle or 'BUNDLE'}"
        yield Finding(BAD, tool.name, f"{where(name)} {_ALONE}", fix)
    yield from _trust(tool, environment, where, machine, run)


def _base_url(tool: Tool, name: str, value: str, fix: str, machine: Machine) -> Iterator[Finding]:
    """Yield a finding unless the base URL names a covered host or the proxy itself."""
    url = _split(value)
    if machine.ours and _same(f"{url.scheme}://{url.netloc}", machine.ours):
        return
    if url.scheme == "https" and url.hostname and machine.hosts.covers(url.hostname):
        return
    if url.scheme == "https" and url.hostname:
        message = f"{name} points to {url.hostname}, which is not covered"
        yield Finding(BAD, tool.name, message, f"secretgate run --host {url.hostname} -- COMMAND")
    else:
        yield Finding(BAD, tool.name, f"{name} makes it bypass the proxy", fix)


def _trust(
    tool: Tool,
    environment: Mapping[str, str],
    where: Callable[[str], str],
    machine: Machine,
    run: str,
) -> Iterator[Finding]:
    if not machine.root:
        return
    given = [name for name in tool.trust if environment.get(name)]
    if any(_has_root(environment[name], machine) for name in given):
        return
    if given:
        message = f"{where(given[0])} names a file without the CA"
    else:
        unset = f"none of {', '.join(tool.trust)} is set"
        if len(tool.trust) == 1:
            unset = f"{tool.trust[0]} is not set"
        message = f"it will not trust the CA: {unset}"
    fix = f"export {tool.trust[0]}={shlex.quote(machine.bundle or 'BUNDLE')}"
    yield Finding(BAD, tool.name, message, f"{fix}, or: {run}")


def _editor(tool: Tool, machine: Machine) -> Iterator[Finding]:
    settings = _json(machine.read(editor_settings(machine.home, tool.editor, machine.platform)))
    proxy = str(settings.get("http.proxy") or "")
    found = (proxy and ("http.proxy", proxy)) or _proxy(machine.environment)
    fix = "secretgate system on"
    if not found or not machine.ours or not _same(found[1], machine.ours):
        yield Finding(BAD, tool.name, "neither its http.proxy nor HTTPS_PROXY names the proxy", fix)
    if machine.root and not machine.system_trusts:
        yield Finding(
            BAD, tool.name, "the system's store does not have the CA", "secretgate-ca install"
        )
    if tool.editor == "Cursor" and settings.get("cursor.general.disableHttp2") is not True:
        message = "its HTTP/2 connections bypass proxies"
        fix = 'in its settings: "cursor.general.disableHttp2": true'
        yield Finding(BAD, tool.name, message, fix)


def editor_settings(home: Path, name: str, platform: str) -> Path:
    """Return the path of the user settings of an editor of the VS Code family."""
    if platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif platform == "win32":
        folder = home / "AppData" / "Roaming"
    else:
        folder = home / ".config"
    return folder / name / "User" / "settings.json"


def _own_variables(tool: Tool, machine: Machine) -> tuple[dict[str, str], str]:
    """Return variables that the tool's own settings set over the shell's, and the file's name."""
    if not tool.settings:
        return {}, ""
    settings = _json(machine.read(machine.home / tool.settings))
    found = settings.get("env", {})
    own = {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
    return own, f"~/{tool.settings}"


_STRING_OR_COMMENT = re.compile(rb'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING_OR_LAST_COMMA = re.compile(rb'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])', re.DOTALL)


def _json(content: bytes | None) -> dict[str, Any]:
    """Return an object of JSON, in which editors allow comments and a last comma; {} otherwise."""
    text = (content or b"{}").removeprefix(b"\xef\xbb\xbf")
    for pattern in (_STRING_OR_COMMENT, _STRING_OR_LAST_COMMA):
        text = pattern.sub(lambda found: found[0] if found[0][:1] == b'"' else b"", text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _ours_alone(environment: Mapping[str, str], machine: Machine) -> Iterator[str]:
    """Yield the variables whose file replaces a tool's roots, and has none but our CA."""
    for variable in VARIABLES:
        file = "" if variable.adds else environment.get(variable.name, "")
        if file and machine.root:
            certificates = set(parse(machine.read(Path(file)) or b""))
            if certificates == {machine.root}:
                yield variable.name


def _has_root(file: str, machine: Machine) -> bool:
    content = machine.read(Path(file))
    return content is not None and machine.root in parse(content)


def _proxy(environment: Mapping[str, str]) -> tuple[str, str] | None:
    return next(((n, environment[n]) for n in _PROXY if environment.get(n, "").strip()), None)


def _split(url: str) -> SplitResult:
    """Return the parts of a URL, or none of what is not a URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _same(one: str, other: str) -> bool:
    """Return whether two URLs name the same address."""

    def address(url: str) -> tuple[str | None, int | None]:
        parts = _split(url if "://" in url else f"http://{url}")
        host = "127.0.0.1" if parts.hostname in ("localhost", "::1") else parts.hostname
        try:
            return host, parts.port
        except ValueError:
            return host, None

    return bool(one) and bool(other) and address(one) == address(other)


__all__ = ["BAD", "GOOD", "NOTE", "Finding", "Machine", "editor_settings", "examine"]
