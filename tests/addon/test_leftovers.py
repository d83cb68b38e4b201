"""Placeholders that clients receive as they are: whatever still looks like one is counted."""

from __future__ import annotations

from addon.kit import Bench
from secretgate.inbound.leftovers import Leftovers
from secretgate.placeholders import Issued

BENCH = Bench()
NAMES = [BENCH.namer.name(rule, rule.encode()) for rule in ("generic-api-key", "aws-access-token")]
PLAIN = [name.lower() for name in NAMES]


def left(text: bytes) -> frozenset[bytes]:
    issued = Issued(BENCH.template, dict.fromkeys(NAMES, b"value"))
    leftovers = Leftovers()
    leftovers.see(text, issued)
    return leftovers.taken(issued).not_restored


def test_what_looks_like_a_placeholder() -> None:
    other = BENCH.namer.name("other", b"not issued")
    assert left(b"see %b and %b" % (other, NAMES[0].upper())) == {other.lower(), PLAIN[0]}
    assert left(b"see nothing") == set()


def test_what_was_misspelled_is_known_by_its_id() -> None:
    first, second = (name[-13:-1] for name in NAMES)
    assert left(b"REDACTED(%b)" % first) == {PLAIN[0]}
    assert left(b"%b and ff%bff" % (first.upper(), second)) == {*PLAIN}
    assert left(b"0123456789ab " + first[:-1] + b"g") == set()
