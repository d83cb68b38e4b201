"""The engine's internals: cache, threads, digests, barriers, what only looks like an encoding."""

from __future__ import annotations

import base64
import os
import random
import re
import stat
import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rules.conftest import PLACEHOLDER, github_token, made_up
from secretgate_rules import Detector, Rule, TooMany, cache, load_default, reader, standins
from secretgate_rules.database import Database
from secretgate_rules.table import tabulate

RULE = Rule("acme", "ACME", r"\b(acme-[0-9a-f]{20})\b", secret=1)
TEXT = b"x acme-" + made_up(20, 80, "0123456789abcdef") + b" y"


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRETGATE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.thorough
def test_a_damaged_cache_is_made_again(cache_folder: Path) -> None:
    assert Detector([RULE]).find(TEXT)
    for file in list(cache_folder.iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        whole = file.read_bytes()
        for damaged in (b"", whole[:-1], whole[:40] + b"\0" + whole[41:], b"x" * 1000):
            file.write_bytes(damaged)
            assert Detector([RULE]).find(TEXT)
            assert file.read_bytes()[32:] == whole[32:]


@pytest.mark.thorough
def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SECRETGATE_CACHE_DIR", str(tmp_path / "file"))
    assert Detector([RULE]).find(TEXT)
    assert cache.read("nothing") is None


def test_what_has_too_many_places_to_examine_is_given_up_if_wanted() -> None:
    detector = Detector([RULE])
    text = b" ".join([TEXT] * 5)
    assert len(detector.find_many([text, text], most=10)) == 2
    with pytest.raises(TooMany):
        detector.find_many([text, text], most=9)


def _kept(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_of_each_kind_those_used_last_are_kept(cache_folder: Path) -> None:
    for number in range(cache.KEPT):
        cache.write(f"patterns-{number}.hs", b"x")
        os.utime(cache_folder / f"patterns-{number}.hs", (number, number))
    cache.write("rules-0.msgpack", b"x")
    (cache_folder / ".new-left").write_bytes(b"")
    os.utime(cache_folder / ".new-left", (0, 0))
    (cache_folder / ".new-fresh").write_bytes(b"")
    assert cache.read("patterns-0.hs") == b"x"
    cache.write("patterns-new.hs", b"y")
    expected = {f"patterns-{n}.hs" for n in range(cache.KEPT) if n != 1}
    assert _kept(cache_folder) == {*expected, "patterns-new.hs", "rules-0.msgpack", ".new-fresh"}


def test_many_may_prune_the_cache_at_once(cache_folder: Path) -> None:
    def keep(number: int) -> bool:
        cache.write(f"patterns-{number}.hs", bytes([number]) * 100)
        return cache.read(f"patterns-{number}.hs") in (bytes([number]) * 100, None)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(keep, range(200)))
    assert len(_kept(cache_folder)) <= cache.KEPT + 8
    cache.write("patterns-last.hs", b"x")
    assert len(_kept(cache_folder)) <= cache.KEPT
    assert cache.read("patterns-last.hs") == b"x"


def test_many_threads_agree(detector: Detector) -> None:
    texts = [b"line\n" * n + b"TOKEN=" + github_token(n) + b"\n" for n in range(60)]
    alone = [detector.find(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detector.find, texts * 4)) == alone * 4


@pytest.mark.thorough
@pytest.mark.usefixtures("few_packs")
def test_the_digest_tells_rules_and_options_apart() -> None:
    other = Rule("acme", "ACME", r"\b(acme-[0-9a-f]{21})\b", secret=1)
    digests = {
        Detector([RULE]).digest,
        Detector([other]).digest,
        Detector([RULE], heuristics=False).digest,
        Detector([RULE], PLACEHOLDER).digest,
        load_default(entropy=False).digest,
        load_default().digest,
    }
    assert len(digests) == 6
    assert Detector(tabulate([RULE])).digest == Detector([RULE]).digest


def test_the_barrier_takes_parts_not_whole_blocks() -> None:
    barrier = re.compile(rb"HIDDEN<\d+>")
    kind = "PRIVATE" + " KEY"
    lines = [made_up(64, n).decode() for n in range(4)]
    lines[1] = "HIDDEN<1>"
    text = "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"]).encode()
    values = [part.value.decode() for f in load_default(barrier).find(text) for part in f.parts]
    assert values == [lines[0], *lines[2:]]
    assert load_default(barrier).find(b"token = HIDDEN<12345678>") == []


