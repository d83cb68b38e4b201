"""Passwords as people say and paste them: typed at prompts, on lines of their own, in answers, in pairs."""

from __future__ import annotations

import random

import pytest

from rules.conftest import made_up
from secretgate_rules import Detector

PASSWORDS = [
    "run `sudo -i` and type @ when it asks",
    "kinit ana, then enter `@` at the prompt",
    "it will prompt you for the passphrase, just enter @",
    "When asked for a password, use @.",
    "at the password prompt put @",
    "The password for the new staging box:\n\n@\n\nlet me know",
    "New wifi password is below\n@\n",
    "hier das neue Passwort:\n\n    @\n\nGruß",
    "Voici le mot de passe provisoire :\n@\nBonne journée",
    "[09:01] <ana> whats the root pw on build3?\n[09:02] <ben> its @\n",
    "**ana** 9:14 AM\ncan someone give me the sftp password?\n**ben** 9:15 AM\n@\n",
    "Ana Roth (Gast)\n10:22\nPasswort vom Testmandant?\nBen Carter\n10:23\n@\n",
    "The admin password? @",
    "login for grafana: ana, @",
    "log in with 'svc_report' / '@' on the jump host",
    "sign in as jo@acme.io, @!".replace("jo@", "jo\0"),
    "kata sandi: @",
    "รหัสผ่านคือ @",
    "mosquitto_passwd -b /etc/mosquitto/pw gate @",
    "ncftpput -u ana -p @ ftp.acme.io /in a.csv",
    "config wifi-iface 'radio0'\n\toption key '@'\n",
    "| DEPLOY_PASSWORD | @ | yes | yes |",
    "#2 Mailer.php(33): smtp_login('noreply\0acme.io', '@', 587)",
    "INSERT INTO settings VALUES (1,'smtp_host','mail'),(2,'smtp_password','@');",
    "Server     User    Password\ndb1        shop    @\ndb2        etl     -\n",
]
TOKENS = [
    "curl -s https://acme.io/api -b 'theme=dark; JSESSIONID=@'",
    'curl https://acme.io/api --cookie "session=@"',
    "acme.io\tFALSE\t/\tTRUE\t1789000000\tsessionid\t@\n",
    "COPY public.clients (id, name, secret) FROM stdin;\n1\tnorth\t@\n\\.\n",
    "  'passwordsalt' => '@',",
    "NAME     TOKEN                             AGE\nci       @  4d\n",
]
QUIET = [
    "use Python3 when you are asked for a version",
    "def check(password):\n    field1\n",
    "if password:\n    return None\n",
    "my %ptype = qw(\n  password        simple\n  krb41password   krbv41\n);",
    "LOG:  escalation process started with PID:10543",
    "AUTH GSSAPI NTLM LOGIN, AUTH=LOGIN, X-LINK2STATE, XEXCH50, OK",
    "vous pourrez vous connecter sur WeeChat avec n&#8217;importe quel client",
    "| DB_PASSWORD | password of the database | yes |",
    ".prompt { color: #8a9999; }",
    "PIN: 1234",
    "connect pin 1024 to ground",
    "COPY public.clients (id, name, secret) FROM stdin;\n1\tnorth\t\\N\n\\.\n",
    "Type     Password   Used\nuser     required   yes\n",
]


def _password(seed: int) -> str:
    drawn = random.Random(seed)
    return f"{drawn.choice(('Kestrel', 'Plover', 'Wombat'))}{drawn.randrange(1000, 9999)}"


def _found(detector: Detector, text: str) -> set[str]:
    return {finding.value.decode() for finding in detector.find(text.encode())}


@pytest.mark.parametrize("place", PASSWORDS)
def test_passwords_are_found_where_people_tell_them(detector: Detector, place: str) -> None:
    value = _password(len(place))
    text = place.replace("@", value).replace("\0", "@")
    assert any(found.rstrip("!") == value for found in _found(detector, text))


@pytest.mark.parametrize("place", TOKENS)
def test_tokens_are_found_in_cookies_tables_and_dumps(detector: Detector, place: str) -> None:
    value = made_up(32, len(place)).decode()
    assert value in _found(detector, place.replace("@", value))


def test_numbers_of_cards_and_doors_are_found(detector: Detector) -> None:
    text = (
        "My card PIN is 8594. SIM PIN: 7618 PUK: 23727469. The PIN of the door was reset to 950731."
    )
    assert _found(detector, text) == {"8594", "7618", "23727469", "950731"}


@pytest.mark.parametrize("text", QUIET)
def test_what_only_looks_like_it_is_left_alone(detector: Detector, text: str) -> None:
    assert _found(detector, text) == set()
