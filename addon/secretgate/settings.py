"""All settings, from every source, as one frozen value.

A setting is a field of `Settings`. Its annotation determines its environment variable
(`SECRETGATE_MODE`), its key in the configuration file (`mode: block`) and its mitmproxy option
(`--set secretgate_mode=block`). The option takes precedence over the variable, and the variable
over the file.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Meta

from secretgate import hosts
from secretgate.placeholders import DEFAULT_TEMPLATE, Template
from secretgate.policy.choices import Guardrail, Preset, Secrets
from secretgate.wants import unsuitable
from secretgate_rules import safe_yaml

PREFIX = "secretgate_"
EVERYONE = "all"
"""The entry of `clients` that admits machines of every network."""
PORT = "(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
LOCAL_VAULTS = ("memory", "sqlite")
REMOTE_VAULTS = ("redis", "rediss", "unix")


class SettingsError(ValueError):
    """An invalid setting; the message names the source, the value and the reason."""


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host configured by the user, to be covered besides the built-in ones."""

    host: str
    dialect: str = "generic"
    provider: str = ""

    def __post_init__(self) -> None:
        hosts.check(self.host, self.dialect)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mode: Annotated[
        Literal["redact", "block", "audit"],
        Meta(
            description="What happens to secrets in requests: redact (and restore in the answers), block, or audit (only log)."
        ),
    ] = "redact"
    on_unreadable: Annotated[
        Literal["block", "pass"],
        Meta(description="What happens to a request with content that cannot be read."),
    ] = "block"
    block_status: Annotated[
        Annotated[int, Meta(ge=400, le=599)] | None,
        Meta(
            description="HTTP status of a refusal (default: 403, and 400 to Claude Code and Codex, which show that better)."
        ),
    ] = None
    hosts: Annotated[
        tuple[Host, ...],
        Meta(
            description="Hosts to cover besides the built-in ones: HOST, HOST=DIALECT or HOST=DIALECT:PROVIDER, separated by commas; in the file a list of {host, dialect, provider}."
        ),
    ] = ()
    placeholder: Annotated[
        str, Meta(description="The template of placeholders; holds {id} and may hold {rule}.")
    ] = DEFAULT_TEMPLATE
    body_limit: Annotated[
        int,
        Meta(
            ge=1024,
            description="The largest request body that is read, in bytes after decompression.",
        ),
    ] = 128 << 20
    remember: Annotated[
        int,
        Meta(
            ge=60,
            description="Seconds a secret and a conversation are remembered after their last use.",
        ),
    ] = 24 * 3600
    vault: Annotated[
        str,
        Meta(
            description="Where secrets and conversations are remembered: memory, sqlite (sealed, in the state folder), or the URL of a Redis or Valkey that workers share: redis://, rediss:// or unix://."
        ),
    ] = "memory"
    vault_timeout: Annotated[
        float,
        Meta(gt=0, le=60, description="Seconds that a shared vault may take to answer."),
    ] = 0.5
    health: Annotated[
        str,
        Meta(
            pattern=rf"^$|^\S+:{PORT}$",
            examples=["HOST:PORT"],
            description="HOST:PORT that answers /readyz, /livez and /healthz, for balancers.",
        ),
    ] = ""
    drain: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How many seconds streams may go on after SIGTERM; 0 ends them at once.",
        ),
    ] = 0.0
    drain_notice: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="Seconds between the first unready answer and the end of listening, for balancers to notice.",
        ),
    ] = 0.0
    base_urls: Annotated[
        tuple[str, ...],
        Meta(
            description="Providers served as path prefixes of the proxy's own address: `all`, names such as anthropic and openai, or NAME=[DIALECT+]URL."
        ),
    ] = ()
    mcp_restore: Annotated[
        tuple[str, ...],
        Meta(
            description="MCP servers, as globs of names or hosts, whose tool calls get back the values of placeholders that a model was given."
        ),
    ] = ()
    rules: Annotated[
        tuple[str, ...],
        Meta(description="Your own rule files: our YAML, signatures.yaml or gitleaks.toml."),
    ] = ()
    enabled_rules: Annotated[
        tuple[str, ...],
        Meta(description="Ids of rules that are off by default, such as x509-certificate."),
    ] = ()
    disabled_rules: Annotated[tuple[str, ...], Meta(description="Ids of rules to switch off.")] = ()
    entropy: Annotated[
        bool,
        Meta(
            description="Whether a random value near a word such as `password` counts as a secret by itself."
        ),
    ] = True
    detect_secrets: Annotated[
        bool,
        Meta(
            description="Whether the detect-secrets scanner is used as well (needs the extra `detect-secrets`)."
        ),
    ] = False
    known_environment: Annotated[
        bool,
        Meta(
            description="Whether the values of environment variables with names such as API_KEY or PASSWORD are secret everywhere."
        ),
    ] = True
    known_files: Annotated[
        tuple[str, ...],
        Meta(
            description="Files (.env, JSON, TOML, YAML, INI) whose credentials are secret everywhere too."
        ),
    ] = ()
    known_search: Annotated[
        bool,
        Meta(
            description="Whether to look for such files under the working directory too; of their values, only those that look like credentials count."
        ),
    ] = False
    known_names: Annotated[
        tuple[str, ...],
        Meta(description="More environment variables whose values are secret, as globs."),
    ] = ()
    known_except: Annotated[
        tuple[str, ...],
        Meta(description="Environment variables whose values are not secret, as globs."),
    ] = ()
    clients: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks (10.0.0.0/8, fd00::/8, or `all`) whose machines may use the proxy without a password, if it listens beyond loopback (mitmproxy's proxyauth asks for a password)."
        ),
    ] = ()
    audit_log: Annotated[
        bool,
        Meta(
            description="Whether an audit log is written. It says what was found where, and holds no values."
        ),
    ] = True
    audit_folder: Annotated[
        str, Meta(description="The folder of the audit log (default: `audit` beside the logs).")
    ] = ""
    audit_rotate: Annotated[
        int,
        Meta(
            ge=0,
            description="The size in bytes at which the audit log begins a new file; 0: never.",
        ),
    ] = 16 << 20
    audit_keep: Annotated[
        int, Meta(ge=0, description="How many older files of the audit log are kept; 0: all.")
    ] = 20
    audit_on_error: Annotated[
        Literal["serve", "block"],
        Meta(
            description="What happens to requests while the audit log cannot be written (a full disk): serve (and say so) or block."
        ),
    ] = "serve"
    audit_syslog: Annotated[
        str,
        Meta(
            description="A syslog that gets the audit records too: /dev/log, udp://HOST:PORT or tcp://HOST:PORT."
        ),
    ] = ""
    audit_otlp: Annotated[
        str,
        Meta(
            description="An OpenTelemetry collector that gets the audit records too (needs the extra `otel`): http://HOST:4318."
        ),
    ] = ""
    metrics: Annotated[
        bool,
        Meta(
            description="Whether counters are served for Prometheus at /metrics (needs the extra `metrics`)."
        ),
    ] = False
    preset: Annotated[
        Preset,
        Meta(
            description="A policy that is ready to use: default (the mode, for requests), strict (block; secrets that a model writes are redacted), observe (watch requests and answers), team (redact; values are put back into tool calls alone)."
        ),
    ] = "default"
    policy: Annotated[
        str,
        Meta(description="A rule file, or a folder of rule files: docs/policy.md (default: none)."),
    ] = ""
    secrets: Annotated[
        Secrets | None,
        Meta(
            description="What happens to secrets (redact, block, audit, allow): an action, or in the file {action, hosts, rules, answers, restore, text} (default: the mode)."
        ),
    ] = None
    guardrails: Annotated[
        tuple[Guardrail, ...],
        Meta(
            description="Guardrails, in the file a list of {name, operation, hooks, priority, enforcement, text, ...}: docs/policy.md."
        ),
    ] = ()
    log_format: Annotated[
        Literal["text", "json"], Meta(description="How log lines are written.")
    ] = "text"

    def __post_init__(self) -> None:
        Template(self.placeholder)
        for network in self.clients:
            if network != EVERYONE:
                ipaddress.ip_network(network, strict=False)
        if self.vault not in LOCAL_VAULTS and urlsplit(self.vault).scheme not in REMOTE_VAULTS:
            raise ValueError(
                f"must be {', '.join(LOCAL_VAULTS)}, or begin with one of: "
                f"{', '.join(f'{each}://' for each in REMOTE_VAULTS)}"
            )


