"""All settings as one frozen value.

A setting is a field of `Settings`. Its annotation determines its environment variable
(`SECRETGATE_MODE`), its key in the configuration file (`mode: block`) and its mitmproxy option
(`--set secretgate_mode=block`). `sources.py` reads them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from secretgate import hosts
from secretgate.placeholders import DEFAULT_TEMPLATE, Template
from secretgate.policy.choices import Guardrail, Preset, Secrets

PREFIX = "secretgate_"
EVERYONE = "all"
"""The entry of `clients` that admits machines of every network."""
PORT = "(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_TERABYTE = 1 << 40
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
    """The settings in force. Each field says what it means, in `--options` and in the documentation."""

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
            description="Hosts to cover besides the built-in ones: HOST, HOST=DIALECT or HOST=DIALECT:PROVIDER, separated by commas; in the file a list of these, or of {host, dialect, provider}."
        ),
    ] = ()
    placeholder: Annotated[
        str,
        Meta(
            description="The template of placeholders; holds {id} and may hold {rule}. A change renames the secrets of running conversations, which misses the provider's cache once; what was issued before is still restored."
        ),
    ] = DEFAULT_TEMPLATE
    body_limit: Annotated[
        int,
        Meta(
            ge=1024,
            le=_TERABYTE,
            description="The largest request body that is read, in bytes after decompression.",
        ),
    ] = 128 << 20
    remember: Annotated[
        int,
        Meta(
            ge=60,
            le=10 * 365 * 24 * 3600,
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
            le=_TERABYTE,
            description="The size in bytes at which the audit log begins a new file; 0: never.",
        ),
    ] = 16 << 20
    audit_keep: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="How many older files of the audit log are kept; 0: all.",
        ),
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


HINTS = get_type_hints(Settings, include_extras=True)
_DEFAULTS = msgspec.structs.asdict(Settings())


def _help(name: str, hint: Any) -> str:
    description = next(meta.description or "" for meta in get_args(hint) if isinstance(meta, Meta))
    default = _DEFAULTS[name]
    if default is None or "(default" in description:
        return description
    shown = str(default).lower() if isinstance(default, bool) else default
    return f"{description} Default: {shown if shown != () else 'none'}."


FIELDS: Mapping[str, str] = {name: _help(name, hint) for name, hint in HINTS.items()}
"""Name and help text of each setting."""
_PASSWORD = re.compile(r"(://[^/@]*:).*@")


def without_password(url: str) -> str:
    """Return a URL with its password hidden, for display."""
    return _PASSWORD.sub(r"\1***@", url)
