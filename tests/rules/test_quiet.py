"""False positives and true positives: values that only look like secrets, and some that are."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import uuid
from pathlib import Path
from types import ModuleType

import pytest

from rules.conftest import github_token, made_up
from secretgate_rules import Detector

SHA1 = hashlib.sha1(b"x").hexdigest()
SHA256 = hashlib.sha256(b"x").hexdigest()
UUID = str(uuid.UUID(bytes=hashlib.md5(b"x").digest()))

QUIET = [
    f"Sec-WebSocket-Key: {made_up(22, 4).decode()}==",
    f'{{"name": "sec-websocket-key", "value": "{made_up(22, 4).decode()}=="}}',
    f'"ClientToken": "{UUID}"',
    "return Network(os.path.join(pwd, 'wr2p2,line1.s2p'))",
    f"PublicKey = eD+PsjOFKSk8rj08vICSrBKD3E0kQbBB4SbUfkGiv0=\nage1{made_up(58, 2).decode().lower()}",
    f'"_meta": {{"progressToken": "{UUID}"}}',
    f'{{"amplitude_id": "{SHA1[:32]}"}}',
    f"TokenService - issued token id={UUID} for client=web in 3ms",
    f"The artefact {made_up(32, 5).decode()} was published, zoom in to see it",
    f"use {SHA1} for zoom",
    "| `RegExp` | Regex must pass |\n\nReturns: `MockClient | MockPool7`.\n",
    f"session={made_up(24, 3).decode()}.{made_up(27, 4).decode()}.{made_up(27, 8).decode()[:3]}",
    f'"chatcmpl-cokxm{made_up(24, 6).decode()}"}}, "session": "{UUID}"',
    f"a=ice-ufrag:Qm7T\r\na=ice-pwd:{made_up(24, 4).decode()}\r\na=ice-options:trickle\r\n",
    f"commit {SHA1}\nAuthor: a\n\n    rotate the token",
    f"resolved https://registry.npmjs.org/x/-/x-1.0.0.tgz#{SHA1}",
    f'"integrity": "sha512-{made_up(86, 9).decode()}=="',
    f"token-parser @ {SHA1}",
    f"requests==2.0 --hash=sha256:{SHA256}",
    f"session id {UUID}",
    f'"id": "{UUID}"',
    f'"toolu_id": "toolu_{made_up(24, 8).decode()}"',
    f'"prompt_cache_key": "{UUID}"',
    f'"signature": "{made_up(300, 7).decode()}"',
    f'ClientToken = "xoxc-{"8" * 12}-{"8" * 12}-{made_up(40, 6).hex()[:40]}"',
    'run: echo "changeme" | base64   key: bXlwYXNzd29yZA== next',
    "password = os.environ['DB_PASSWORD']",
    "password = getpass.getpass('Password: ')",
    "api_key = settings.OPENAI_API_KEY",
    'api_key="<your-key>"',
    "API_KEY=${API_KEY}",
    "API_KEY={{ api_key }}",
    "DB_PASSWORD=changeme",
    "postgres://postgres:postgres@localhost:5432/app",
    "mysql://user:password@db/app",
    "password: password123",
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "max_tokens: 4096, tokenizer: cl100k_base",
    "public_key = " + made_up(43, 6).decode(),
    "ghp_" + "x" * 36,
    "error: connection refused while refreshing the access token",
    "TOKEN=REDACTED<github-pat:3f9a1c04be77>",
    '{"password": "REDACTED<password-assignment:3f9a1c04be77>"}',
    "secretName: my-app-tls-secret-v2",
    "def get_secret_value(secret_id: str) -> SecretValue2:",
    "import { authTokenInterceptor2 } from './auth/tokenInterceptor2'",
    "/home/user/.config/secrets/token_store_v2/index.json",
    "key = 'user_profile_settings_2024'",
    "MSRPC_STATUS_CODE_RPC_S_AUTH_SKEW = 0X16C9A0EA",
    f"Cache restored from key: node-modules-Linux-{SHA256}",
    f'"https://deno.land/x/secret-service@v1/mod.ts": "{SHA256}",',
    f"SHA256 (netlify-secret.iso) = {SHA256}",
    f'"service": "codecov", "cache_key": "codecov:{SHA1}", "partition_key": "{UUID}"',
    f'<div class="digitaloceanSecret" data-key="{UUID}">',
    f"    Rotate the circleci token and secret key (reverts {SHA1})",
    f'"service": "github-token", "etag": "W/\\"{SHA1}\\""',
    f"![line-bot token](data:image/png;base64,{made_up(120, 3).decode()})",
    f"VIRTUAL_MACHINE_CONTRIBUTOR_ROLE_ID = '{UUID}'",
    f"servicenow.com/community?id=community_question&sys_id={SHA1[:32]}",
    'env.MYSQL_PASS = "$mysql_health_env_password$"',
    'muted_pass_color = "#fca903"',
    f"SPEC CHECKSUMS:\n  Password-Hash: {SHA1}\n  Networking: {SHA1[::-1]}\n  Logging: {SHA1[::-1]}\n",
    f"$ git log --grep token\n{SHA1}\n",
    f"$ sha256sum token\n{SHA256}\n",
    f"## Public key\n\n{SHA256}\n",
    "    verdaccio-htpasswd: 13.0.0-next-8.29\n",
    "Token=2001:db8::1a2b:3c4d\n",
    "blkid --list-one --output device --match-token LABEL2024",
    'repeatNodeCount:32,tokenData:"$%`~R!QOX#oXY$pYZ#oZ]#o]^$p^p#opq$pqr%qrs&ost"',
    f"https://avatars1.githubusercontent.com/u/5279615?s=400&u={SHA1}&v=4",
    'FLAG_TURKEY = "\\U0001f1f9\\U0001f1f7"',
    "kadm5_init_with_password|kadm5_modify_principal2|key|krsort",
    "t.tokenValue=o&64?a1(t.source.su):n",
    "return nxJson.accessToken ||\n  !!nxJson.options2Cloud",
    '"href": "http://foo:%F0%9F%92%A9@d:2/", "password": "%3A%40c"',
    "redis+sentinel://app:pa%40ss@s1:26379/0",
    'toToken: "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"',
    "mapper.connect('foo', 'archives/:action/:article2')",
    f"prompt = Prompt(type='VALUE', key='{SHA256[:32].upper()}@0@10')",
    f'<bytes key="NSWhite">{made_up(18, 13).decode()}</bytes>',
    'rule("time_to_first_token:p99:le:200")',
    'json:"trace" protobuf_key:"bytes,1,opt,name=key,proto3"',
    "    <password>0x2222</password>",
    "passwd (cons (cons key-string (elmo-base64-encode-string pass)))",
    "compgen -W '-keystore -storepass -storetype -keypass'",
    '"pwd": "print the current working directory on the remote machine"',
    "'PT': '85.240.0.0/13', 'PW': '209.59.192.0/16'",
    f"set('drone','{SHA256}');\nset('codecov','{SHA256[::-1]}');\nset('puppet','{SHA256}');",
    f'"vapid_key": "BD{made_up(85, 11).decode()}"',
    f"    .set(key=Address('EQ{made_up(46, 12).decode()}'), value=15)",
    f'let pt = "6bc1";\nlet ct = "{SHA256}";\nlet iv = "00";\nlet tag = "61";\nlet key = "{SHA256[:32]}";',
]


@pytest.mark.parametrize("text", QUIET)
def test_no_secret(detector: Detector, text: str) -> None:
    assert [(f.rule, f.value) for f in detector.find(text.encode())] == []


LOUD = [
    ("password: {}", b"hunter2hunter2"),
    ("password: {}", b"!Mustard1417"),
    ("https://deploy:{}@git.corp.net/x.git", b"Wombat%2377x"),
    ("our client id is web-app and the secret is {}", made_up(32, 20)),
    ("DB_PASSWORD={}", made_up(12, 21)),
    ('{{"db_password": "{}"}}', made_up(12, 22)),
    ("mysql -u root --password={} orders", made_up(12, 23)),
    ("PGPASSWORD={} psql", made_up(12, 24)),
    ("https://deploy:{}@git.corp.net/x.git", made_up(14, 25)),
    ("our signing key is {} and works", made_up(40, 26)),
    ("api_key := `{}`", made_up(32, 27)),
    ("the password is {} for now", b"q71hvM6vxzi_Iyu"),
    ("encryption_key: {}", made_up(32, 28, "0123456789abcdef")),
    ('{{"Authorization": "Bearer {}"}}', made_up(40, 29)),
    ("SERVICE_TOKEN={}", str(uuid.UUID(bytes=hashlib.md5(b"y").digest())).encode()),
    ("\\n{}\\n", github_token(30)),
]


@pytest.mark.parametrize(("form", "secret"), LOUD)
def test_a_secret_in_such_a_form_is_found_whole(
    detector: Detector, form: str, secret: bytes
) -> None:
    text = form.format(secret.decode()).encode()
    found = [part.value for finding in detector.find(text) for part in finding.parts]
    assert found == [secret]


def test_the_member_name_is_context(detector: Detector) -> None:
    value = made_up(24, 31)
    assert detector.find(value) == []
    assert [f.value for f in detector.find(value, b"client_secret")] == [value]
    assert [f.value for f in detector.find(value[:10] + b'"' + value[10:], b"password")] == [
        value[:10] + b'"' + value[10:]
    ]


def test_a_named_rule_wins_over_context(detector: Detector) -> None:
    (finding,) = detector.find(b'password = "' + github_token() + b'"')
    assert finding.rule == "github-pat"


def test_repr_hides_the_value(detector: Detector) -> None:
    token = github_token(5)
    (finding,) = detector.find(b"x " + token)
    assert token.decode() not in repr(finding) + repr(finding.parts)


def _harmless() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "benchmarks" / "detection_harmless.py"
    spec = importlib.util.spec_from_file_location("detection_harmless", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.thorough
def test_nothing_is_found_in_lock_files_and_lists_of_identifiers(detector: Detector) -> None:
    texts = [*_harmless()._made_locks(), _harmless()._identifiers()]
    assert len(texts) > 15
    found = detector.find_many(texts)
    assert {at: [f.rule for f in findings] for at, findings in found.items()} == {}


def test_a_token_beside_another_token_is_no_checksum(detector: Detector) -> None:
    one, other = made_up(40, 41, "0123456789abcdef"), made_up(40, 42, "0123456789abcdef")
    text = b"github_token: %b\ngitlab_token: %b\n" % (one, other)
    assert [finding.value for finding in detector.find(text)] == [one, other]


@pytest.mark.parametrize(
    "text",
    [
        "PODFILE CHECKSUMS:\n  lodash: {0}\n  AppAuth: {1}\n  api-key-auth: {2}\n",
        '"github-token": {{"locked": {{"narHash": "sha256-x", "rev": "{0}"}}}}, "token-types": {{"rev": "{1}"}} {2}',
        "100644 blob {0}\t.github/token.md\n100644 blob {1}\t.github/x\n100644 blob {2}\tx\n",
        "{0} .github/secret\n{1} .github/token\n{2} .github\n",
        "fastlane/token.svg,sha256={0},9\nfastlane/x.svg,sha256={1},9\n{2}",
    ],
)
def test_lists_of_hashes_that_mention_credentials(detector: Detector, text: str) -> None:
    hashes = (hashlib.sha1(bytes([number])).hexdigest() for number in range(3))
    assert [(f.rule, f.value) for f in detector.find(text.format(*hashes).encode())] == []


@pytest.mark.parametrize(
    "line",
    [
        'INFO msg="password changed" user_id=64927 key=sessions/%s pod=api-7',
        "releaseManagerKey: %S",
        "  * signing-key.asc: update key to %S",
    ],
)
def test_a_place_in_a_store_and_a_fingerprint_are_no_keys(line: str, detector: Detector) -> None:
    for seed in range(40):
        number = made_up(24, seed, "0123456789abcdef").decode()
        text = line.replace("%s", number).replace("%S", number[:16].upper())
        assert not detector.find(text.encode()), seed
