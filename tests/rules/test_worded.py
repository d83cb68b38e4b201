"""Secrets made of words (passphrases, signing keys, short passwords), and similar text."""

from __future__ import annotations

import random
import uuid

import pytest

from secretgate_rules import Detector

NOUNS = ("heron", "walnut", "quarry", "lantern", "thistle", "marten", "cinder", "juniper")


def _words(seed: int, count: int) -> list[str]:
    return random.Random(seed).sample(NOUNS, count)


PHRASES = r"""
password = "@"
db_password: '@'
BORG_PASSPHRASE='@' borg create ::x /srv
{"user": "jan", "password": "@"}
{"arguments": "{\"password\": \"@\"}"}
new Client({ user: 'jan', password: `@` })
psk="@"
storePassword = "@"
gpg --batch --passphrase "@" -c f
ssh-keygen -t ed25519 -f k -N "@"
ConvertTo-SecureString -String "@" -AsPlainText -Force
app.use(session({ secret: '@', resave: false }))
the passphrase is "@"
I changed the vault password to "@"
""".strip().splitlines()


@pytest.mark.parametrize("place", PHRASES)
def test_a_passphrase_is_found(detector: Detector, place: str) -> None:
    phrase = " ".join(_words(len(place), 4))
    found = detector.find(place.replace("@", phrase).encode())
    assert [finding.value for finding in found] == [phrase.encode()]


BRIEF = r"""
password: @
DB_PASS=@
"password": "@"
postgres://app:@@db.corp.net:5432/orders
mysql -uroot -p@ orders
sshpass -p @ ssh root@10.0.0.4
ALTER USER root IDENTIFIED BY '@';
kubectl create secret generic db --from-literal=password=@ --from-literal=user=app
<password>@</password>
dataSource.setPassword("@");
""".strip().splitlines()


@pytest.mark.parametrize("place", BRIEF)
def test_a_short_password_is_found_where_nothing_else_can_stand(
    detector: Detector, place: str
) -> None:
    word = "rex20" + str(len(place) + 10)
    text = place.replace("@", word, 1) if "://" in place else place.replace(" @", f" {word}", 1)
    text = text.replace("-p@", f"-p{word}").replace("=@", f"={word}").replace('"@"', f'"{word}"')
    text = text.replace("'@'", f"'{word}'").replace(">@<", f">{word}<")
    assert word.encode() in [finding.value for finding in detector.find(text.encode())]


SIGNING = (
    "JWT_SECRET={}",
    'SECRET_KEY = "{}"',
    "SESSION_SECRET: {}",
    "jwtSecret: '{}'",
    '{{"Jwt": {{"Key": "{}", "Issuer": "orders"}}}}',
    "jwt.sign({{ id }}, '{}', {{ expiresIn: '1h' }})",
)


@pytest.mark.parametrize("place", SIGNING)
@pytest.mark.parametrize("form", ["my-super-{}-2031", "ThisIsOur{}KeyFor2031"])
def test_words_that_sign_tokens_are_found(detector: Detector, place: str, form: str) -> None:
    (word,) = _words(len(place), 1)
    value = form.format(word if form.islower() else word.title())
    text = place.format(value).encode()
    assert value.encode() in [finding.value for finding in detector.find(text)]


def test_letters_alone_sign_tokens_where_a_variable_holds_them(detector: Detector) -> None:
    value = "keep" + "".join(_words(3, 2)) + "safe"
    (finding,) = detector.find(f"SESSION_SECRET={value}\n".encode())
    assert finding.value == value.encode()


