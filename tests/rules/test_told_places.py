"""Credentials in places a larger hold-out has them, and labels and code that stand in such places."""

from __future__ import annotations

import random
import string

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector, load_default

_SEED = random.Random(7)


def _letters(count: int) -> str:
    return "".join(_SEED.choices(string.ascii_letters, k=count))


PASSWORD = "Avocet" + made_up(4, 3).hex()[:2] + "Plover41"
TANGLED = f"{_letters(6)}@{_letters(6)}"
FOUND = [
    ("my wifi password at home is @ btw", PASSWORD),
    ("pass for the zip: @", PASSWORD),
    ("the passphrase for the key is @", PASSWORD),
    ("new pw = @", TANGLED),
    ("password=@\n", TANGLED),
    ("'password' => '@',", "avocetplover"),
    ("<password>@</password>", "avocetplover"),
    ("password: @\n", "27.08.1964"),
    ("password=@\n", "06011960"),
    ("my password is @, is that good?", "27.08.1964"),
    ('a.encryptedObjects.encryptionKey: "@"', made_up(32, 5).decode()),
    ("The admin password was @ before the migration.", PASSWORD),
    ('<meta-data android:name="io.acme.ApiKey" android:value="@" />', made_up(20, 4).hex()),
    ("new password is: @", PASSWORD),
    ("the vpn password changed to @ today", PASSWORD),
    ("pw for alice => @", PASSWORD),
    ("temporary password: @, must be changed", "Avocet4" + "19*"),
    ("ftp pass @, please upload", PASSWORD),
    ("pat: @\n", made_up(40, 2).decode()),
    ("key: @\niv: " + made_up(16, 3).hex(), made_up(32, 2).hex()),
    ("# Client password\n@\n", made_up(44, 6).decode()),
    ("## OpenAI API key\n\n@\n", made_up(40, 7).decode()),
    ("**API key:**\n```\n@\n```\n", made_up(32, 8).hex()),
    ("my credentials for the test account\n```\n@\n```\n", "QvTnzRkWbLxGdMsHpJcF"),
    ("the bearer token is\n@\n", made_up(40, 9).decode()),
    ("$ terraform output -raw grafana_admin_password\n@\n$", made_up(20, 10).decode()),
    ("root:~# cat /run/secrets/db_password\n@\n", made_up(24, 11).decode()),
    ("SSHPASS=@ sshpass -e rsync -a . web1:/srv", made_up(16, 12).decode()),
    ("user: {name: admin, password: @}", "Avocet4" + "19!"),
    ("jdbc:sqlserver://db1:1433;user=sa;password=@;encrypt=true", "P@avoc" + made_up(5, 2).hex()),
    ("mysql -h db1 -u root -p'@' shop", "Rjal4" + made_up(3, 4).hex() + "&%1oY"),
    ("ENV SECRET_KEY_BASE @", made_up(64, 13).hex()),
    ("rabbitmqctl add_user ops '@'", "P@avoc" + made_up(3, 5).hex() + "*PW"),
    ("v_pwd VARCHAR2(30) := '@';", "Avocet4" + "195"),
    ('red:auth("@")', made_up(16, 14).decode()),
    ("/etc/app/mail.ini:smtp_password=@\n", "P!avoc" + made_up(4, 15).hex()),
    ('DB_PASS = os.getenv("DB_PASS") or "@"', "Avocet!41" + "x5"),
    ('var pass = flag.String("pass", "@", "db password")', PASSWORD),
]
QUIET = [
    '"admin-password": "Wagwoord:"',
    'Cleartext-Password := "%{control:User-Password}"',
    '"resetpass": "Hindi ang iyong password: $1\\n\\nPakipalit"',
    "$wgPasswordSender = 'apache@' . $wgServerName;",
    'sqlserver://<USERNAME>:<PASSWORD>@localhost:1433"',
    '{"username": *UserName* , "password": *Password* }',
    '"AWS::IAM::AccessKey": "aws-cdk-lib/aws-iam.CfnAccessKey",',
    "exports.YouTubeOAuth2Api = YouTubeOAuth2Api;",
    '"XOauth2","OktaOauth2"',
    "password: 'not-needed',",
    'type K = "error:passwordIncorrect" | "fields:blocks"',
    'allPass:"overEvery",anyPass:"overSome"',
    'throw Error("File is password-protected: ECMA-376 Extensible")',
    '"reset_password": "20/m/ip,5/m/key"',
    'PASSWORD_TITLE = "Passwords"',
    "const sessionId = GenericFunctions_1.validateSessionId.call(this, index);",
    'totp": "\\\\MediaWiki\\\\Extension\\\\OATHAuth\\\\Module\\\\TOTP::factory"',
    '"Resource":"arn:aws:secretsmanager:*:*:secret:AmazonDataZone-*",',
    "value: 'PVEAPIToken={$PVE.TOKEN.ID}={$PVE.TOKEN.SECRET}'",
    "reset_password_within = 5.days",
    '{key:"Mod-Alt-\\\\",run:_ke},{key:"Shift-Mod-k",run:kke}',
    '<input name="csrfmiddlewaretoken" value="' + made_up(64, 8).decode() + '">',
    "".join(
        f"Count = {at}\r\nKey = {made_up(16, at).hex()}\r\nIV = {made_up(12, at).hex()}\r\nPT = \r\n\r\n"
        for at in range(4)
    ),
    "h(Host, Object.assign({ key: '" + made_up(20, 8).hex() + '\', role: "img" }))',
    "encryptedData:\n  password: Ag" + made_up(320, 3).decode() + "\n",
    "the password was changed to a stronger one, and the token is: expired",
    "connect(password=getPassword32, user)",
    f"SHA1(token.c)= {made_up(20, 2).hex()}\nSHA2-256(secret.bin)= {made_up(32, 2).hex()}",
    "pip install -U langchain-community pypdfium2\n",
    "password_encryption = 'scram-sha-256'",
    "Your username and password didn&#39;t match.",
    '"X-Auth-Token": "user1:%s:admin"',
    '"password_changed": "27.08.1964"',
    "the password was changed on 27.08.1964",
]


@pytest.mark.parametrize(("place", "value"), FOUND)
def test_a_value_that_a_sentence_states_is_found(
    detector: Detector, place: str, value: str
) -> None:
    text = place.replace("@", value, 1).encode()
    assert value.encode() in {text[found.start : found.end] for found in detector.find(text)}


def test_places_of_both_databases_are_read_in_order(detector: Detector) -> None:
    first, second = "hunter2hunter2", made_up(40, 7).decode()
    text = f"password: {first}\n## OpenAI API key\n\n{second}\n".encode()
    assert [text[one.start : one.end].decode() for one in detector.find(text)] == [first, second]


@pytest.mark.parametrize("text", QUIET)
def test_left_alone(detector: Detector, text: str) -> None:
    assert detector.find(text.encode()) == []


def test_certificates_are_reported_unless_asked_otherwise() -> None:
    body = made_up(64, 1).decode()
    text = (
        f"-----BEGIN CERTIFICATE-----\nMII{body[:61]}\n{body}\n-----END CERTIFICATE-----".encode()
    )
    assert [found.rule for found in load_default().find(text)] == ["x509-certificate"]
    assert load_default(enable=()).find(text) == []
