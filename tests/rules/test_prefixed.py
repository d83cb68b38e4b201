"""Tokens of issuers without a rule: their format and their name are enough."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector, Finding

HEX = "0123456789abcdef"


def tokens() -> list[bytes]:
    number = made_up(40, 5, HEX)
    uuid = b"-".join(
        (number[:8], number[8:12], b"4" + number[13:16], b"a" + number[17:20], number[20:32])
    )
    return [
        b"qx_" + made_up(20, 1, HEX),
        b"wyz_pat_" + made_up(40, 2, HEX),
        b"ZZTA" + made_up(64, 3, HEX) + made_up(8, 4, HEX.upper()),
        b"QAP-" + made_up(32, 6, HEX.upper()),
        b"grant_live_" + uuid,
    ]  # fmt: skip


def test_words_before_a_number_do_not_make_it_less_random(detector: Detector) -> None:
    texts = [b'x = "wxy_sk_live_%b"' % made_up(40, seed, HEX) for seed in range(50)]
    assert [*detector.find_many(texts)] == [*range(50)]


@pytest.mark.parametrize("token", tokens())
@pytest.mark.parametrize(
    "place",
    [
        b"ACME_API_KEY=%b\n",
        b'{"acmeApiKey": "%b", "n": 2}',
        b"acme:\n  api_token: %b\n",
        b"WARN acme failed status=401 api_key=%b attempt=2\n",
    ],
)
def test_a_prefix_and_a_number_under_a_name(place: bytes, token: bytes, detector: Detector) -> None:
    assert [finding.value for finding in detector.find(place % token)] == [token]


@pytest.mark.parametrize("name", [b"SHORTCUT_API_KEY", b"tagApiKey", b"event_api_token"])
def test_a_name_in_full_outweighs_a_word_that_says_otherwise(
    name: bytes, detector: Detector
) -> None:
    token = made_up(32, 8, HEX)
    assert [f.value for f in detector.find(b'%b = "%b"' % (name, token))] == [token]


@pytest.mark.parametrize("name", [b"PUBLIC_API_KEY", b"hashedApiKey", b"cache_key"])
def test_what_says_that_it_is_none_is_none(name: bytes, detector: Detector) -> None:
    assert not detector.find(b'%b = "sc-%b"' % (name, made_up(32, 8, HEX)))


@pytest.mark.parametrize("name", [b"COOLIFY_TOKEN", b"FATHOM_API_KEY"])
def test_a_token_with_its_number(name: bytes, detector: Detector) -> None:
    token = b"1042|" + made_up(48, 9)
    assert [f.value for f in detector.find(b"%b=%b\n" % (name, token))] == [token]


def test_a_token_told_without_a_verb(detector: Detector) -> None:
    token = made_up(19, 11)
    text = b"I set it up and the token %b works for staging, can you check?" % token
    assert [f.value for f in detector.find(text)] == [token]


@pytest.mark.parametrize("at", [4, 9, 20])
def test_a_word_that_a_random_token_holds_by_chance_makes_it_no_placeholder(
    at: int, detector: Detector
) -> None:
    random = made_up(32, 9)
    token = b"ghp_" + random[:at] + b"ToDO" + random[at:]
    assert [finding.value for finding in detector.find(b"GITHUB_TOKEN=" + token)] == [token]
    assert detector.find(b'api_key = "TODO-set-me-later1"') == []


@pytest.mark.parametrize(
    "place",
    [
        b"Authorization: Bearer %b\n",
        b'{"headers": {"authorization": "Bearer %b"}}',
        b"Cookie: session=%b\n",
        b"GET /v1/list?api_key=%b&page=2 HTTP/1.1\n",
        b"git clone https://oauth2:%b@git.corp.example/a.git\n",
        b"git clone https://%b@git.corp.example/a.git\n",
        b"curl -u bot:%b https://api.corp.example/\n",
        b"X-Api-Key: %b\n",
        b"ACME_TOKEN=%b\n",
        b"deploy --password %b\n",
    ],
)
@pytest.mark.parametrize(
    ("rule", "token"),
    [
        ("github-pat", b"ghp_" + made_up(36, 71)),
        ("anthropic-api-key", b"sk-ant-api03-" + made_up(93, 72) + b"AA"),
        ("stripe-access-token", b"sk_live_" + made_up(40, 73)),
        ("npm-access-token", b"npm_" + made_up(36, 74)),
        ("supabase-project-api-key", b"sb_secret_%b_%b" % (made_up(22, 77), made_up(8, 80))),
    ],
)
def test_a_token_is_called_after_its_issuer_wherever_it_stands(
    rule: str, token: bytes, place: bytes, detector: Detector
) -> None:
    found = detector.find(place % token)
    assert [(one.rule, one.value, one.confidence) for one in found] == [(rule, token, "high")]


@pytest.mark.parametrize("place", [b"authorization: Bearer %b\n", b"Cookie: session=%b\n"])
def test_a_token_that_its_place_takes_for_a_shorter_one_is_found_whole(
    place: bytes, detector: Detector
) -> None:
    """GitHub Copilot's: a signature at the end of fields."""
    mac = made_up(64, 75, HEX)
    token = b"tid=%b;exp=1790000000;sku=copilot_for_business;st=dotcom;chat=1;8kp=1:%b" % (
        made_up(32, 76, HEX),
        mac,
    )
    found = detector.find(place % token)
    assert any(mac in part.value for one in found for part in one.parts)
    assert not any(mac in place_ for place_ in _left(place % token, found))


def test_what_a_place_takes_for_longer_than_a_token_is_found_whole(detector: Detector) -> None:
    token = b"ghp_%b:%b" % (made_up(36, 78), made_up(30, 79))
    text = b"Authorization: Bearer %b\n" % token
    assert [one.value for one in detector.find(text)] == [token]


def _left(text: bytes, found: Sequence[Finding]) -> list[bytes]:
    """Return what is outside of all findings."""
    pieces, at = [], 0
    for one in found:
        pieces.append(text[at : one.start])
        at = one.end
    return [*pieces, text[at:]]


@pytest.mark.parametrize(
    "number", ["db73017b-7408-420b-ab42-664686a11484", "7e8f758b-9e3f-4a84-8fe3-88dbd98ebb9b"]
)
def test_a_uuid_behind_a_prefix_is_judged_whole(detector: Detector, number: str) -> None:
    token = b"RGAPI-" + number.encode()
    assert [finding.value for finding in detector.find(token)] == [token]


@pytest.mark.parametrize(
    "number", ["12345678-1234-1234-1234-123456789abc", "11111111-2222-3333-4444-555555555555"]
)
def test_a_uuid_that_counts_is_none_behind_a_prefix_either(detector: Detector, number: str) -> None:
    assert detector.find(b"px-api-" + number.encode()) == []
