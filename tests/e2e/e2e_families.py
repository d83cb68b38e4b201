"""The families of the wire-format tests, for the end-to-end tests beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "addon"))

from wire_families import FAMILIES, Family

__all__ = ["FAMILIES", "Family"]
