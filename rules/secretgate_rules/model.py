"""The values the detector speaks in: a rule, a finding, a part of a finding.

Text is bytes and every span is a byte offset, so that a caller can splice what it was given. The
secret itself is held in `value` and hidden from `repr`: a finding that lands in a log or a
traceback tells where something is, never what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

HIGH: Final = "high"
MEDIUM: Final = "medium"
LOW: Final = "low"
CONFIDENCES: Final = (HIGH, MEDIUM, LOW)

NAMED: Final = 3
"""Specificity of a rule for one issuer's format; wins over the two below where findings overlap."""
CONTEXT: Final = 2
"""Specificity of a rule that goes by the name a value is assigned to."""
ENTROPY: Final = 1
"""Specificity of a rule that goes by a credential word nearby and randomness alone."""


class Layer(NamedTuple):
    """One encoding around a secret: which, and the span it covers in the text outside of it."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch to be replaced. `start` and `end` are in the text as it stood."""

    start: int
    end: int
    value: bytes = field(repr=False)
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    inner: tuple[int, int] = field(default=(0, 0), repr=False)
    """The span inside the innermost layer; unused where there is no layer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret: which rule says so, where it is, and the parts that have to be replaced.

    `view` names the encodings the secret was read through, outermost first: `()` as it stands,
    `("json",)` escaped, `("base64", "json")` escaped inside base64.
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
    """A row of a pack. `docs/writing-rules.md` explains the fields to those who write them."""

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
    """The keywords may stand anywhere in the text, as in gitleaks, not only near the secret."""
    allow: tuple[str, ...] = ()
    """Patterns of values that are no secret of this rule, as gitleaks' allowlists have them."""
    allow_match: tuple[str, ...] = ()
    """The same for the whole match."""
    stopwords: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    reference: str = ""
    origin: str = ""
    """`file:line` of the rule, for error messages."""


class RuleError(ValueError):
    """A rule or rule file that cannot be used: `file:line: reason`."""
