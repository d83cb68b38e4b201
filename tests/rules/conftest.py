"""The default detector, built once, and fake secrets."""

from __future__ import annotations

import random
import re
import string

import pytest

from harness import effort
from secretgate_rules import Detector, load_default, rulefile

PLACEHOLDER = re.compile(rb"REDACTED<[a-z0-9-]{1,64}:[0-9a-f]{12}>")


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_default(PLACEHOLDER)


@pytest.fixture
def few_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer packs, for tests that build a detector, which is slow; thorough runs use all packs."""
    if not effort.THOROUGH:
        few = [pack for pack in rulefile.pack_files() if pack.stem in ("vcs", "packages")]
        monkeypatch.setattr(rulefile, "pack_files", lambda: few)


def made_up(length: int, seed: int, chars: str = string.ascii_letters + string.digits) -> bytes:
    source = random.Random(seed)
    return "".join(source.choice(chars) for _ in range(length)).encode()


def github_token(seed: int = 1) -> bytes:
    return b"ghp_" + made_up(36, seed)
