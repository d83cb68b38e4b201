"""Builds the policy in force from settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from secretgate.policy import loading, simple
from secretgate.policy.choices import Guardrail, Preset, Secrets
from secretgate.policy.engine import Policy, Scope
from secretgate.policy.rates import Rates
from secretgate.policy.secrets import Secrets as Detection


class Chosen(Protocol):
    """The settings that a policy is built from."""

    @property
    def mode(self) -> str: ...
    @property
    def preset(self) -> Preset: ...
    @property
    def policy(self) -> str: ...
    @property
    def secrets(self) -> Secrets | None: ...
    @property
    def guardrails(self) -> tuple[Guardrail, ...]: ...


def scopes(chosen: Chosen, warn: Callable[[str], None] = lambda _: None) -> list[Scope]:
    """Return the scopes of the settings, rule files last. In mode `audit` nothing is enforced.

    `warn` is told of probable mistakes in rule files. Raises PolicyError.
    """
    found = simple.scopes(
        chosen.mode, chosen.preset, chosen.secrets or Secrets(), chosen.guardrails
    )
    if chosen.policy:
        loaded = loading.read(Path(chosen.policy).expanduser())
        found += loaded.scopes
        for warning in loaded.warnings:
            warn(warning)
    if chosen.mode == "audit":
        found = [replace(scope, enforces=False) for scope in found]
    return found


def needed(chosen: Chosen) -> bool:
    """Return whether the settings ask for more than the mode."""
    plain = chosen.preset == "default" and chosen.secrets in (None, Secrets())
    return not plain or bool(chosen.policy or chosen.guardrails)


def build(
    chosen: Chosen,
    detection: Detection,
    rates: Rates | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Policy | None:
    """Return the policy, or None if the mode alone decides. Raise PolicyError."""
    if not needed(chosen):
        return None
    found = scopes(chosen, warn)
    return Policy(found, detection, rates, digest=loading.digest(found))
