"""A secret is the same secret in every encoding and spelling: one placeholder, and the way back."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from addon.kit import Bench, body, contents, pem, random_text, token
from secretgate.inbound.restoration import Depth, restore
from secretgate.outbound.egress import forms


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
