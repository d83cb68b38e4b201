"""Values that are found whole or not at all: two parts joined by a sign, names that also say other things."""

from __future__ import annotations

import json
import random
import string

import pytest

from secretgate_rules import Detector, load_default

_SEED = random.Random(29)


def _drawn(count: int, of: str = string.ascii_letters + string.digits) -> str:
    return "".join(_SEED.choices(of, k=count))


HEX = "0123456789abcdef"
MIXED_HEX = "B7d" + _drawn(29, HEX + "ABCDEF")
PAIR = f"{_drawn(8, HEX)}-{_drawn(8, HEX)}:{_drawn(32, HEX)}"
WITH_EQUALS = f"{_drawn(20)}3={_drawn(24)}"
FEW_DIGITS = f"{_drawn(8, HEX)}-{_drawn(4, HEX)}-4eb2-be88-3838389883f1"
"""A UUID whose last part has few different digits."""
FOUND = [
    ("REACT_APP_PASSWORD=@\n", _drawn(26)),
    ("OBJECT_STORE_PASSWORD=@\n", _drawn(20)),
    ("FACEBOOK_PAGE_ACCESS_TOKEN=@\n", _drawn(40)),
    ("NPM_REGISTRY_TOKEN=@\n", _drawn(30)),
    ("MY_PAT=@\n", "x8Kd" + _drawn(20)),
    ("our GitLab PAT is @", "x8Kd" + _drawn(20)),
    ("ACME_API_KEY=@\n", MIXED_HEX),
    ("Use the Acme token @ for this.", "s." + _drawn(26)),
    ("Use the Acme API key @ for this.", f"9yc6Nf92{_drawn(4)}:{_drawn(28)}"),
    ('curl -H "Authorization: Bearer @" https://api.example.com', PAIR),
    ("NETLIFY_ACCESS_TOKEN=@\n", WITH_EQUALS),
    ("ETSY_API_KEY=@\n", f"{_drawn(24, string.ascii_lowercase + string.digits)}:{_drawn(20)}"),
    ("HEROKU_API_KEY=@\n", f"HRKU-AA{_drawn(42)}_____w4_{_drawn(8)}"),
    ("GOOGLE_CLIENT_SECRET=@\n", FEW_DIGITS),
]
QUIET = [
    "apt\tpasswd\t1:4.13+dfsg1-1+deb12u1\n",
    "- Bearer https://tools.ietf.org/html/rfc6750\n",
    "NEXT_PAGE_TOKEN=" + _drawn(24),
]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_default()


@pytest.mark.parametrize(("place", "value"), FOUND, ids=range(len(FOUND)))
def test_the_whole_value_is_found(detector: Detector, place: str, value: str) -> None:
    findings = detector.find(place.replace("@", value).encode())
    assert [finding.value.decode() for finding in findings] == [value]


@pytest.mark.parametrize("text", QUIET)
def test_versions_and_pages_are_no_secrets(detector: Detector, text: str) -> None:
    assert not detector.find(text.encode())


ESCAPED = [
    "    stats auth admin:@",
    "net use Z: \\\\\\\\srv\\\\share @ /user:ana",
    "twine upload -u ana -p @ dist/x",
    "machine github.com login ana password @",
    "docker login -u ana -p @ ghcr.io",
    "tool --password @\\nplease",
]


@pytest.mark.parametrize("place", ESCAPED)
@pytest.mark.parametrize("depth", [1, 2])
def test_what_escapes_the_end_of_a_value_is_not_part_of_it(
    detector: Detector, place: str, depth: int
) -> None:
    value = "Kq7" + _drawn(21)
    text = place.replace("@", value)
    for _ in range(depth):
        text = json.dumps({"content": text + "\n"})
    values = {found.value.decode() for found in detector.find(text.encode())}
    assert all(not said.endswith(("\\", '"')) for said in values)
    assert detector.find(place.replace("@", value).encode()) == [] or value in values


LINES = [
    "docker login -u ana -p @",
    "We set SMTP_PASSWORD @",
    "putty -pw @",
    "helm repo add charts https://charts.acme.io --username ana --password @",
]


@pytest.mark.parametrize("place", LINES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_next_line_of_an_escaped_text_is_not_part_of_a_value(
    detector: Detector, place: str, depth: int
) -> None:
    value = "Kestrel" + _drawn(5) + "!7x"
    text = "a line\n" + place.replace("@", value) + "\nnext: 1\n"
    for _ in range(depth):
        text = json.dumps(text)[1:-1]
    assert [one.value.decode() for one in detector.find(text.encode())] == [value]


def test_a_quote_behind_a_value_is_not_part_of_it_however_escaped(detector: Detector) -> None:
    value = _drawn(11) + "7x!"
    text = f'{{"run": "We set SMTP_PASSWORD {value}"}}\n'
    for _ in range(3):
        text = json.dumps(text)[1:-1]
        assert [one.value.decode() for one in detector.find(text.encode())] == [value]


def test_a_backslash_at_the_end_of_a_password_stays(detector: Detector) -> None:
    value = "Kq7" + _drawn(21) + "\\\\"
    found = detector.find(f'tool login --password "{value}" x'.encode())
    assert [one.value.decode() for one in found] == [value]


@pytest.mark.parametrize("place", ['"apikey": "@"', "apikey: @", "api-key=@", "ApiKey: @"])
def test_a_uuid_that_is_called_an_api_key_is_named_after_that(
    detector: Detector, place: str
) -> None:
    """It need not be that of a header, as the names that only headers have are."""
    found = detector.find(place.replace("@", FEW_DIGITS).encode())
    assert [(one.rule, one.value.decode()) for one in found] == [("generic-uuid-token", FEW_DIGITS)]
