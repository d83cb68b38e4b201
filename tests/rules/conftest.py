"""The default detector, made once, and made-up secrets."""

from __future__ import annotations

import random
import re
import string

import pytest

from secretgate_rules import Detector, load_default

PLACEHOLDER = re.compile(rb"REDACTED<[a-z0-9-]{1,64}:[0-9a-f]{12}>")


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_default(PLACEHOLDER)


def made_up(length: int, seed: int, chars: str = string.ascii_letters + string.digits) -> bytes:
    source = random.Random(seed)
    return "".join(source.choice(chars) for _ in range(length)).encode()


def github_token(seed: int = 1) -> bytes:
    return b"ghp_" + made_up(36, seed)
