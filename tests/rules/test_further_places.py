"""Passwords in files of less common programs, in rows of tables, in patches, and told in other words."""

from __future__ import annotations

import random
import string

import pytest

from secretgate_rules import Detector, load_default

_SEED = random.Random(61)
CHOSEN = (
    "Kestrel2019!",
    "merganserdunlin57",
    "Plover_Kite31",
    "xK7pQ2mW9tRz",
    "Tiger2021!",
    "dragonavocet47",
)
KEY = "".join(_SEED.choices("0123456789abcdef", k=40))
BASE64 = "".join(_SEED.choices(string.ascii_letters + string.digits, k=43)) + "="
FACEBOOK_APP = "".join(_SEED.choices("0123456789abcdef", k=32))
SQUARE = "EAAA" + "".join(_SEED.choices(string.ascii_letters + string.digits, k=60))
SLACK = "-".join(
    ["xoxp", *("".join(_SEED.choices(string.digits, k=12)) for _ in range(3)), FACEBOOK_APP]
)

TOLD = r"""
pass is @
I hardcoded the password (@) in config.py
unlock it with @, that's the password
Nimm @ als Passwort
j'ai mis @ comme mot de passe
la contraseña de la base de datos es @
usa @ como contraseña
a palavra-passe é @
usa @ come password
ho cambiato la password in @
используй @ как пароль
新密码为 @
用 @ 作为密码
合言葉は @ です
gebruik @ als wachtwoord
"jo" * "@" *
set system radius-server 10.0.0.9 secret "@"
ks.load(in, "@".toCharArray());
01 WS-PASSWORD PIC X(20) VALUE "@".
set thePassword to "@"
/ip ipsec identity add peer=p secret=@
static-auth-secret=@
chpasswd:\n  list: |\n    root:RANDOM\n    jo:@
name,value,env\nDB_PASSWORD,@,prod
user=jo&passwd=@&remember=1
expect "password:"\nsend "@\r"
Login: `jo`\nPassword: `@`
-DB_PASSWORD=\n+DB_PASSWORD=@
""".strip().split("\n")
KEYS = [
    ("name,value,env\nPORT,80,prod\nAPP_SECRET,@,prod\n", KEY, "generic-api-key"),
    ("-APP_SECRET=\n+APP_SECRET=@\n", BASE64, None),
    ("-SECRET_KEY=\n+OTHER_SECRET_KEY=@\n", KEY, None),
    ('variable "app_signing_key" {\n  type = string\n  default = "@"\n}\n', KEY, None),
    ("<key>AppCredential</key>\n<string>@</string>\n", BASE64, None),
    ("tool login --svc-signing-key @ --verbose\n", BASE64, None),
    ("VAULT_TOKEN=@\n", "hvs." + KEY + KEY[:32] + "Todo" + KEY, "vault-service-token"),
    ("ARTIFACTORY_KEY=@\n", "AKC" + "o2Az6vGGou", "artifactory-api-key"),
    ("FACEBOOK_APP_SECRET=@\n", FACEBOOK_APP, "facebook-secret"),
    ("SQUARE_ACCESS_TOKEN=@\n", SQUARE, "square-access-token"),
    ("SLACK_USER_TOKEN=@\n", SLACK, "slack-user-token"),
]
QUIET = [
    'assert sha256(b"password") == "' + KEY + KEY[:24] + '"',
    "Authorization: Basic dXNlcjpwYXNzd29yZA==",
    "did:key:z6Mk" + BASE64[:-1],
    "'password' => 'required|string|min:8|confirmed',",
    "password: dragon123",
    "monkey: monkey12, password: monkey12",
    "TOKEN_EOF,TOKEN_STRING2,\nSECRET_KEY,PUBLIC_KEY1\n",
    "the password (SHA256-hashed) is stored",
    "unlock it with Touch ID, that's the easiest",
    "usa bcrypt2 como contraseña",
    'char[] HEX = "0123456789abcdef".toCharArray();',
    "echo 'a' 'b' 'release-2024.1'\n",
    "user=nginx:www-data\n",
    r'$env:GOOGLE_APPLICATION_CREDENTIALS="C:\path\to\your\keyfile.json"',
]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_default()


@pytest.mark.parametrize("place", TOLD)
def test_a_password_is_found_there_and_nothing_around_it(detector: Detector, place: str) -> None:
    written = place.replace(r"\n", "\n")
    for password in CHOSEN:
        findings = detector.find((written.replace("@", password) + "\n").encode())
        assert [finding.value.decode() for finding in findings] == [password]


@pytest.mark.parametrize(("place", "value", "rule"), KEYS, ids=range(len(KEYS)))
def test_a_key_is_found_there(detector: Detector, place: str, value: str, rule: str | None) -> None:
    (finding,) = detector.find(place.replace("@", value).encode())
    assert finding.value.decode() == value
    assert rule in (None, finding.rule)


@pytest.mark.parametrize("text", QUIET)
def test_nothing_is_found(detector: Detector, text: str) -> None:
    assert detector.find(text.encode()) == []
