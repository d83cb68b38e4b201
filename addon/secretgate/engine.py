"""Assembles the components that one set of settings requires."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from secretgate import hosts
from secretgate.bodies import between
from secretgate.hosts import Hosts
from secretgate.ledger import Ledger
from secretgate.outbound.deciding import Requests
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import DEFAULT_TEMPLATE, Issued, Namer, template_of
from secretgate.policy import building
from secretgate.policy.engine import Policy
from secretgate.policy.errors import PolicyError
from secretgate.policy.rates import Rates
from secretgate.policy.requests import Policies
from secretgate.policy.secrets import DetectorSecrets
from secretgate.settings import Settings, SettingsError
from secretgate.state import Places, former_templates, load_key
from secretgate.stores.line import Line
from secretgate.stores.opening import open_store
from secretgate.stores.shared_vault import SharedVault
from secretgate.vault import MemoryVault, Vault
from secretgate_rules import Detector, forget, load_default
from secretgate_rules.known import KnownValues


@dataclass(frozen=True, slots=True)
class Engine:
    """The components created from one set of settings."""

    settings: Settings
    hosts: Hosts
    line: Line
    """The connection to the store that outlives the process and is shared by workers."""
    vault: Vault
    ledger: Ledger
    namer: Namer
    redactor: Redactor
    requests: Requests

    def reload_policy(self, warn: Callable[[str], None]) -> None:
        """Reload the policy and put it in force for new requests.

        `warn` is told of probable mistakes in it. Raises `SettingsError`, in which case the old policy stays in force.
        """
        before = self.requests.policies.policy
        self.requests.policies.policy = _policy(
            self.settings, self.redactor.detector, before.rates if before else None, warn
        )

    def forget(self) -> None:
        """Remove expired data."""
        self.vault.sweep()
        self.redactor.egress.sweep(self.settings.remember)
        forget()
        between.forget()
        # It caches URLs, and so the targets of requests.
        urllib.parse.clear_cache()  # type: ignore[attr-defined]

    @property
    def nothing_issued(self) -> Issued:
        return Issued(self.namer.template, {})


def build(
    settings: Settings,
    places: Places,
    warn: Callable[[str], None],
    before: Engine | None = None,
) -> Engine:
    """Return the engine for `settings`. It takes over what the one before has learned."""
    if settings.preset == "observe" and settings.mode == "redact":
        settings = msgspec.structs.replace(settings, mode="audit")
    key = load_key(places.key)
    former = former_templates(places.templates, settings.placeholder, DEFAULT_TEMPLATE)
    template = template_of(settings.placeholder, *former)
    namer = Namer(template, key)
    table = _hosts(settings)
    if before and _stores(before.settings) == _stores(settings):
        line, ledger, vault = before.line, before.ledger, before.vault
        if isinstance(vault, MemoryVault):
            vault.lifetime = settings.remember
    else:
        line = Line(open_store(settings, places.ledger, namer, warn), warn)
        ledger = Ledger(line, namer.digest)
        vault = _vault(settings, line, key, namer)
    detector = load_default(
        template.spelled,
        rule_files=[Path(each).expanduser() for each in settings.rules],
        enable=settings.enabled_rules,
        disable=settings.disabled_rules,
        entropy=settings.entropy,
        detect_secrets=settings.detect_secrets,
        notice=warn,
    )
    known = _known_values(settings)
    earlier = before.requests.policies.policy if before else None
    policy = _policy(settings, detector, earlier.rates if earlier else None, warn)
    redactor = Redactor(detector, vault, ledger, namer, lambda: known.literals)
    if not line.remote:
        redactor.prepare(learn=settings.mode != "audit")
    requests = Requests(settings, redactor, vault, Issued(template, {}), Policies(policy, vault))
    return Engine(settings, table, line, vault, ledger, namer, redactor, requests)


def _hosts(settings: Settings) -> Hosts:
    """Return the host table with the hosts that the user added, which come first."""
    try:
        added = [hosts.added(row.host, row.provider, row.dialect) for row in settings.hosts]
    except hosts.TableError as error:
        raise SettingsError(f"hosts: {error}") from None
    return Hosts([*added, *hosts.builtin()])


def _known_values(settings: Settings) -> KnownValues:
    known = KnownValues(
        [Path(each) for each in settings.known_files],
        os.environ if settings.known_environment else None,
        settings.known_names,
        settings.known_except,
        Path.cwd() if settings.known_search else None,
    )
    _ = known.literals  # Reads the files, and so finds those that cannot be read.
    if known.problems:
        raise SettingsError(f"known_files: {known.problems[0]}")
    return known


def _policy(
    settings: Settings, detector: Detector, rates: Rates | None, warn: Callable[[str], None]
) -> Policy | None:
    def tell(warning: str) -> None:
        warn(f"policy: {warning}")

    try:
        return building.build(settings, DetectorSecrets(detector), rates, tell)
    except PolicyError as error:
        raise SettingsError(f"policy: {error}") from None


def _stores(settings: Settings) -> tuple[object, ...]:
    """Return the settings with which store and vault are opened; a vault in memory can adapt."""
    lifetime = None if settings.vault == "memory" else settings.remember
    return settings.vault, settings.vault_timeout, lifetime


def _vault(settings: Settings, line: Line, key: bytes, namer: Namer) -> Vault:
    if settings.vault == "memory":
        return MemoryVault(settings.remember)
    return SharedVault(line, key, namer.digest, namer.template, settings.remember)
