"""What in texts of unseen packages and in traffic looked like a secret, and what must still be found beside it."""

from __future__ import annotations

import hashlib
import uuid

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector


def _uuid(seed: int) -> str:
    return str(uuid.UUID(bytes=hashlib.md5(bytes([seed])).digest()))


HEX40 = hashlib.sha1(b"unseen").hexdigest()
HEX64 = hashlib.sha256(b"unseen").hexdigest()
TOKEN = made_up(32, 51).decode()
ADDRESS = f"0x{HEX40}"

QUIET = [
    '* AuthFlow: "NEW_PASSWORD" || "SMS_OTP" || "PASSWORD" || "WEB_AUTHN" || "PASSWORD_SRP",',
    f'var _1INCH__USD = "{ADDRESS}";',
    f'"name": "Storj Token",\n"address": "{ADDRESS}",',
    "./config.sh remove --token TOKEN\\n```\\n\\nOAuth app tokens",
    'var Email = "Email";\nvar Password = "Contrasenya";\nvar Provider = "x";',
    'var Password = "Пароль";',
    'var Password = "Palavra-passe";',
    '"Auth.form.button.password-recovery": "Wachtwoordherstel"',
    '"userlogin-yourpassword": "Akamanyiso",',
    '"changepassword": "shikishpata ichtakat taketzalis"',
    "cu na password 'e bot se ponn'apprisentà",
    '"23F3": "smelio_laikrodis", "23FA": "lio_laikrodis_su_krentančiu"',
    "https://airtable.com/app11RovdGoX0YNsC/tbl, app11RovdGoX0YNsC is the base id",
    "d3_layout_hierarchyVisitAfter(root, d3_layout_packSiblings);",
    "callback(null, root, imports_1, options);",
    "INCORRECT_PASSWORD: 2,\\n};\\n\\nlet verbosity = 1",
    "terms to the **Custom banned password list**\\n5. Click **Save**",
    "1. Click on Password policy to remediate1. Click on Edit",
    "ihren GnuPG-Schlüssel oder Ihr X.509-Zertifikat",
    "logging_evaluated_key = 'queue_properties/[0]/logging/[0]'",
    "--skip-check CKV_SECRET_6:.*DontScan.json$",
    'validate("snmp_auth_protocol", "^\\\\[None\\\\]|MD5|SHA$")',
    "var pass = '#snmp_password';",
    "X-Google-Sender-Auth: ZkDaYkXZHozJZyNGgvWFlv78IRY",
    '"flags/pw.png": "flags/pw.f2bff7cd01d8.png"',
    "const obj = { apiKey: voyageAiApiKey };",
    "Pz8/Pw==\nODk2MTQxNDc1MA==\nODk2MTM3MjU5NjNia212Ymg=\n",
    "".join(f'    {name} = "{_uuid(at)}"\n' for at, name in enumerate(("GUEST", "USER", "READER")))
    + f'    PASSWORD_ADMINISTRATOR = "{_uuid(9)}"\n',
    f"CrashReporter Key:   {HEX40}\nHardware Model: x",
    f"SHA256 (github-token-1.0.tar.gz) = {HEX64}\nchecksums  rmd160 {HEX40} \\\n sha256 {HEX64}",
    f'"requestParameters": {{"clientToken": "{_uuid(1)}"}}',
    '"requestParameters": {"secretId": "prod/api-key-MVuZKs"}',
    f"x-idempotency-key: {_uuid(2)}",
    f"x-cache-key: /auth/token/{HEX40[:32]}",
    '"sessionID": "ses_4e2f1a9b0ffeXy12ZkQpLm"',
    f"'{HEX40[:32]}', // SNMP Password\n\t\t'{HEX40[8:]}', // SNMP Protocol",
    "bc1q7p29v7zu3apcae2utwvnntltjzsjwqtctur6du QmtQ",
    "systemd-run --user --wait -p SuccessExitStatus=11 bash -c true",
    "Implement login to smart cards and PKCS#11 tokens",
    "Token=static:::1a:2b:3c:4d\nToken=prefixstable:2002:da8:1::\n",
    "fts_solr = url=http://nick:pass@127.0.0.1:8983/solr/dovecot/",
    f"request.kauth.grant.id_token.sub => '{_uuid(10)}'",
    f"computeHMACSignature('', 'test_secret') => '{HEX64}'",
    f"auth_method='CHAP', auth_username='{made_up(20, 60).decode()}'",
    'SessionID="3686a690-f8ccac10-5677c924-51b54926",LocalAddress="x"',
    '"sessionId": "amzn1.echo-api.session.{{{session_id}}}",',
    "root_password    => 'PutYourOwnPwdHere',",
    "aider --model deepseek --api-key deepseek=<key>",
    "provide a password with the --password argument.",
    '"pass": "\\033[102;30mpass\\033[0m",  # Green',
    'AuthLoginPasswordChallenge = "Password\\x00"',
    'auth_string = "%s\\1auth=%s\\1\\1" % (header, authz)',
    'headers={"X-Chroma-Token": "test-api-key-123"},',
    'oldPwdHashNT="31d6cfe0d16ae931b73c59d7e0c089c0"',
    "# passwd    = 1*SAFE ; MUST accept up to 255 octets",
    "k = w.key('bc1q2j845rqtpndyg067zhcta3dqd0qv0m3j4yvcw0')",
    f"3ooCm{'B7ahx' * 11}xyz4\nJIcQAAAAAAAA{'AAAyo74b' * 6}B0BA\nAQsFA{'B7ahx' * 11}xyz4\n",
    "Bwd\tBs\tC\nBwe\tB1\tC\nBwf\tB2\tC\nBy pass\tSa\tCQ\nC10H16\tCNO\tf\nC10H6O2x\tTQ\tC\n",
    f'"progressToken": "{_uuid(11)}", "resumptionToken": "{_uuid(12)}_287606585"',
    f'"verify_key": "{made_up(43, 61).decode()}="',
    f'"api_key_id": "apikey_01{made_up(22, 62).decode()}"',
    f"storage_key=tenants/{_uuid(13)}/files/27d550ed800a4de5.pdf",
    f"s3Key: logs/2026/11/24/{HEX40[:32]}.json.gz",
    f"token_type=Bearer sort_key=01TRQS3T0GX2MVADBJ6PAXETAG nonce={made_up(22, 63).decode()}",
    f"logprob_token=secret nonce={made_up(22, 64).decode()} x",
    f"cursor=MXyuumvAE83ST6oyQ4nFlcMuwhBlVrIoBej60tGNOqS5SfNYC5pw== nanoid={made_up(21, 65).decode()}",
    f"< x-amz-request-id: E511EZYTEBBJR5QE\n< x-cache-key: x\n< anthropic-organization-id: {_uuid(3)}",
]


