"""The default detector, built once, and fake secrets."""

from __future__ import annotations

import hashlib
import random
import re
import string

import pytest

from harness import effort
from secretgate_rules import Detector, Finding, Part, load_default, rulefile

PLACEHOLDER = re.compile(rb"REDACTED<[a-z0-9-]{1,64}:[0-9a-f]{12}>")


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_default(PLACEHOLDER)


@pytest.fixture
def few_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer packs, for tests that build a detector, which is slow; thorough runs use all packs."""
    if not effort.THOROUGH:
        few = [
            pack for pack in rulefile.pack_files() if pack.stem in ("vcs", "packages", "prefixes")
        ]
        monkeypatch.setattr(rulefile, "pack_files", lambda: few)


def made_up(length: int, seed: int, chars: str = string.ascii_letters + string.digits) -> bytes:
    source = random.Random(seed)
    return "".join(source.choice(chars) for _ in range(length)).encode()


def github_token(seed: int = 1) -> bytes:
    return b"ghp_" + made_up(36, seed)


SECRETS = [
    github_token(1),
    b"AKIA" + made_up(16, 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    b"sk-ant-api03-" + made_up(93, 3) + b"AA",
    b"glpat-" + made_up(20, 4),
]


def named(finding: Finding, part: Part) -> bytes:
    """Return a placeholder, the same in every process."""
    digest = hashlib.sha256(part.value).hexdigest()[:12]
    return f"REDACTED<{finding.rule}:{digest}>".encode()
