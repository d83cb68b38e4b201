"""Inputs that cost time or memory: bombs, slow patterns, caches that grow without limit.

Each test has a generous limit that only the wrong kind of growth can exceed.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from addon.kit import SCOPE, Bench, token
from addon.wire_support import Gate, secret
from harness.effort import swiftly
from harness.wire import encoded
from policy.kit import SCANNER, enforced, scope
from secretgate.bodies import readers
from secretgate.bodies.base import Unreadable
from secretgate.bodies.documents import extracted
from secretgate.bodies.encodings import decode
from secretgate.inbound import responses
from secretgate.inbound.responses import Readers
from secretgate.inbound.restoration import Depth, restore
from secretgate.placeholders import Issued, Namer, Template
from secretgate.policy.answers import judging
from secretgate.policy.engine import Policy
from secretgate.providers import DIALECTS
from secretgate.settings import SettingsError
from secretgate.settings.sources import load
from secretgate_rules import Detector
from secretgate_rules.known import of_file
from secretgate_rules.model import Rule, RuleError
from secretgate_rules.users import load_user_file

LIMIT = 1 << 20
WATCHES = enforced("  - {name: one, action: log, match: {operation: llm.text}}")
BILLION = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [
        f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join(['*' + chr(97 + at)] * 9)}]"
        for at in range(12)
    ]
)
DEEP = 50_000
DOCUMENTS = {
    "a billion laughs": BILLION + "\n",
    "laughs among rules": BILLION + "\nrules: *m\n",
    "itself": "rules: &a [*a]\n",
    "itself, in a mapping": "&a rules: {rules: *a}\n&b x: *b\n",
    "a deep list": "[" * DEEP + "]" * DEEP,
    "a deep mapping": "{a: " * DEEP + "}" * DEEP,
    "a deep list of lines": "\n".join(" " * at + "-" for at in range(1000)),
    "a merge of merges": "a: &a {x: 1}\nb: &b {<<: [*a, *a, *a]}\nc: {<<: [*b, *b, *b]}\n",
    "a tag of Python's": "rules: !!python/object/apply:os.system ['true']\n",
    "a huge key": "? " + "[" * 900 + "]" * 900 + "\n: 1\n",
    "nothing but anchors": "\n".join(f"k{at}: &k{at} {at}" for at in range(5000)),
    "no UTF-8": "\udcff\udcfe",
    "a null": "rules: [{id: a\0b}]",
}


def refused(work: Callable[[], object], path: Path) -> None:
    """Check that an error, if there is one, names the file and does not quote it at length."""
    said = None
    try:
        work()
    except (SettingsError, RuleError) as error:
        said = str(error)
    assert said is None or (str(path) in said and len(said) < 2000)


@pytest.mark.thorough
@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("kind", ["settings", "rules", "known values"])
def test_yaml_bombs(name: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_bytes(DOCUMENTS[name].encode("utf-8", "surrogateescape"))

    readers_ = {
        "settings": lambda: load({}, path, explicit_file=True, environment={}),
        "rules": lambda: load_user_file(path, lambda _: None),
        "known values": lambda: of_file(path),
    }
    swiftly(lambda: refused(readers_[kind], path))


@pytest.mark.parametrize("suffix", [".json", ".toml", ".ini", ".env", ""])
@pytest.mark.parametrize("opening", ["[", '{"a":', "a = [", "[a.", "a=${", '"""'])
def test_other_bombs_among_known_values(suffix: str, opening: str, tmp_path: Path) -> None:
    path = tmp_path / f"values{suffix}"
    path.write_text(opening * 20_000)

    swiftly(lambda: refused(lambda: of_file(path), path))


def _zlib_twice(data: bytes) -> bytes:
    return gzip.compress(gzip.compress(data, 9), 9)


BOMB = b'{"a":"' + b" " * (48 << 20) + b'"}'
BOMBS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", lambda data: gzip.compress(data, 9)),
    "deflate": ("deflate", lambda data: zlib.compress(data, 9)),
    "br": ("br", lambda data: encoded(data, "br")),
    "zstd": ("zstd", lambda data: encoded(data, "zstd")),
    "gzip in gzip": ("gzip, gzip", _zlib_twice),
    "a hundred codings": (", ".join(["gzip"] * 100), gzip.compress),
}


@pytest.mark.parametrize("depth", Depth)
def test_a_text_full_of_placeholders(depth: Depth) -> None:
    template = Template()
    value = token("many").encode()
    name = Namer(template, b"k" * 32).name("github-pat", value)
    text = (b"x " + name + b" ") * 60_000

    def restored() -> None:
        whole = restore(text, Issued(template, {name: value}), depth)
        assert whole.count(value) == 60_000

    swiftly(restored)