QUIET = r"""
password: "enter your new password"
"password": "Das Passwort ist falsch",
"pass": "2 of 3 checks done",
password: the one from page 42
PASSWORD=see the wiki page
message(CHECK_PASS "all components found")
session({ secret: process.env.SESSION_SECRET || 'keyboard cat' })
JWT_SECRET=your-256-bit-secret
SECRET_KEY=generate-a-long-random-string-32
jwt_secret: orders-jwt-secret
"Jwt": {"Key": "#{JwtKey}#", "Issuer": "x"}
"Jwt": {"Key": "JwtBearerDefaults", "Issuer": "x"}
password: string2;
password=user12, host=db1
secret: regcred2024
arn:aws:secretsmanager:eu-1:1:secret:OrdersDb-123456
{ password: passwordField12, token: tokenValue22 }
use_password = creds[1]
owner_password = owner_password[:127]
docker login -u ci --password-stdin
hydra -L users.txt -P rockyou.txt ssh://10.0.0.4
fly secrets set DATABASE_URL=$DATABASE_URL
vault kv put secret/db @db.json
helm install x --set auth.existingSecret=db-credentials-v2
INSERT INTO users (name, password) VALUES (?, ?), ($1, $2)
INSERT INTO settings (name, value) VALUES ('password_min_length', '12chars')
MovedAttribute("HTTPPasswordMgr", "urllib2", "urllib.request")
PASS src/auth/password.test2.ts
AUTH LOGIN PLAIN CRAM-MD5
Le mot de passe est requis.
"next_token": "eyJsYXN0X2lkIjogNTIzNDU2fQ=="
password: ENC[AES256_GCM,data:Tr7o1w==,iv:1KxPb7Rd,tag:vX3kQ9,type:str]
password=${DB_PASSWORD:-postgres}
password for user root (using password: YES)
""".strip().splitlines()


@pytest.mark.parametrize("text", QUIET)
def test_what_reads_like_one_is_left_alone(detector: Detector, text: str) -> None:
    assert [(finding.rule, finding.value) for finding in detector.find(text.encode())] == []


def test_the_rows_of_an_insert_are_a_table(detector: Detector) -> None:
    one, other = (f"{word.title()}!{number}" for word, number in zip(NOUNS, (31, 57), strict=False))
    text = (
        "INSERT INTO `users` (id, email, `password`, created) VALUES\n"
        f"(1, 'jan@corp.net', '{one}', NOW()),\n(2, 'it''s, (me)', '{other}', NULL);"
    )
    assert [f.value.decode() for f in detector.find(text.encode())] == [one, other]


@pytest.mark.parametrize("value", ["Hazel{}77x", "Hazel,Nut77", "Hazel;Nut77", "Hazel(Nut)77"])
def test_a_password_with_brackets_is_found_whole(detector: Detector, value: str) -> None:
    for text in (f'password = "{value}"', f"jdbc:x://h;user=a;password={value.replace(';', '-')}"):
        (finding,) = detector.find(text.encode())
        assert finding.value.decode() in text
        assert len(finding.value) >= len(value)


def test_another_member_behind_a_password_is_not_part_of_it(detector: Detector) -> None:
    value = NOUNS[0].title() + "Nut77"
    for text in (f"password={value};encrypt=true", f"{{user=app, password={value}, ssl=true}}"):
        assert [f.value.decode() for f in detector.find(text.encode())] == [value]


@pytest.mark.parametrize("value", ["{uuid}", "us_{hex}", "{token}"])
@pytest.mark.parametrize(
    "place", ["TOOLJET_KEY=@\n", "ENV TOOLJET_KEY=@", "      - TOOLJET_KEY=@\n"]
)
def test_a_setting_that_a_service_calls_its_key(detector: Detector, place: str, value: str) -> None:
    chosen = random.Random(9)
    token = "".join(chosen.choices("ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789", k=16))
    number = uuid.UUID(int=chosen.getrandbits(128), version=4)
    value = value.format(uuid=number, hex=number.hex, token=token)
    found = detector.find(place.replace("@", value).encode())
    assert [finding.value.decode() for finding in found] == [value]
    for name in ("tooljet_cache_key", "CACHE_KEY", "sort_key"):
        assert not detector.find(place.replace("TOOLJET_KEY", name).replace("@", value).encode())
