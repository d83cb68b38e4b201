"""Properties that hold for every text: the promises of the detector, tested with Hypothesis."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import effort
from rules.conftest import SECRETS as PLAIN
from rules.conftest import github_token, made_up, named
from secretgate_rules import Detector, Finding, Literals, Part, redact, views

MODEST = settings(
    max_examples=effort.of(60), suppress_health_check=[HealthCheck.function_scoped_fixture]
)

SECRETS = [*PLAIN, b"xoxb-123456789012-1234567890123-" + made_up(24, 5)]
LINES = st.one_of(
    st.sampled_from(SECRETS).map(lambda secret: b"TOKEN=" + secret),
    st.sampled_from(SECRETS).map(lambda secret: b'{"api_key": "' + secret + b'"}'),
    st.sampled_from(SECRETS).map(lambda secret: b"Our token is " + secret + b" today."),
    st.sampled_from(SECRETS).map(lambda secret: json.dumps(f"x\n{secret.decode()}\n").encode()),
    st.sampled_from(SECRETS).map(lambda secret: b"data: " + base64.b64encode(b"token=" + secret)),
    st.sampled_from(SECRETS).map(
        lambda secret: urllib.parse.quote(f"a=b&t={secret.decode()}&c=/", safe="").encode()
    ),
    st.sampled_from(SECRETS).map(lambda secret: (b"key: " + secret).hex().encode()),
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"def f(token):", b"    return token", b"", b'-- \\n \\\\ \\" %20 %%']),
)
TEXTS = st.lists(LINES, max_size=6).map(b"\n".join)
KEYS = st.sampled_from([b"", b"content", b"password", b"api_key", b"cloudflare_token", b'a"b'])


@MODEST
@given(texts=st.lists(st.tuples(TEXTS, KEYS), max_size=5))
def test_many_texts_are_as_each_alone(detector: Detector, texts: list[tuple[bytes, bytes]]) -> None:
    together = detector.find_many([text for text, _ in texts], [key for _, key in texts])
    alone = {index: detector.find(text, key) for index, (text, key) in enumerate(texts)}
    assert together == {index: found for index, found in alone.items() if found}


@MODEST
@given(text=TEXTS)
def test_findings_are_sorted_apart_and_inside_the_text(detector: Detector, text: bytes) -> None:
    reached = 0
    for finding in detector.find(text):
        assert 0 <= finding.start < finding.end <= len(text)
        assert finding.parts
        if not finding.view:
            assert text[finding.start : finding.end] == finding.value
            assert finding.start >= reached
        reached = finding.end
        for part in finding.parts:
            assert finding.start <= part.start < part.end <= finding.end


@MODEST
@given(text=TEXTS)
def test_after_redaction_no_value_is_left(detector: Detector, text: bytes) -> None:
    findings = detector.find(text)
    clean = redact(text, findings, named)
    values = {part.value for finding in findings for part in finding.parts}
    left = {part.value for finding in detector.find(clean) for part in finding.parts}
    assert not values & left
    assert not [f for f in Literals(dict.fromkeys(values, "x")).find(clean) if len(f.value) >= 8]


@MODEST
@given(text=TEXTS)
def test_putting_the_values_back_yields_the_original(detector: Detector, text: bytes) -> None:
    names: dict[bytes, bytes] = {}

    def name(finding: Finding, part: Part) -> bytes:
        placeholder = b"REDACTED<x:%012x>" % len(names)
        names[placeholder] = part.value
        return placeholder

    clean = redact(text, detector.find(text), name)
    found = Literals(dict.fromkeys(names, "placeholder")).find(clean)
    assert redact(clean, found, lambda _, part: names[part.value]) == text


@MODEST
@given(before=TEXTS, after=TEXTS)
def test_a_named_secret_is_found_whatever_stands_around(
    detector: Detector, before: bytes, after: bytes
) -> None:
    secret = github_token(77)
    text = before + b"\n " + secret + b" \n" + after
    start = len(before) + 2
    assert any(f.start <= start and f.end >= start + len(secret) for f in detector.find(text))


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "spell",
    [
        lambda s: json.dumps(s).encode(),
        lambda s: json.dumps(json.dumps({"a": s})).encode(),
        lambda s: urllib.parse.quote(f"?x={s}&y=1", safe="").encode(),
        lambda s: base64.b64encode(f"export TOKEN={s}\n".encode()),
        lambda s: base64.encodebytes(f"{'# comment ' * 9}\nexport TOKEN={s}\n".encode()),
        lambda s: base64.urlsafe_b64encode(f"token {s}~~".encode()).rstrip(b"="),
        lambda s: base64.b64encode(json.dumps({"t": f"\n{s}\n"}).encode()),
        lambda s: base64.b64encode(f"$env:TOKEN = '{s}'".encode("utf-16-le")),
        lambda s: f"token: {s}\n".encode().hex().encode(),
        lambda s: f"\ttoken: {s}\n".encode("utf-16-le"),
        lambda s: f"\ttoken: {s}\n".encode("utf-16-be"),
        lambda s: f'printf "\\x41\\n{s}\\n"'.encode(),
    ],
)
def test_a_secret_is_found_in_every_view(detector: Detector, secret: bytes, spell: object) -> None:
    text = b"say " + spell(secret.decode())  # type: ignore[operator]
    findings = detector.find(text)
    assert [part.value for f in findings for part in f.parts] == [secret]
    clean = redact(text, findings, named)
    assert detector.find(clean) == []
    assert Literals({secret: "x"}).find(clean) == []


@MODEST
@given(
    value=st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=8, max_size=40
    ),
    deep=st.integers(0, 3),
    around=st.sampled_from([b"", b"x", b' "', b"\n"]),
)
def test_literals_find_every_escaped_form(value: str, deep: int, around: bytes) -> None:
    text = value
    for _ in range(deep):
        text = json.dumps(text, ensure_ascii=len(value) % 2 == 0)[1:-1]
    secret = value.encode()
    known = Literals({secret: "x"})
    from secretgate_rules.literals import below_floor

    if below_floor(secret):
        around = b""
    assert known.find(around + text.encode() + around)
    assert known.find(around + urllib.parse.quote(value, safe="").encode() + around)
    if not below_floor(secret) and len(secret) >= 12:
        assert known.find(base64.b64encode(b"q" * deep + secret + b"zz"))
        assert known.find(secret.hex().encode())


@MODEST
@given(
    values=st.lists(st.binary(min_size=8, max_size=24), min_size=1, max_size=30, unique=True),
    text=st.binary(max_size=200),
)
def test_literals_grow_as_if_made_at_once(values: list[bytes], text: bytes) -> None:
    grown = Literals({})
    for value in values:
        grown = grown.with_values({value: "x"})
    at_once = Literals(dict.fromkeys(values, "x"))
    text = text + b" " + b" ".join(values)
    assert grown.find(text) == at_once.find(text)
    assert len(grown) == len(values)
    assert all(value in grown for value in values)
    assert at_once.find_many([text, b"", text]) == {0: at_once.find(text), 2: at_once.find(text)}


@MODEST
@given(
    value=st.one_of(st.binary(min_size=8, max_size=24), st.text(min_size=6).map(str.encode)),
    spell=st.sampled_from(
        [
            bytes,
            base64.b64encode,
            bytes.hex,
            urllib.parse.quote,
            lambda value: b"\n" + value + b"\t",
        ]
    ),
)
def test_a_copy_leaves_a_trace_in_json(value: bytes, spell: object) -> None:
    spelled = spell(value)  # type: ignore[operator]
    text = spelled.encode() if isinstance(spelled, str) else spelled
    known = Literals({value: "x"})
    written = json.dumps(text.decode("utf-8", "surrogateescape"), ensure_ascii=len(value) % 2 == 0)
    traces = known.traces(written.encode("utf-8", "surrogateescape"))
    assert traces is None or traces or not known.find(text)


def test_literals_tell_what_was_added() -> None:
    first = Literals({b"value one": "x"})
    second = first.with_values({b"value one": "y", b"value two": "y"})
    third = second.with_values({b"value three": "z"})
    assert third.since(third.version) == {}
    assert third.since(second.version) == {b"value three": "z"}
    assert third.since(first.version) == {b"value two": "y", b"value three": "z"}
    assert first.since(third.version) is None
    assert second.with_values({b"another": "x"}).since(third.version) is None
    assert first.with_values({b"value one": "y"}) is first


def test_two_sets_are_searched_for_as_one() -> None:
    named = Literals({b"value zero": "named", b"value one": "named"})
    named.prepare()
    first = Literals({b"value one": "x"})
    second = first.with_values({b"value two": "y"})
    text = b"value zero, value one, value two"
    both = second.beside(named)
    assert both is second.beside(named)
    assert [(each.value, each.rule) for each in both.find(text)] == [
        (b"value zero", "named"),
        (b"value one", "named"),
        (b"value two", "y"),
    ]
    assert both.since(both.version) == {}
    assert both.since(first.beside(named).version) == {b"value two": "y"}
    assert both.since(first.version) is None
    assert both.since(first.beside(named.called({})).version) is None
    assert second.since(both.version) is None
    grown = both.with_values({b"value three": "z"})
    assert grown.since(first.beside(named).version) == {b"value two": "y", b"value three": "z"}
    assert first.beside(Literals({})) is first


def test_values_may_be_called_after_another_rule() -> None:
    named = Literals({b"value one": "x", b"value two": "x"})
    called = named.called({b"value two": "y"})
    assert [each.rule for each in called.find(b"value one, value two")] == ["x", "y"]
    assert [each.rule for each in named.find(b"value one, value two")] == ["x", "x"]


_BITS = [b"\\", b"\\", b"n", b'"', b"u", b"d83d", b"\\ude00", b"0", b"7", b"x41", b"t", b"q", b"\n"]


@given(st.lists(st.sampled_from(_BITS), max_size=14).map(b"".join))
def test_escapes_say_the_same_in_few_lines_and_in_many(raw: bytes) -> None:
    padding = b"." * 5000
    short, long = views.decode(views.JSON, raw), views.decode(views.JSON, padding + raw)
    assert padding + short.text == long.text
    assert short.end(len(short.text)) == len(raw) or not raw