@pytest.mark.parametrize("text", QUIET)
def test_no_secret(detector: Detector, text: str) -> None:
    assert [(f.rule, f.value) for f in detector.find(text.encode())] == []


CHOSEN = "Kestrel44" + "xyz!"
LOUD = [
    ('const password = process.env["DB_PASSWORD"] || "{}";', CHOSEN),
    ('hcaptcha_secret = "{}"', ADDRESS),
    ("tool --token {}\\nplease", TOKEN),
    ("tool --password {}\\n", CHOSEN),
    ('var Password = "{}";', CHOSEN),
    ('"your_password": "{}"', CHOSEN),
    ("password = '{}'\n", "wombat kestrel otter plum"),
    ("LICHESS=lio_{}", TOKEN[:20] + "7"),
    ("Sure! Here you go: admin, {}", "Wombat#" + "7714"),
    ("x-api-key: {}", TOKEN),
    ("Authorization: Bearer {}", TOKEN),
    ("api_key=apikey_{}", TOKEN),
    ("storage_key: {}", TOKEN),
    ("the secret is {}", TOKEN),
    ("tool --api-key {}", TOKEN),
    ("tool login --user ana -p {}", CHOSEN),
    ("user=ana\npassword = {}\n", "1*Safe4Kestrel"),
    ("https://ana:{}@db.corp.net:8983/solr/", "Plover4471" + "kite"),
    ("login\tpassword\tage\nana\t{}\t4\n", CHOSEN),
    ("'password' => '{}'", CHOSEN),
    ("id\tname\n1\tx\n\nuser\tpassword\nana\t{}\n", CHOSEN),
    ('headers={"X-Chroma-Token": "{}"}', TOKEN),
    ("X-Acme-Token: {}", TOKEN),
    ('"client_token": "{}"', _uuid(4)),
    ('"secretId": "{}"', _uuid(5)),
    ("sessionid={}", made_up(32, 52, "abcdefghijklmnopqrstuvwxyz0123456789").decode()),
    ("ALTER USER app IDENTIFIED BY\n   '{}';", CHOSEN),
    ("alter role app password '{}';", CHOSEN),
    ("Passwort der Datenbank, Schlüssel: {}", TOKEN),
    ("APCA_API_SECRET_KEY={}", made_up(40, 53).decode()),
    ("our apca token is {}", made_up(39, 54).decode() + "7"),
    ("zyte api key {}", HEX40[:32]),
    ('apiKey: "{}"', TOKEN),
    (
        "  tenant_id: " + _uuid(6) + "\n  client_id: " + _uuid(7) + "\n  client_secret: {}\n",
        _uuid(8),
    ),
]


@pytest.mark.parametrize(("form", "secret"), LOUD)
def test_beside_what_is_none_a_secret_is_found_whole(
    detector: Detector, form: str, secret: str
) -> None:
    found = [f.value.decode() for f in detector.find(form.replace("{}", secret).encode())]
    assert [value.removeprefix("lio_").removeprefix("apikey_") for value in found] == [secret]
