"""Promises 1 to 5 at byte level: what leaves, and how it reads in later turns."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.kit import SCOPE, Bench, pem, random_text, token
from secretgate.inbound.restoration import Depth, restore
from secretgate.outbound.egress import Egress, forms
from secretgate.outbound.inspection import Leak
from secretgate.providers import DIALECTS
from secretgate.vault import Scope


def message(text: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def body(*texts: Any, **more: Any) -> bytes:
    return json.dumps(
        {"model": "m", "messages": [message(text) for text in texts], **more}
    ).encode()


def contents(raw: bytes) -> list[Any]:
    return [entry["content"] for entry in json.loads(raw)["messages"]]


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


def spelled_alike(seen: str, name: str, secret: str) -> bool:
    """Return whether decoded base64 has the name, perhaps with padding, in place of the secret."""
    decoded = base64.b64decode(seen.split(" ")[1]).decode()
    return name in decoded and secret not in decoded


VIEWS = {
    "plain": lambda secret: secret,
    "json": lambda secret: json.dumps({"a": json.dumps({"b": f"{secret}\n"})}),
    "percent": lambda secret: f"https://host/?x=%5B{quote(secret, safe='')}%5D",
    "base64": lambda secret: base64.b64encode(f"some text around {secret} here".encode()).decode(),
    "hex": lambda secret: f"some text around {secret} here".encode().hex(),
}


@pytest.mark.parametrize("view", VIEWS)
def test_the_same_secret_gets_the_same_placeholder_in_every_encoding(view: str) -> None:
    bench = Bench()
    secret = random_text(6, 17) + "+/="
    name = bench.name(secret, "test-assigned")
    found = bench.redact(body(f"password={secret}", f"x {VIEWS[view](secret)} y"))
    plain, encoded = contents(found.raw)
    assert plain == f"password={name}"
    if view == "base64":
        assert spelled_alike(encoded, name, secret)
    else:
        assert encoded == f"x {VIEWS[view](name)} y"
    assert list(found.issued.values.values()) == [secret.encode()]


@pytest.mark.parametrize("view", VIEWS)
def test_what_an_encoding_hid_comes_back(view: str) -> None:
    bench = Bench()
    text = f"x {VIEWS[view](token(6))} y"
    found = bench.redact(body(text))
    seen = contents(found.raw)[0]
    assert token(6) not in seen
    assert restore(seen.encode(), found.issued, Depth.PLAIN).decode() == text


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


@pytest.mark.parametrize("escape", ["\\%", "\\$", "\\.", "\\@", "\\x41"])
def test_a_secret_with_escapes_of_a_shell_comes_back_as_it_was_spelled(escape: str) -> None:
    bench = Bench()
    spelled = f"{random_text(1, 9)}{escape}{random_text(2, 9)}"
    turn = f"password={spelled} and on"
    first = bench.redact(body(turn))
    (seen,) = contents(first.raw)
    assert restore(seen.encode(), first.issued, Depth.PLAIN).decode() == turn
    said = spelled.replace("\\x41", "A").replace("\\", "")
    again = bench.redact(body(turn, f"it says {said} there"))
    assert contents(again.raw)[0] == seen
    assert said not in contents(again.raw)[1]


def test_the_password_of_a_url_does_not_leave_as_it_was_before_it_was_encoded() -> None:
    bench, password = Bench(), f"{random_text(1, 9)}@/{random_text(2, 9)}"
    turns = [f"db://app:{quote(password, safe='')}@host/x", f"for app, {password} is refused"]
    first = bench.redact(body(*turns))
    seen = contents(first.raw)
    assert [restore(text.encode(), first.issued, Depth.PLAIN).decode() for text in seen] == turns
    assert not any(form in first.raw for form in forms(password.encode()))
    assert contents(bench.redact(body(*turns, "and on")).raw)[:2] == seen


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


def test_a_password_in_quotes_does_not_leave_without_its_backslashes() -> None:
    bench, password = Bench(), f'{random_text(1, 9)}"{random_text(2, 9)}'
    turns = [f"db://app:{json.dumps(password)[1:-1]}@host/x", f"for app, {password} is refused"]
    first = bench.redact(body(*turns))
    seen = contents(first.raw)
    assert [restore(text.encode(), first.issued, Depth.PLAIN).decode() for text in seen] == turns
    assert not any(form in first.raw for form in forms(password.encode()))
    assert contents(bench.redact(body(*turns, "and on")).raw)[:2] == seen


@pytest.mark.parametrize("mark", ["_", "$", "&"])
def test_a_copy_in_another_spelling_is_called_the_same_where_it_is_found(mark: str) -> None:
    """It is known by its value first; then a rule finds it as it stands, which must change nothing."""
    bench, value = Bench(), f"{random_text(1, 9)}{mark}{random_text(2, 9)}"
    spelled = value.replace(mark, f"\\{mark}")
    turns = [f"db://app:{value}@host", f"it is {spelled} so", f"db://app:{spelled}@host", value]
    before: list[str] = []
    for number in range(1, len(turns) + 1):
        redacted = bench.redact(body(*turns[:number]))
        seen = contents(redacted.raw)
        assert seen[: len(before)] == before
        assert [
            restore(text.encode(), redacted.issued, Depth.PLAIN).decode() for text in seen
        ] == turns[:number]
        before = seen


def test_a_key_in_json_is_the_same_key_elsewhere() -> None:
    bench, key = Bench(), pem(7)
    whole = contents(bench.redact(body(key, json.dumps({"key": key}))).raw)
    assert json.loads(whole[1]) == {"key": whole[0]}


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


@pytest.mark.parametrize("lead", range(6))
def test_the_check_of_outgoing_bytes_knows_base64_at_any_offset(lead: int) -> None:
    value = token(8).encode()
    raw = base64.b64encode(b"z" * lead + value + b"behind")
    assert Egress().leaks(raw, {b"p": value}) == [b"p"]
    assert Egress().leaks(b"clean", {b"p": value}) == []


@pytest.mark.parametrize("text", ['pä"ss', "p\\\\é", "plain"])
def test_the_check_of_outgoing_bytes_knows_json_with_and_without_escapes_of_letters(
    text: str,
) -> None:
    for ascii_only in (False, True):
        inner = text
        for _ in range(3):
            inner = json.dumps(inner, ensure_ascii=ascii_only)[1:-1]
            assert inner.encode() in set(forms(text.encode()))


@pytest.mark.parametrize("value", [b'tok\xff"\\\n' + b"a" * 16, b"\xf9" * 16])
def test_the_check_of_outgoing_bytes_knows_values_that_are_no_text(value: bytes) -> None:
    escaped = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    for form in (value, escaped, base64.b64encode(value), quote(value).encode()):
        assert Egress().leaks(b"x" + form + b"y", {b"p": value}) == [b"p"]


def test_a_text_file_in_base64_is_written_again_and_comes_back_to_the_letter() -> None:
    bench, secret = Bench(), token(1)
    data = base64.b64encode(f"a file with {secret} in it".encode()).decode()
    source = {"type": "base64", "media_type": "text/plain", "data": data}
    found = bench.redact(body([{"type": "document", "source": source}]))
    ((block,),) = contents(found.raw)
    written = base64.b64decode(block["source"]["data"], validate=True).decode()
    assert written == f"a file with {bench.name(secret)} in it"
    again = block["source"]["data"].encode()
    assert restore(again, found.issued, Depth.LITERAL) == data.encode()


@pytest.mark.parametrize("texts", ["{0} and {1}", "{1} behind {0}", "{0} ({1}) {1}.", "{0}|{1}?"])
@pytest.mark.parametrize("lead", [1, 2])
def test_base64_that_no_view_can_read_is_replaced_as_a_run(texts: str, lead: int) -> None:
    """The run lacks its first characters, so decoding it gives other bytes than were encoded."""
    bench, secret = Bench(), token(1)
    run = base64.b64encode(b"a" * lead + secret.encode())[lead + 1 :].rstrip(b"=").decode()
    raw = body(texts.format(secret, run))
    found = bench.redact(raw)
    name = bench.name(secret), bench.name(run, "encoded-secret")
    assert contents(found.raw) == [texts.format(*name)]
    assert restore(found.raw, found.issued, Depth.LITERAL) == raw
    assert {spot.rule for spot in found.spots} == {"test-token", "encoded-secret"}


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
