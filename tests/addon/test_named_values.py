"""Values named by the user (environment, files): secret from the start and in all encodings."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from test_redaction_spellings import VIEWS

from addon.kit import Bench, body, contents, random_text
from secretgate.ledger import Ledger
from secretgate.vault import Scope
from secretgate_rules import Literals


@pytest.mark.parametrize("view", VIEWS)
def test_a_value_that_was_named_is_secret_from_the_start(view: str) -> None:
    value = random_text("from a file", 20)
    bench = Bench(named={value.encode(): "known-value"})
    found = bench.redact(body(f"x {VIEWS[view](value)} y"))
    assert value not in contents(found.raw)[0]
    assert list(found.issued.values.values()) == [value.encode()]


def test_a_value_that_was_named_stays_with_this_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker reads the values that its user named; no store receives them."""
    value = random_text("named", 20)
    bench = Bench(named={value.encode(): "known-value"})
    shared: list[bool] = []
    learn = bench.vault.learn

    def told(scope: Scope, values: Mapping[bytes, str], share: bool = True) -> Literals:
        if values:
            shared.append(share)
        return learn(scope, values, share)

    monkeypatch.setattr(bench.vault, "learn", told)
    assert value.encode() not in bench.redact(body(f"it is {value}")).raw
    assert shared == [False]


def test_no_request_waits_for_the_names_of_what_is_secret_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = random_text("named", 20)
    bench = Bench(named={value.encode(): "known-value"})
    bench.redactor.prepare(learn=True)
    monkeypatch.delattr(Ledger, "names")
    assert value.encode() not in bench.redact(body(f"it is {value}")).raw


def test_what_was_named_once_and_sent_stays_secret_when_it_is_named_no_more() -> None:
    """The history must read as it did before the value was removed from its file."""
    sent, other = random_text("sent", 20), random_text("never sent", 20)
    bench = Bench(named={value.encode(): "known-value" for value in (sent, other)})
    raw = body(f"it is {sent}")
    before = bench.redact(raw)
    assert sent.encode() not in before.raw
    bench.always = Literals({})
    assert bench.redact(raw).raw == before.raw
    assert bench.redact(body(other)).issued.values == {}
