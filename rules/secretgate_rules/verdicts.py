"""What going by the surroundings can say of a value: the rules, and a value found by one."""

from __future__ import annotations

from typing import Final, NamedTuple

from .model import CONTEXT, ENTROPY, HIGH, LOW, MEDIUM, Rule

LEAD: Final = 120
"""How far before a value its name is looked for."""
LONGEST: Final = 1024
"""The longest value of an assignment."""

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
    """A value and the rule that says it is a secret."""

    rule: Rule
    start: int
    end: int
