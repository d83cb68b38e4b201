"""From settings to the policy in force."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from secretgate.policy import loading, simple
from secretgate.policy.choices import Guardrail, Preset, Secrets
from secretgate.policy.engine import Policy, Scope
from secretgate.policy.rates import Rates
from secretgate.policy.secrets import Secrets as Detection


class Chosen(Protocol):
    """The settings that a policy is made of."""

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


def scopes(chosen: Chosen) -> list[Scope]:
    """What is chosen as scopes, rule files last; raises PolicyError. In mode `audit` nothing is enforced."""
    found = simple.scopes(
        chosen.mode, chosen.preset, chosen.secrets or Secrets(), chosen.guardrails
    )
    if chosen.policy:
        found += loading.read(Path(chosen.policy).expanduser()).scopes
    if chosen.mode == "audit":
        found = [replace(scope, enforces=False) for scope in found]
    return found


def needed(chosen: Chosen) -> bool:
    """Whether there is more to it than the mode."""
    plain = chosen.preset == "default" and chosen.secrets in (None, Secrets())
    return not plain or bool(chosen.policy or chosen.guardrails)


def build(chosen: Chosen, detection: Detection, rates: Rates | None = None) -> Policy | None:
    """The policy, or None where the mode says everything; raises PolicyError."""
    if not needed(chosen):
        return None
    found = scopes(chosen)
    return Policy(found, detection, rates, digest=loading.digest(found))
