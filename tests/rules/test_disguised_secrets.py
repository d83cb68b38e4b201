"""Secrets disguised by invisible characters, look-alike letters or HTML character references.

They are found wherever something is inserted, and replaced as they are spelled.
"""

from __future__ import annotations

import html
import json
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import effort
from rules.conftest import SECRETS, github_token, made_up, named
from secretgate_rules import Detector, Finding, Literals, disguises, redact

MODEST = settings(
    max_examples=effort.of(80), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
UNSEEN = [
    "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\ufe0f", "\u200e", "\u202e",
    "\u2066", "\u034f", "\U000e0061", "\U000e0100", "\x1b[0m", "\x1b[01;31m\x1b[K",
]  # fmt: skip
AROUND = st.sampled_from(["", "see ", "TOKEN=", "ключ ", "\n\n", "密码", "# été\n"])


def painted(secret: str, places: set[int]) -> str:
    doubles = {plain: alike[0] for plain, alike in disguises._DOUBLES.items()}
    return "".join(
        doubles.get(char, char) if at in places else char for at, char in enumerate(secret)
    )


def styled(secret: str, first: str) -> str:
    """Return text in mathematical letters of the alphabet that begins with `first`."""
    base = ord(first) - ord("A")
    return "".join(
        chr(base + ord(c) + (-6 if c.islower() else 0)) if c.isalpha() else c for c in secret
    )


def found_as_spelled(detector: Detector, text: str, secret: bytes, spelled: str) -> Finding:
    raw = text.encode()
    findings = [f for f in detector.find(raw) if f.value == secret]
    assert len(findings) == 1, detector.find(raw)
    (finding,) = findings
    assert raw[finding.start : finding.end] == spelled.encode()
    clean = redact(raw, detector.find(raw), named)
    assert spelled.encode() not in clean
    assert not [f for f in detector.find(clean) if f.value == secret]
    return finding


@pytest.mark.thorough
@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("secret", SECRETS)
def test_wherever_an_unseen_character_stands(
    secret: bytes, unseen: str, detector: Detector
) -> None:
    plain = secret.decode()
    for at in range(1, len(plain)):
        spelled = plain[:at] + unseen + plain[at:]
        findings = detector.find(f"key {spelled} end".encode())
        assert [f.value for f in findings] == [secret], at
        assert findings[0].view == ("unicode",)
        assert (findings[0].start, findings[0].end) == (4, 4 + len(spelled.encode()))


@MODEST
@given(
    secret=st.sampled_from(SECRETS),
    unseen=st.sampled_from(UNSEEN),
    places=st.sets(st.integers(1, 30), min_size=1),
    before=AROUND,
    after=st.sampled_from(["", " end", '"', "\n", "."]),
)
def test_several_of_them(
    detector: Detector, secret: bytes, unseen: str, places: set[int], before: str, after: str
) -> None:
    plain = secret.decode()
    places = {at for at in places if at < len(plain)} or {1}
    spelled = "".join(unseen * (at in places) + char for at, char in enumerate(plain))
    found_as_spelled(detector, f"{before} {spelled}{after}", secret, spelled)


@MODEST
@given(
    secret=st.sampled_from(SECRETS), places=st.sets(st.integers(0, 110), min_size=1), before=AROUND
)
def test_letters_of_other_alphabets(
    detector: Detector, secret: bytes, places: set[int], before: str
) -> None:
    plain = secret.decode()
    spelled = painted(plain, places)
    if not spelled.isascii():
        found_as_spelled(detector, f"{before} {spelled} end", secret, spelled)


@pytest.mark.parametrize("end", [" is it", "\n", '"', ""])
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("digits", ["7", "7mQxTvRbNwLpZkHgFdScY"])
def test_the_last_letters_alone(detector: Detector, digits: str, count: int, end: str) -> None:
    """However far from the end the last digit is."""
    head = github_token(3).decode()[: 40 - count - len(digits)] + digits
    secret = head + "a" * count
    spelled = head + "\u0430" * count
    found_as_spelled(detector, f"it is {spelled}{end}", secret.encode(), spelled)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("first", ["\U0001d400", "\U0001d5a0", "\U0001d670"])
def test_mathematical_letters(secret: bytes, first: str, detector: Detector) -> None:
    spelled = styled(secret.decode(), first)
    assert unicodedata.normalize("NFKC", spelled).encode() == secret
    found_as_spelled(detector, f"这个是 {spelled}。", secret, spelled)


@pytest.mark.parametrize("secret", SECRETS)
def test_full_width(secret: bytes, detector: Detector) -> None:
    spelled = "".join(chr(char + 0xFEE0) for char in secret)
    found_as_spelled(detector, f"密码是{spelled}。", secret, spelled)


@pytest.mark.parametrize(
    "spell",
    [
        lambda s: "".join(f"&#{ord(c)};" for c in s),
        lambda s: "".join(f"&#x{ord(c):X};" for c in s),
        lambda s: s.replace(s[3], f"&#{ord(s[3])};"),
        lambda s: s[:9] + "&#8203;" + s[9:],
        lambda s: s[:9] + "&shy;" + s[9:],
        lambda s: s[:9] + f"&amp;#{ord(s[9])};" + s[10:],
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", SECRETS)
def test_references_of_html(secret: bytes, spell: object, detector: Detector) -> None:
    spelled = spell(secret.decode())  # type: ignore[operator]
    finding = found_as_spelled(detector, f"<p>key {spelled} end</p>", secret, spelled)
    assert finding.view[0] == "html"


def test_what_html_hides_around_a_value(detector: Detector) -> None:
    password = made_up(14, 9)
    text = html.escape(f'<add key="x" value="Server=db;Password="{password.decode()}";"/>')
    assert [f.value for f in detector.find(text.encode())] == [password]
    url = html.escape("postgres://app:p&q" + password.decode() + "@db.corp.example.io/x")
    (finding,) = detector.find(url.encode())
    assert url[finding.start : finding.end] == "p&amp;q" + password.decode()


def test_inside_another_encoding(detector: Detector) -> None:
    secret = SECRETS[0].decode()
    spelled = secret[:8] + "\u200b" + secret[8:]
    raw = json.dumps({"a": spelled}).encode()
    (finding,) = detector.find(raw)
    assert finding.view == ("json", "unicode")
    assert finding.parts[0].value == spelled.encode()
    assert json.loads(redact(raw, [finding], lambda *_: b'"')) == {"a": '"'}
    assert (
        redact(raw, [finding], lambda _, part: part.value)
        == json.dumps({"a": spelled}, ensure_ascii=False).encode()
    )


def test_a_key_of_several_lines(detector: Detector) -> None:
    body = [made_up(64, seed).decode() for seed in range(6)]
    lines = ["-----BEGIN RSA " + "PRIVATE KEY-----", *body, "-----END RSA " + "PRIVATE KEY-----"]
    lines[3] = lines[3][:20] + "\u200b" + lines[3][20:]
    findings = detector.find("\n".join(lines).encode())
    values = [part.value.decode() for finding in findings for part in finding.parts]
    assert values == [*body[:2], lines[3], *body[3:]]


@MODEST
@given(
    at=st.integers(1, 38), unseen=st.sampled_from(UNSEEN), before=AROUND, painted_at=st.integers(0, 38)
)  # fmt: skip
def test_known_values(at: int, unseen: str, before: str, painted_at: int) -> None:
    secret = github_token(8)
    plain = secret.decode()
    for spelled in (plain[:at] + unseen + plain[at:], painted(plain, {painted_at})):
        if spelled == plain:
            continue
        text = f"{before} {spelled} and {plain}".encode()
        hits = Literals({secret: "x"}).find(text)
        assert [text[f.start : f.end] for f in hits] == [spelled.encode(), secret]
        assert [f.value for f in hits] == [spelled.encode(), secret]


@pytest.mark.parametrize(
    "text",
    [
        "Пароль от USB-порта сменили в2020году, API-ключи и SDK-токены отозваны: раз_два_три",
        "Το API-κλειδί και το password πρέπει να αλλάξουν στο CI/CD του έργου Α1, Β2 και Γ3",
        "密码：请在设置页面修改，令牌（ｔｏｋｅｎ）有效期为３０天。ＡＰＩ密钥",
        "👩‍💻 token 👨‍👩‍👧‍👦 key: ❤️‍🔥 password ✅️ 1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣",
        "كلمة المرور \u200fAPI\u200f و token\u200e في ملف \u202aconfig.yaml\u202c رقم ٢",
        "inter\u00adna\u00adtio\u00adnal\u00adiza\u00adtion of pass\u00adword hand\u00adling and to\u00adkens",
        "pass&shy;word and to&shy;ken, see &lt;password&gt; &amp; &quot;secret&quot; &#8212; &copy;",
        "\x1b[32mPASSED\x1b[0m tests/test_token.py::test_password\x1b[0m key=\x1b[33mvalue\x1b[0m",
        "می‌خواهم رمز‌عبور را تغییر دهم؛ توکن‌های API می‌توانند",
    ],
)
def test_other_scripts_are_left_in_peace(text: str, detector: Detector) -> None:
    assert detector.find(text.encode()) == []


@pytest.mark.parametrize("depth", [2, 5000])
def test_disguises_inside_disguises_end(depth: int) -> None:
    """Whoever writes a text chooses how deep it nests; it is undone once, in one pass."""
    value = b"corp-" + b"x7Qm2" * 5
    spelled = value[:9] + b"\x1b[1m" + value[9:]
    text = b"\x1b[" * depth + b"0m" * depth + b" " + spelled + b" end"
    (finding,) = Literals({value: "known"}).find(text)
    assert text[finding.start : finding.end] == spelled


@pytest.mark.parametrize("unseen", ["\u200b", "\x1b[01;31m", "\u0430"])
def test_wherever_it_stands_in_a_long_text_that_hides_nothing_else(
    unseen: str, detector: Detector
) -> None:
    """Only blocks that may hold disguised characters are searched for them."""
    token = github_token().decode()
    rest = token[9:] if unseen != "\u0430" else token[10:]
    spelled = token[:9] + unseen + rest
    block = disguises._BLOCK
    for at in (*range(block - 50, block + 10), 3 * block - 1):
        text = ("x = 1\n" * block)[:at] + f" {spelled} " + "y = 2\n" * block
        (place,) = [f.start for f in detector.find_many([b"a", text.encode(), b"b"])[1]]
        assert place == at + 1


def test_only_blocks_with_strange_characters_are_suspect() -> None:
    block = disguises._BLOCK
    text = b"x" * (2 * block) + "\u200b".encode() + b"x" * (2 * block)
    ((low, high),) = disguises._suspects(text)
    assert high - low < 3 * block
    assert low < 2 * block < high


@pytest.mark.parametrize("secret", [github_token(7), b"sk_live_" + made_up(24, 7)])
def test_a_token_in_markdown(detector: Detector, secret: bytes) -> None:
    """Converters from HTML, which tools use to fetch pages, escape underscores."""
    spelled = secret.decode().replace("_", "\\_")
    found_as_spelled(detector, f"see {spelled} there", secret, spelled)
