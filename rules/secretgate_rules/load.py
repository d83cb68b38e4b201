"""From the packs and a user's own rules to a detector."""

from __future__ import annotations

import re

from .engine import Detector
from .rulefile import load_file, pack_files, unique


def load_default(barrier: re.Pattern[bytes] | None = None) -> Detector:
    """The detector with the rules that come with the package."""
    rules = unique(rule for path in pack_files() for rule in load_file(path))
    return Detector([rule for rule in rules if rule.enabled], barrier)
