"""The context rules, and the type of their findings."""

from __future__ import annotations

from typing import Final, NamedTuple

from .model import CONTEXT, ENTROPY, HIGH, LOW, MEDIUM, Rule

LEAD: Final = 120
"""Maximum distance, in bytes, of a name before its value."""
LONGEST: Final = 1024
"""Maximum length of a value, in bytes."""

GENERIC = Rule(
    "generic-api-key",
    "A random value whose name says credential",
    "",
    specificity=CONTEXT,
    confidence=HIGH,
)
PASSWORD = Rule(
    "password-assignment", "A password in an assignment", "", specificity=CONTEXT, confidence=MEDIUM
)
UUID = Rule(
    "generic-uuid-token",
    "A UUID whose name says credential",
    "",
    specificity=CONTEXT,
    confidence=MEDIUM,
)
TOLD = Rule(
    "told-secret", "A secret told in a sentence", "", specificity=CONTEXT, confidence=MEDIUM
)
NEARBY = Rule(
    "random-near-credential",
    "A random value next to a credential word",
    "",
    specificity=ENTROPY,
    confidence=LOW,
)
RULES: Final = (GENERIC, PASSWORD, UUID, TOLD, NEARBY)


class Found(NamedTuple):
    """The span of a secret value, and the rule that found it."""

    rule: Rule
    start: int
    end: int
