"""Tokens before the `@` of a URL: found whatever their format, and called after their issuer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector
from secretgate_rules.model import HIGH, NAMED
from secretgate_rules.rulefile import load_file, pack_files

HEX = "0123456789abcdef"
PLACES = (
    b"git clone https://%b@git.acme.io/x.git\n",
    b"https://%b:@api.acme.io/v1",
    b"url = https://oauth2:%b@git.acme.io/x.git\n",
    b"https://x-access-token:%b@git.acme.io/x",
    b"git+https://%b@git.acme.io/x.git@v1#egg=x",
)


def distinctive(detector: Detector) -> Iterator[tuple[str, bytes]]:
    """Yield the id and a token of each rule that knows its tokens wherever they stand."""
    for path in pack_files():
        for rule in load_file(path, trusted=True):
            if rule.keywords or rule.confidence != HIGH or rule.specificity != NAMED:
                continue
            found = detector.find(rule.examples[0].encode())
            values = [finding.value for finding in found if finding.rule == rule.id]
            if rule.multiline or not values or values[0].translate(None, b" \n") != values[0]:
                continue
            if [f.rule for f in detector.find(b"x " + values[0] + b" y")] == [rule.id]:
                yield rule.id, values[0]


def test_tokens_are_called_after_their_issuer(detector: Detector) -> None:
    known = [*distinctive(detector)]
    assert len(known) > 350
    for place in PLACES:
        assert not [rule for rule, token in known if rule not in _rules(detector, place % token)]


def _rules(detector: Detector, text: bytes) -> set[str]:
    return {finding.rule for finding in detector.find(text)}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "token",
    [made_up(40, 1, HEX), made_up(24, 2), made_up(20, 3) + b"." + made_up(24, 4), b"7|" + made_up(40, 5)],
    ids=["hex", "short", "dotted", "numbered"],
)  # fmt: skip
def test_tokens_of_any_format_are_found(place: bytes, token: bytes, detector: Detector) -> None:
    assert [finding.value for finding in detector.find(place % token)] == [token]
