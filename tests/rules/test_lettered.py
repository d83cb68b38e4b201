"""Passwords of letters alone and of odd characters in settings, and labels that look like them."""

from __future__ import annotations

import json

import pytest

from secretgate_rules import Detector

NAMED = "Tralfa" + "madore"
WORDS = "ocelot lantern " + "marten thistle"
SETTINGS = r"""
DB_PASSWORD=@
export DB_PASSWORD="@"
spring.datasource.password=@
password = @
  password: @
  password: "@"
{"user": "sa", "password": "@"}
conn = connect(user="sa", password="@")
$config['db_password'] = '@';
      - POSTGRES_PASSWORD=@
""".strip().splitlines()


@pytest.mark.parametrize("place", SETTINGS)
def test_a_name_as_the_password_of_settings(detector: Detector, place: str) -> None:
    text = place.replace("@", NAMED) + "\n"
    assert [f.value.decode() for f in detector.find(text.encode())] == [NAMED]


@pytest.mark.parametrize(
    "place", ["DB_PASSWORD=@\n", "a.b.password=@\n", "db:\n  password: @\n", "[x]\npassword = @\n"]
)
def test_words_without_quotes_are_a_passphrase(detector: Detector, place: str) -> None:
    found = detector.find(place.replace("@", WORDS).encode())
    assert [f.value.decode() for f in found] == [WORDS]


@pytest.mark.parametrize(
    "value", ["abcd" + '"' + "efgh127", "p" + '"' + "a\\" + "9kRtw7", "it" + "'" + "s4Heron"]
)
def test_a_quote_inside_a_quoted_password(detector: Detector, value: str) -> None:
    written = json.dumps({"user": "sa", "password": value})
    assert [f.value.decode() for f in detector.find(written.encode())] in (
        [value],
        [json.dumps(value)[1:-1]],
    )


@pytest.mark.parametrize(
    "text",
    [
        r'{"password": "\u5bc6\u78bc", "token": "\u30c8\u30fc\u30af\u30f3"}',
        r'{"password": "L\u00f6senord", "otp": "Ein-Zeit-Schl\u00fcssel"}',
        '{"password": "Пароль.", "password2": "Salasõna:"}',
        '{"password": "Jelszo", "newPassword": "Salasana"}',
        "password: Wachtwoord\npasswd: Kennwort\n",
        "const field = kind === 'password' ? 'newPassword' : 'verificationCode';\n",
        "vault_bgp_passwords:\n  edge-1-sdk7: x\n",
        'vault_bgp_passwords:\n  "edge-1-sdk7": x\n',
        "PASSWORD=abcdefgh psql orders\n",
        "password: text that the user chose\n",
        '{username = "netscreen", password = "netscreen"}',
        'password = "P4$$w0rD"',
        "ansible_host=10.0.0.1 ansible_ssh_pass=password ansible_user=root",
        "| kafka_host | no |\n| kafka_password | no |\n| kafka_rest_proxy_url2 | no |\n",
        '{"idempotency_key": "789ff020-f723-43a9-b4b5-43b5dc1fa3dc"}',
        "({oauth2_flow:e.oauth_flow_type===e7.n.M2M?e7.P:e7.V})",
        '"auth0-legacy": "npm:auth0@^4.37.1"',
        "github.com/coreos/go-oidc/key " + "0123456789abcdef"[::-1] * 2 + "01234567",
        "auth0 = FlowActionAuth0SendRequestParams",
    ],
)
def test_labels_sections_and_code_are_no_secrets(detector: Detector, text: str) -> None:
    assert [(f.rule, f.value) for f in detector.find(text.encode())] == []


TOKEN = "8ba0c639d8f3" + "41b069938f42f35b9cf3"
TELLS = r"""
UPDATE settings SET value = '@' WHERE name = 'acme_signing_key';
{"auth": {"apikey": [{"key": "value", "value": "@"}, {"key": "key", "value": "X-K"}]}}
De storage key van Acme is @ dacht ik
Le token Acme est @, merci
El token de Acme es @
use `@` as the Acme storage key
public string StorageKey { get; set; } = "@";
[Option("storage-key", Default = "@")]
dotnet user-secrets set "Acme:StorageKey" "@"
static NSString *const kAcmeStorageKey = @"@";
const ACME_STORAGE_KEY: &'static str = "@";
<key>AcmeStorageKey</key><string>@</string>
""".strip().splitlines()


@pytest.mark.parametrize("place", TELLS)
def test_where_developers_put_tokens(detector: Detector, place: str) -> None:
    head, _, tail = place.rpartition("@")
    text = f"{head}{TOKEN}{tail}\n"
    assert [f.value.decode() for f in detector.find(text.encode())] == [TOKEN]


@pytest.mark.parametrize(
    "line",
    [
        "snmpget -v3 -l authPriv -u ops -a SHA -A {0} -x AES -X {1} 10.0.0.1",
        "snmp-server user ops GRP v3 auth sha {0} priv aes 128 {1}",
        'createUser ops SHA "{0}" AES "{1}"',
    ],
)
def test_both_passwords_of_one_command(detector: Detector, line: str) -> None:
    one, other = "Kestrel" + "4821", "Plover" + "9073x"
    found = detector.find(line.format(one, other).encode())
    assert [f.value.decode() for f in found] == [one, other]
