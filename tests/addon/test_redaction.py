"""Promises 1 to 5 at byte level: what leaves, and how it reads in later turns."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.kit import SCOPE, Bench, body, contents, message, pem, random_text, token
from secretgate.inbound.restoration import Depth, restore
from secretgate.outbound.egress import forms
from secretgate.outbound.inspection import Leak
from secretgate.providers import DIALECTS
from secretgate.vault import Scope


def test_a_body_without_findings_is_the_same_object() -> None:
    raw = body("nothing here", "tok_ short")
    found = Bench().redact(raw)
    assert found.raw is raw
    assert found.spots == []


def test_a_secret_becomes_its_placeholder_and_nothing_else_changes() -> None:
    bench = Bench()
    secret = token(1)
    raw = b'{ "model":"m",\r\n "b":1E400, "x":"\\u003d\\ud800", "x":"\\/",' + (
        b'"messages":[{"content":"say \\"%s\\" \\u00e9","role":"user"}] }\n' % secret.encode()
    )
    assert bench.redact(raw).raw == raw.replace(secret.encode(), bench.name(secret).encode())


@pytest.mark.parametrize("mark", ["secretgate:allow", "pragma: allowlist secret", "gitleaks:allow"])
def test_a_mark_that_scan_heeds_means_nothing_in_traffic(mark: str) -> None:
    secret = token(1)
    assert secret.encode() not in Bench().redact(body(f"{secret}  # {mark}")).raw


def test_every_place_of_a_request_is_read() -> None:
    bench = Bench()
    secrets = [token(at) for at in range(9)]
    raw = json.dumps(
        {
            "system": [{"type": "text", "text": secrets[0]}],
            "tools": [
                {"name": "t", "description": secrets[1], "input_schema": {"enum": [secrets[2]]}}
            ],
            "stop_sequences": [secrets[3]],
            "messages": [
                message([{"type": "tool_result", "tool_use_id": "toolu_1", "content": secrets[4]}]),
                message(
                    [{"type": "tool_use", "id": "toolu_1", "input": {"signature": secrets[5]}}],
                    "assistant",
                ),
                message([{"type": "never_heard_of", "inside": [[{"deep": secrets[6]}]]}]),
                message([{"type": "tool_use", "input": {secrets[7]: 1}}], "assistant"),
                message(secrets[8], "system"),
            ],
        }
    ).encode()
    found = bench.redact(raw)
    assert [secret for secret in secrets if secret.encode() in found.raw] == []
    assert {spot.path for spot in found.spots} >= {
        "system[0].text",
        "messages[0].content[0].content",
    }


OPAQUE = [
    (
        "messages",
        [
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "X", "signature": "X"}],
            }
        ],
    ),
    ("messages", [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "X"}]}]),
    ("messages", [{"role": "assistant", "content": [{"type": "tool_use", "id": "X"}]}]),
    ("metadata", {"user_id": "X"}),
    ("mcp_servers", [{"type": "url", "authorization_token": "X"}]),
]


@pytest.mark.parametrize(("name", "value"), OPAQUE, ids=lambda case: json.dumps(case)[:60])
def test_an_opaque_field_is_never_edited(name: str, value: Any) -> None:
    raw = json.dumps({name: value}).replace('"X"', f'"{token(3)}"').encode()
    assert Bench().redact(raw).raw is raw


def test_a_known_secret_in_an_opaque_field_blocks() -> None:
    """It cannot be edited there, but must not leave."""
    raw = json.dumps(
        {
            "messages": [
                message(token(3)),
                message([{"type": "thinking", "thinking": token(3)}], "assistant"),
            ]
        }
    ).encode()
    with pytest.raises(Leak) as leak:
        Bench().redact(raw)
    assert token(3) not in str(leak.value)


def test_the_requests_own_credential_is_no_leak() -> None:
    raw = body(f"why does {token(4)} not work?")
    bench = Bench()
    assert bench.redact(raw, exempt=(token(4).encode(),)).raw is raw
    assert bench.redact(raw).raw != raw


def test_a_credential_field_may_hold_what_is_redacted_elsewhere() -> None:
    raw = json.dumps(
        {"messages": [message(token(5))], "mcp_servers": [{"authorization_token": token(5)}]}
    ).encode()
    found = Bench().redact(raw)
    assert json.loads(found.raw)["mcp_servers"][0]["authorization_token"] == token(5)
    assert found.raw.count(token(5).encode()) == 1


def test_what_was_found_once_is_secret_everywhere_after() -> None:
    bench = Bench()
    value = random_text("sticky", 20)
    assert value in contents(bench.redact(body(f"my {value}")).raw)[0]
    assert value not in bench.redact(body(f"password={value}", f"my {value}")).raw.decode()
    assert value not in bench.redact(body(f"and {value} alone")).raw.decode()


@pytest.mark.parametrize(
    "other",
    [Scope("someone else", *SCOPE[1:]), SCOPE._replace(provider="p"), SCOPE._replace(account=b"b")],
)
def test_nothing_is_known_in_another_scope(other: Scope) -> None:
    bench = Bench()
    value = random_text("scoped", 20)
    bench.redact(body(f"password={value}"))
    raw = body(f"and {value} alone")
    assert bench.redact(raw, scope=other).raw is raw


def test_the_first_name_stays() -> None:
    bench = Bench()
    secret = token(7)
    first = contents(bench.redact(body(f"password={secret}")).raw)[0]
    again = contents(bench.redact(body(f"it is {secret}")).raw)[0]
    assert first.removeprefix("password=") == again.removeprefix("it is ")


@pytest.mark.parametrize("prefix", ["", "+", "    ", "> "])
def test_a_key_of_several_lines_gets_a_placeholder_a_line(prefix: str) -> None:
    bench = Bench()
    key = pem(1)
    bench.redact(body(key))
    text = "\n".join(prefix + line for line in key.splitlines())
    found = bench.redact(body(text))
    seen = contents(found.raw)[0]
    lines = key.splitlines()
    assert [line for line in lines[1:-1] if line in seen] == []
    assert seen.count("REDACTED<") == len(lines) - 2
    assert seen.splitlines()[0] == prefix + lines[0]
    assert restore(seen.encode(), found.issued, Depth.PLAIN).decode() == text


def test_a_single_line_of_a_key_is_known_too() -> None:
    bench = Bench()
    line = pem(2).splitlines()[1]
    bench.redact(body(pem(2)))
    assert line not in bench.redact(body(f"error: bad line {line!r}")).raw.decode()


words = st.sampled_from(
    [
        "a ",
        "\n",
        "\t",
        "é",
        '"',
        "\\",
        "password=",
        "Bearer ",
        "{",
        "}",
        "%20",
        ",",
        *(token(at) for at in range(4)),
        random_text("word", 20),
        pem(3),
        f"password={random_text('assigned', 20)}",
        quote(f"a/{token(1)}"),
        base64.b64encode(f"here is {token(2)} for you".encode()).decode(),
        json.dumps(f'"{token(0)}"'),
    ]
)
texts = st.lists(words, max_size=8).map("".join)


BLOCK = "a_kind_of_block_with_a_LONG_name_4"


@pytest.mark.parametrize("blocks", [1, 2, 20])
def test_a_key_over_several_strings_does_not_leave(blocks: int) -> None:
    """In a list of its lines, or in consecutive blocks of text."""
    bench, lines = Bench(), pem(3, 18).splitlines()
    size = -(-len(lines) // blocks)
    texts = ["\n".join(lines[at : at + size]) for at in range(0, len(lines), size)]
    turn = [{"type": BLOCK, "text": text} for text in texts]
    first = bench.redact(body(turn))
    assert not any(line.encode() in first.raw for line in lines[1:-2])
    (seen,) = contents(first.raw)
    assert [block["type"] for block in seen] == [BLOCK] * len(texts)
    restored = [restore(block["text"].encode(), first.issued, Depth.PLAIN) for block in seen]
    assert [text.decode() for text in restored] == texts
    assert contents(bench.redact(body(turn, f"it says {lines[4]}")).raw)[0] == seen


def test_what_stands_between_two_markers_is_no_key() -> None:
    raw = body(["-----BEGIN PRIVATE KEY-----", "and then", BLOCK, "-----END PRIVATE KEY-----"])
    assert Bench().redact(raw).raw is raw
    raw = body(pem(1).splitlines()[:-1])
    assert Bench().redact(raw).raw is raw


@given(st.lists(texts, min_size=1, max_size=5))
def test_restoring_and_redacting_again_gives_what_the_provider_saw(turns: list[str]) -> None:
    """Promise 4: restoring what the provider saw and redacting it again gives the same text."""
    bench = Bench()
    first = bench.redact(body(*turns))
    seen = contents(first.raw)
    restored = [restore(text.encode(), first.issued, Depth.PLAIN).decode() for text in seen]
    assert restored == turns
    assert contents(bench.redact(body(*restored)).raw) == seen


@given(st.lists(texts, min_size=2, max_size=6))
def test_a_turn_is_the_beginning_of_the_next(turns: list[str]) -> None:
    """Promise 5, also across a restart that keeps only the key and the ledger."""
    bench = Bench()
    bench.redact(body(*turns))
    whole = contents(bench.redact(body(*turns)).raw)
    for count in range(1, len(turns)):
        restarted = Bench(ledger=bench.ledger)
        restarted.redact(body(*turns))
        assert contents(restarted.redact(body(*turns[:count])).raw) == whole[:count]


@given(st.lists(texts, min_size=1, max_size=4))
def test_no_form_of_a_found_secret_leaves(turns: list[str]) -> None:
    """Promise 1."""
    found = Bench().redact(body(*turns))
    for value in found.secrets:
        if len(value) >= 12:
            assert [form for form in forms(value) if form in found.raw] == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_lets_a_prompt_pass(dialect: str) -> None:
    found = Bench().redact(
        json.dumps(
            {
                "messages": [message(token(9))],
                "input": token(9),
                "contents": [{"parts": [{"text": token(9)}]}],
            }
        ).encode(),
        DIALECTS[dialect],
    )
    assert token(9).encode() not in found.raw


def test_a_history_of_another_account_decides_nothing() -> None:
    """A value that is secret for one account is not for another, even in identical bytes."""
    bench = Bench()
    other = SCOPE._replace(account=b"another account")
    word = random_text("common", 20)
    bench.vault.learn(SCOPE, {word.encode(): "test-assigned"})
    raw = body(*(f"{word} and so on {number} {'x' * 400}" for number in range(12)))
    for _ in range(2):
        assert word.encode() not in bench.redact(raw).raw
        assert bench.redact(raw, scope=other).raw is raw