MANY = 100_000
FILES = {
    "streams that do not end": b"%PDF-1.7\n" + b"stream\n" * MANY,
    "streams without an object": b"%PDF-1.7\n" + b"stream\nendstream\n" * MANY,
    "strings that do not end": b"%PDF-1.7\n" + b"(" * MANY,
    "escapes in strings that do not end": b"%PDF-1.7\n" + b"(\\" * MANY,
    "strings in strings": b"%PDF-1.7\nstream\nBT Tj " + b"((a)" * MANY + b"endstream",
    "hex that does not end": b"%PDF-1.7\n" + b"<aa " * MANY,
    "tags that do not end": b"",
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_hard_to_read(name: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", b"<" * MANY)
    swiftly(lambda: extracted(FILES[name] or file.getvalue()))


@pytest.mark.thorough
@pytest.mark.parametrize("name", BOMBS)
def test_decompression_bombs(name: str) -> None:
    import resource

    coding, pack = BOMBS[name]
    packed = pack(BOMB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def read() -> None:
        with pytest.raises(Unreadable):
            decode(packed, coding, LIMIT)

    swiftly(read)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # A zstd frame may require a window as large as its content.
    most = (16 << 20) + (len(BOMB) if name == "zstd" else 0)
    assert grown < (most >> 10 if sys.platform == "linux" else most)


def _nest(opening: bytes, closing: bytes, depth: int = 200_000) -> bytes:
    return opening * depth + b'"x"' + closing * depth


BODIES = {
    "deep lists": ("application/json", _nest(b"[", b"]")),
    "deep objects": ("application/json", _nest(b'{"a":', b"}")),
    "quotes and backslashes": ("application/json", b'"' + b"\\" * 1_000_001 + b'"'),
    "backslashes without an end": ("application/json", b'"' + b"\\" * 1_000_000),
    "a million members": (
        "application/json",
        b"{" + b",".join(b'"%d":0' % at for at in range(100_000)) + b"}",
    ),
    "JSON in JSON": ("application/json", json.dumps("\\" * 300_000 + '"' * 300_000).encode()),
    "a thousand boundaries": (
        "multipart/form-data; boundary=x",
        b"--x\r\n\r\n\r\n" * 50_000 + b"--x--\r\n",
    ),
    "a boundary that almost is": (
        "multipart/form-data; boundary=xxxxxxxx",
        b"--xxxxxxx\n" * 99_999,
    ),
    "nested protobuf": ("application/x-protobuf", b"\x0a\x7f" * 100_000),
    "lines": ("application/jsonl", b"{}\n" * 200_000),
    "ampersands": ("application/x-www-form-urlencoded", b"&" * 1_000_000),
    "percent signs": ("application/x-www-form-urlencoded", b"a=" + b"%25" * 300_000),
    "base64 of base64": ("text/plain", b"QUFB" * 100_000),
    "a run of one letter": ("text/plain", b"a" * 1_000_000),
    "assignments": ("text/plain", b"password=" * 50_000),
    "user information": ("text/plain", b"http://a:b" * 100_000),
    "beginnings of keys": ("text/plain", b"-----BEGIN PRIVATE KEY-----" * 15_000),
    "beginnings of JWTs": ("text/plain", b"eyJhbGciOiJIUzI1NiJ9." * 6_000),
    "beginnings of placeholders": ("text/plain", b"REDACTED<" * 110_000),
    "backslashes": ("text/plain", b"\\" * 1_000_000),
    "escapes": ("text/plain", b"\\u0061" * 160_000),
    "zero-width": ("text/plain", "\u200b".encode() * 330_000),
}


@pytest.fixture(scope="module")
def bench() -> Bench:
    from secretgate_rules import load_default

    made = Bench()
    made.redactor.detector = load_default(made.template.spelled)
    return made


@pytest.mark.thorough
@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_take_long(name: str, bench: Bench) -> None:
    kind, raw = BODIES[name]

    def read() -> None:
        try:
            body = readers.read(raw, kind, DIALECTS["anthropic"])
        except Unreadable:
            return
        bench.redactor.inspect(body, SCOPE, learn=False, strict=False)

    swiftly(read)


SLOW = {
    "nested repeats": r"(a+)+b",
    "nested repeats, by class": r"([a-z]+)*[0-9]!",
    "alternatives that overlap": r"(a|a)*b!",
    "alternatives of words": r"(?:x|xx|xxx)+y!",
    "a repeat of an optional": r"(a?){40}a{40}!",
    "two runs side by side": r"a*a*a*a*a*a*a*b!",
    "back reference": r"(a*)\1+b!",
    "look-ahead": r"(?=(a+))a*b\1!",
    "a count of counts": r"(?:a{1,100}){1,100}b!",
    "anything, twice": r"k.*v.*w!",
    "deep groups": "(" * 3000 + "a" + ")" * 3000,
    "a huge count": r"a{4294967294}",
    "a count beyond all": r"a{99999999999999999999}b",
    "a condition": r"(a)?b(?(1)c|d)",
    "an unfinished group": r"(a",
    "an unknown escape": r"\y",
    "a huge class": "[" + "".join(chr(0x4E00 + at) for at in range(3000)) + "]+x",
    "thousands of words": "|".join(f"word{at}" for at in range(3000)),
}
TEXTS = [
    b"a" * 30_000,
    b"x" * 30_000,
    b"k" + b"v" * 30_000,
    b"ab" * 15_000,
    b"abc1 " * 6000,
]


@pytest.mark.thorough
@pytest.mark.parametrize("name", SLOW)
def test_rules_that_never_end_are_refused_or_end(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"rules": [{"id": "slow", "pattern": SLOW[name]}]}))
    loaded: list[Rule] = []
    refused(lambda: loaded.extend(load_user_file(path, lambda _: None).rules), path)
    detector = Detector(loaded)
    swiftly(lambda: [detector.find(text) for text in TEXTS])


def test_a_placeholder_template_cannot_make_it_slow(bench: Bench) -> None:
    spelled = b"R\\\nE\\\nD" * 20_000
    swiftly(lambda: list(bench.template.find(spelled)))


@pytest.mark.thorough
def test_a_rule_with_a_hostile_id_names_nothing_odd() -> None:
    rule = Rule('x">\n<b>', "hostile", r"\bodd_[a-z0-9]{20}\b")
    bench = Bench()
    bench.redactor.detector = Detector([rule])
    raw = bench.redact(b'"odd_abcdefghij0123456789"').raw
    assert b"<b>" not in raw
    assert b"\n" not in raw


@pytest.mark.parametrize("issued", [True, False], ids=["restored", "watched"])
@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("text/event-stream", b"data: "),
        ("application/x-ndjson", b'{"a":"'),
        ("application/json", b'[{"a":"'),
        ("application/connect+json", b"\0\3\xff\xff\xff"),
    ],
)
def test_an_answer_whose_first_event_never_ends(
    kind: str, begins: bytes, issued: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "MOST_HELD", LIMIT)
    namer = Namer(Template(), b"k" * 32)
    known = Issued(namer.template, {namer.name("rule", b"value"): b"value"} if issued else {})
    dialect = DIALECTS["anthropic"]
    judge = judging(Policy([scope(WATCHES)], SCANNER), {}, dialect, lambda *_: None)
    said: list[str] = []
    way = responses.respond(
        {"content-type": kind}, Readers(dialect, known, said.append, judge=judge), stream=True
    )
    assert way is not None
    sent = begins + b"x" * (2 * LIMIT)
    out = b"".join(way.feed(sent[at : at + 4096]) for at in range(0, len(sent), 4096))
    assert said == [f"more than {LIMIT >> 20} MiB of an answer would have to be held back"]
    out += way.finish()
    assert out.strip(b"[") == b"" if issued else out == sent


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_nested_deeper_than_python_reads_is_restored(kind: str, bench: Bench) -> None:
    value = token(9)
    name, dialect = bench.name(value), DIALECTS["anthropic"]
    known = Issued(bench.template, {name.encode(): value.encode()})
    sent = b'{"type":"x","a":' + _nest(b'{"a":', b"}").replace(b"x", name.encode()) + b"}"
    head, end = (b"data: ", b"\n\n") if kind == "text/event-stream" else (b"", b"")
    way = responses.respond(
        {"content-type": kind}, Readers(dialect, known, lambda _: None, bench.recorder())
    )
    assert way is not None
    out = way.feed(head + sent + end) + way.finish()
    assert out == head + sent.replace(name.encode(), value.encode()) + end


def test_a_request_nested_deeper_than_python_reads_is_decided() -> None:
    gate, raw = Gate(), _nest(b'{"a":', b"}").replace(b"x", secret(1).encode())
    content = b'{"previous_response_id":"resp_12345678","input":%b}' % raw
    decision = gate.requests.decide(gate.request("openai-responses", content=content))
    assert decision.content == content.replace(secret(1).encode(), gate.name(secret(1)).encode())


def test_an_answer_that_cannot_be_decoded_ends_there() -> None:
    """The rest could not be decoded by anyone, because the header with the compression is gone."""
    namer = Namer(Template(), b"k" * 32)
    known = Issued(namer.template, {namer.name("rule", b"value"): b"value"})
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    said: list[str] = []
    way = responses.respond(
        headers, Readers(DIALECTS["anthropic"], known, said.append), stream=True
    )
    assert way is not None
    begin = b"data: {}\n\n"
    packed = gzip.compress(begin * 1000)
    wrong_sum = b"\0" * 8
    assert way.feed(packed[:-8]) == begin * 1000
    rest = [wrong_sum, begin, packed, begin]
    assert b"".join([*map(way.feed, rest), way.finish()]) == b""
    assert len(said) == 1
