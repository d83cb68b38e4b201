"""Data types of the detector: rule, finding, part of a finding.

Text is bytes, and all spans are byte offsets, so that callers can splice the text they passed in.
The secret itself is in `value` and excluded from `repr`, so a finding in a log or a traceback
shows where the secret is, but never the secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

HIGH: Final = "high"
MEDIUM: Final = "medium"
LOW: Final = "low"
CONFIDENCES: Final = (HIGH, MEDIUM, LOW)

NAMED: Final = 3
"""Specificity of rules for one issuer's format; wins over the two below if findings overlap."""
CONTEXT: Final = 2
"""Specificity of rules based on the name to which a value is assigned."""
ENTROPY: Final = 1
"""Specificity of rules based only on randomness and a credential word nearby."""


class Layer(NamedTuple):
    """One encoding around a secret: its kind, and the encoded span in the enclosing text."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """A span to be replaced; `start` and `end` are offsets in the original text."""

    start: int
    end: int
    value: bytes = field(repr=False)
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    inner: tuple[int, int] = field(default=(0, 0), repr=False)
    """The span in the text decoded from the innermost layer; unused without layers."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret: the rule that found it, its span, and the parts to replace.

    `view` names the encodings through which the secret was read, outermost first: `()` for plain
    text, `("json",)` if escaped, `("base64", "json")` if escaped inside base64.
    """

    rule: str
    description: str
    start: int
    end: int
    value: bytes = field(repr=False)
    view: tuple[str, ...] = ()
    confidence: str = HIGH
    parts: tuple[Part, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a pack; `docs/writing-rules.md` describes the fields."""

    id: str
    description: str
    pattern: str
    secret: int | str = 0
    keywords: tuple[str, ...] = ()
    entropy: float = 0.0
    flags: str = ""
    validate: str = ""
    multiline: bool = False
    confidence: str = HIGH
    enabled: bool = True
    specificity: int = NAMED
    keywords_anywhere: bool = False
    """Whether keywords may be anywhere in the text, as in gitleaks, not only near the secret."""
    allow: tuple[str, ...] = ()
    """Patterns of values that are not secrets of this rule, as in gitleaks' allowlists."""
    allow_match: tuple[str, ...] = ()
    """The same, applied to the whole match."""
    stopwords: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    reference: str = ""
    origin: str = ""
    """`file:line` of the rule, for error messages."""


class RuleError(ValueError):
    """An unusable rule or rule file; the message is `file:line: reason`."""
