"""Logins as people note them down, and text that looks like such notes."""

from __future__ import annotations

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector

TOKEN = made_up(32, 6).hex()
WORDED = "Walrus" + made_up(4, 3).hex()[:2] + "Lantern41"
BRIEF = "IhqSb" + "1Gg"
FOUND = [
    ("ID/PW: ana/@\n", BRIEF),
    ("id/pw ana/@\n", WORDED),
    ("User/Password ana / @\n", WORDED),
    ("Default ID/PW are ana/@.\n", WORDED),
    ("id ana pw @\n", BRIEF),
    ("ID-ana / PASS - @\n", WORDED),
    ("username-ana password-@\n", BRIEF),
    ("아이디:ana 패스워드:@\n", BRIEF),
    ("계정:ana 비번:@\n", BRIEF),
    ("비밀번호(@)\n", BRIEF),
    ("ssh ana@192.0.2.7 (PW:@)\n", BRIEF),
    ("id(ana)/pwd(@)\n", BRIEF),
    ("password for ana:@\n", WORDED),
    ("the password for user 'postgres' is '@' or change .env", WORDED),
    ("ana is the user, @ is the password.\n", WORDED),
    ("Ldap password               ----   @\n", WORDED + "!"),
    ("Access Token @\n", "Xq7Lm2Vt9" + "Zk4Rw8"),
    ("<secret>{acme AQAAABAAA @}</secret>", TOKEN),
    ("<apiToken>Bearer @</apiToken>", TOKEN),
    ("<PW>@</PW>", WORDED),
    ("<key>PASS</key>\n        <value>@</value>", WORDED),
    ("  password            => '@',", WORDED),
    ("$mail->Password                = '@';", WORDED),
    ("DB_PASSWORD               = @\n", WORDED),
    ("# REACT_APP_PASS=@\n", "0k937iqw6"),
    ("REACT_APP_AUTH_PASSWORD=@\n", WORDED),
    ("NEXT_PUBLIC_DB_PASSWORD=@\n", WORDED),
    ("smtps://ana@example.org:@@smtp.example.org:465", "FnD83JZ" + "sQ4"),
    ("--pass @ https://example.org", WORDED),
    ("curl --tlspassword @ https://example.org", WORDED),
    ("ConvertTo-SecureString -String -Force @\n", WORDED),
    ("acme_key: '@'\n", "vcrb0wxdn" + "q7gdcd4"),
    ('acmeToken := "Bearer @"\n', "Xq7Lm2Vt9" + "Zk4Rw8"),
    ("BACKUP_CODES=@\n", "24" + "58-6396,6490-2352,2011-0839"),
    ('recovery_codes = ["@"]', '24586396", ' + '"64902352", "64902357'),
    ("curl -u ana:@ https://example.org", "Bav14" + "xjo"),
    ("CREATE USER ana IDENTIFIED BY '@';", "jm%FG8" + "If2P"),
    ("root p/w: @\n", WORDED),
    ("passowrd=@\n", WORDED),
    ("Activation key : @\n", "ZAQWS-XCDER-VBGTR-" + "FRTGU-KLMNX"),
    ("# Client password\n@\n", TOKEN),
    ("jdbc:oracle:thin:hr/@@db1.corp.net:1521:ORCL", WORDED),
    ("POSTGRES_PASSWORD: @\n", "App_P0stgr3s" + "_P@ss"),
    (
        "SECRET_KEY = 'django-insecure-@'\n",
        "_du9e^cmago!%(^+=gr@cu@v9-" + "v7ulhbk2s3!w&39w4+n3*k*$",
    ),
    ("psexec \\\\192.0.2.7 -u Administrator -p @ cmd", "bra" + "ksha"),
    ('exec("CREATE USER ops IDENTIFIED BY @");', WORDED),
]
QUIET = [
    "username/password authentication with OAuth2 is on",
    "user, password = split(login2)",
    "the user/password pair is sent to /api/v2/login",
    "login: see password reset in chapter4",
    "hash_password(password1, salt2)",
    "login(username: user, password: newPassword2)",
    "SHA256 is the password hash that we use",
    "password -------- see chapter2\n",
    "the secret ConfigurationV2Key",
    "<token>the description of the element number 12345678901234</token>",
    "<secret>{acme.orders.secret.name}</secret>",
    "NEXT_PUBLIC_MAPS_KEY=map-style-2-of-the-page",
    "비밀번호(확인)",
    "ID/PW: admin/password1",
    "layout_key: 'sidebarPanel2Left'",
    "grid_key: 8f3a1c9d27b40e65",
    '"Bearer authentication2"',
    "POSTGRES_PASSWORD: My_Str0ng_P@ssw0rd\n",
    "password: $(cat /run/secrets/db2)",
    'password = "%(db_password)s"',
    "Product key: XXXXX-XXXXX-XXXXX-XXXXX-XXXXX",
    "psexec \\\\srv -u ops -p %PASS% cmd",
    "ConvertTo-SecureString -String $env:PASSWORD2 -AsPlainText",
]


@pytest.mark.parametrize(("context", "secret"), FOUND)
def test_noted_logins_are_found(context: str, secret: str, detector: Detector) -> None:
    place = context.find("@@") if "@@" in context else context.rfind("@")
    text = (context[:place] + secret + context[place + 1 :]).encode()
    at = text.index(secret.encode())
    assert any(f.start <= at and at + len(secret) <= f.end for f in detector.find(text))


@pytest.mark.parametrize("text", QUIET)
def test_what_is_no_login_is_left_alone(text: str, detector: Detector) -> None:
    assert [finding.rule for finding in detector.find(text.encode())] == []
