"""`scripts/soak --fill N`: the memory of one process after an increasing number of new conversations.

It uses only the redactor, because a proxy would need hours for that many. Caches fill up to their
bounds and stay there.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from secretgate.bodies.json_walk import read_json
from secretgate.demo.planted import Maker
from secretgate.ledger import Ledger
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import Namer, Template
from secretgate.providers import DIALECTS
from secretgate.vault import MemoryVault, Scope
from secretgate_rules import Literals, load_default

_DIALECT = DIALECTS["anthropic"]
_SCOPE = Scope("client", "anthropic", b"account")
_WORDS = ("house", "river", "table", "seven", "chairs", "lamp", "window", "garden")
_SECRETS = 500
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident() -> float:
    """Return the resident memory of this process in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 2**20


def fill(conversations: int, told: Callable[[int, float], None]) -> None:
    """Run the conversations, and call `told` with their number and the memory twenty times."""
    template, none_named = Template(), Literals({})
    namer = Namer(template, os.urandom(32))
    redactor = Redactor(
        load_default(), MemoryVault(), Ledger(None, namer.digest), namer, lambda: none_named
    )
    maker, chance = Maker(3), random.Random(3)
    secrets = [maker.github() for _ in range(_SECRETS)]
    for number in range(conversations + 1):
        said = f"{' '.join(chance.choices(_WORDS, k=30))} {number}"
        if number % 10 == 0:
            said += f" {chance.choice(secrets)}"
        turns = (("user", said), ("assistant", f"noted: {number}"), ("user", f"and {number}?"))
        messages = [{"role": role, "content": text} for role, text in turns]
        raw = json.dumps({"system": "Be brief.", "messages": messages}).encode()
        seen = redactor.seen(_SCOPE, "", _DIALECT.name)
        redactor.inspect(read_json(raw, _DIALECT.request_paths.root, seen), _SCOPE, ())
        if number % max(1, conversations // 20) == 0:
            told(number, resident())