_STRUCTURED = ("secrets", "guardrails")
"""Settings that may be given as a line of YAML too, as plain text cannot express them."""
_HINTS = get_type_hints(Settings, include_extras=True)
_DEFAULTS = msgspec.structs.asdict(Settings())


def _help(name: str, hint: Any) -> str:
    description = next(meta.description or "" for meta in get_args(hint) if isinstance(meta, Meta))
    default = _DEFAULTS[name]
    if default is None or "(default" in description:
        return description
    shown = str(default).lower() if isinstance(default, bool) else default
    return f"{description} Default: {shown if shown != () else 'none'}."


FIELDS: Mapping[str, str] = {name: _help(name, hint) for name, hint in _HINTS.items()}
"""Name and help text of each setting."""


def load(
    options: Mapping[str, str],
    file: Path | None,
    explicit_file: bool = False,
    environment: Mapping[str, str] = os.environ,
    spelled: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """Return the effective settings. `options` are those given to mitmproxy, by setting name.

    `spelled` maps a name to the option as the user wrote it, if that is not mitmproxy's `--set`.
    """
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for name, value in _from_file(file, explicit_file).items():
        values[name], places[name] = value, f"{file}: {name}"
    for name in FIELDS:
        variable = _variable(name)
        if environment.get(variable):
            values[name], places[name] = _from_text(name, environment[variable]), variable
        if options.get(name):
            values[name] = _from_text(name, options[name])
            places[name] = spelled.get(name, f"--set {PREFIX}{name}")
    if isinstance(values.get("secrets"), str):
        values["secrets"] = {"action": values["secrets"]}
    for name, value in values.items():
        if name not in FIELDS:
            raise SettingsError(f"{places[name]}: there is no such setting; {_meant(name)}")
        try:
            checked = {name: value}
            msgspec.convert(checked, Settings, strict=False)
        except (msgspec.ValidationError, ValueError) as error:
            reason = unsuitable(_HINTS[name], value, error)
            raise SettingsError(f"{places[name]}: {reason}") from None
    return msgspec.convert(values, Settings, strict=False)


def _variable(name: str) -> str:
    return f"SECRETGATE_{name.upper()}"


def misspelt(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that look like a setting's but are none, and what was probably meant."""
    variables = [_variable(name) for name in FIELDS]
    for name in environment:
        if name.startswith("SECRETGATE_") and name not in variables:
            for near in difflib.get_close_matches(name, variables, n=1, cutoff=0.9):
                yield name, near


def without_password(url: str) -> str:
    """Return a URL with its password hidden, for display."""
    return _PASSWORD.sub(r"\1***@", url)


_PASSWORD = re.compile(r"(://[^/@]*:).*@")


def _meant(name: str) -> str:
    near = difflib.get_close_matches(name, FIELDS, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(FIELDS)}"


def _from_file(file: Path | None, explicit: bool) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        if explicit:
            raise SettingsError(f"{file}: there is no such file") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read ({error})") from None
    try:
        values = safe_yaml.load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", "") or "invalid YAML"
        raise SettingsError(f"{file}{line}: {problem}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{file}: must hold `setting: value` lines")
    if odd := [name for name in values if not isinstance(name, str)]:
        raise SettingsError(f"{file}: {odd[0]!r} is not the name of a setting")
    return dict(_flat(values))


def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Flatten groups: `audit: {on_error: block}` is the same as `audit_on_error: block`."""
    for name, value in values.items():
        members = value.items() if isinstance(value, dict) and name not in FIELDS else ()
        grouped = [(f"{name}_{member}", each) for member, each in members]
        if grouped and all(each in FIELDS for each, _ in grouped):
            yield from grouped
        else:
            yield name, value


def _from_text(name: str, text: str) -> Any:
    hint = get_args(_HINTS[name])[0]
    if name in _STRUCTURED and text.lstrip()[:1] in ("{", "["):
        try:
            return safe_yaml.load(text)
        except yaml.YAMLError:
            return text
    if getattr(hint, "__origin__", None) is not tuple:
        return text
    items = [item.strip() for item in text.split(",") if item.strip()]
    if name != "hosts":
        return items
    pairs = (item.partition("=") for item in items)
    rows = ((host, *named.partition(":")[::2]) for host, _, named in pairs)
    return [{"host": h, "dialect": dialect or "generic", "provider": p} for h, dialect, p in rows]