def test_a_match_inside_an_image_is_chance(detector: Detector) -> None:
    blob = base64.b64encode(made_up(900, 81) * 2)
    inside = blob[:600] + b"/AKIA" + made_up(16, 82, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") + b"/"
    assert detector.find(b"data:image/png;base64,iVBORw0KGgo" + inside + blob[600:]) == []


def test_two_secrets_in_one_run_of_base64(detector: Detector) -> None:
    one, two = github_token(83), github_token(84)
    text = b"data: " + base64.b64encode(b"a=" + one + b"\nb=" + two + b"\n")
    assert [f.value for f in detector.find(text)] == [one, two]


@pytest.mark.usefixtures("few_packs")
def test_entropy_rules_can_be_left_out() -> None:
    text = b"token (" + made_up(40, 85) + b")"
    assert [f.rule for f in load_default().find(text)] == ["random-near-credential"]
    assert load_default(entropy=False).find(text) == []


@pytest.mark.thorough
def test_the_digest_is_the_same_in_every_process() -> None:
    assert load_default().digest == load_default().digest


def test_a_rule_near_tokens_is_found_however_far_apart_they_stand(detector: Detector) -> None:
    key = made_up(32, 86, "0123456789abcdef")
    line = b"DATADOG_API_KEY=" + key + b"\n"
    filler = b"plain words and nothing else\n" * 400
    for text in (line, filler + line, line + filler, filler + line + filler + line):
        found = [f.value for f in detector.find(text)]
        assert found == [key] * text.count(line)
        assert [f.value for f in detector.find_many([filler, text, b""])[1]] == found


@pytest.mark.parametrize("length", [24, 42, 99])
def test_a_shape_that_others_share_is_named_after_its_usual_issuer(length: int) -> None:
    value = "sk_live_" + "".join(random.Random(length).choices(string.ascii_letters, k=length - 4))
    text = f"key = {value}1234"
    assert [found.rule for found in load_default().find(text.encode())] == ["stripe-access-token"]


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("form", ["password = '{}'", "PASSWORD={}", '"password": "{}"', "pwd: {}"])
def test_the_shortest_password_may_have_its_digit_anywhere(
    detector: Detector, form: str, at: int
) -> None:
    value = "kQzvxw"[:at] + "7" + "kQzvxw"[at + 1 :]
    text = form.format(value)
    assert [found.value for found in detector.find(f"{text}\n".encode())] == [value.encode()]


@pytest.mark.parametrize("mark", [":12:", "-12-"])
def test_secrets_are_found_in_the_output_of_a_search(detector: Detector, mark: str) -> None:
    secret = made_up(32, 81)
    lines = [
        f"src/auth/key_store.py{mark}import os",
        f"src/auth/key_store.py{mark}    api_token = '{secret.decode()}'",
        f"src/auth/key_store.py{mark}    return api_token",
    ]
    assert [found.value for found in detector.find("\n".join(lines).encode())] == [secret]


def test_a_place_right_before_a_value_does_not_hide_it(detector: Detector) -> None:
    secret = made_up(28, 82)
    name = b"SERVICEAB_SDK_KEY"
    text = b"X_KEY=00000000-0000-0000-0000-000000000000\n" + name + b"=" + secret + b"\n"
    assert [found.value for found in detector.find(text)] == [secret]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9])
def test_texts_read_in_two_threads_have_the_same_findings(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    detector = Detector([RULE])
    texts = [b"word " * (count - number) + TEXT for number in range(count)]
    expected = {index: detector.find(text) for index, text in enumerate(texts)}
    middles: list[int] = []
    scan = Database.scan_halves

    def scan_halves(database: Database, text: bytes, middle: int) -> list[tuple[int, int]]:
        middles.append(middle)
        assert text[:middle].endswith(reader.SEPARATOR)
        return scan(database, text, middle)

    monkeypatch.setattr(reader, "_LARGE", 0)
    monkeypatch.setattr(Database, "scan_halves", scan_halves)
    assert detector.find_many(texts) == expected
    assert len(middles) == (count > 1)
    assert detector.find_many(texts, halves=False) == expected
    assert len(middles) == (count > 1)


def test_a_pattern_is_compiled_once_a_keyword_is_near() -> None:
    table = tabulate([Rule("acme", "ACME", RULE.pattern, secret=1, keywords=("vendor",))])
    assert not table.compiled[0].by_keyword
    detector = Detector(table)
    assert not detector.find(TEXT)
    assert "regex" not in vars(table.compiled[0])
    assert detector.find(b"vendor: " + TEXT)


def test_every_template_has_a_sign_of_one() -> None:
    """Values are searched for the signs first, which is faster."""
    drawn = random.Random(3)
    for _ in range(20_000):
        value = bytes(drawn.choices(b"$%{}[]<>@&!\\_.#()|/:-ABsd019 ", k=drawn.randrange(1, 8)))
        assert standins.template(value) == bool(standins._TEMPLATE.search(value))
    for value in (b"process.env", b"os.getenv", b"os.environ.get", b"DB_PASSWORD", b"A_NAME_OF_IT"):
        assert standins.template(value) == bool(standins._TEMPLATE.search(value))
