"""Passwords chosen by people, words followed by digits, wherever developers write them down."""

from __future__ import annotations

import random
import time

import pytest

from secretgate_rules import Detector, letters

BIRDS = ("Kestrel", "Dunlin", "Plover", "Avocet", "Merganser", "Wheatear")
PLACES = r"""
redis-cli -a @
--password @
--password=@
wget --http-password=@ https://x
http -a admin:@ GET :8000/x
http POST :8000/login username=jan password=@
openssl enc -aes-256-cbc -k @ -in a -out b
openssl rsa -in k.pem -passin pass:@
ldapsearch -x -D cn=admin -w @ -b dc=x
net use Z: \\srv\x @ /user:jan
kinit jan <<< '@'
echo @ | docker login -u acme --password-stdin
mount -t cifs //s/x /mnt -o username=jan,password=@
mysqladmin -u root password '@'
sqlplus scott/@@@orcl
keytool -genkey -storepass @ -keypass @
7z x -p@ a.7z
pscp -pw @ a b:
curl --proxy-user jan:@ https://x
lftp -u jan,@ sftp.x
wpa_passphrase home @
user/pass: jan / @
login: jan / @
use admin / @ to log in
credentials: jan:@
you can log in with user jan and password @
I set it to @ as the new password
password → @
- **Password:** @
Das Passwort lautet @
Het wachtwoord is @
Password for the staging box: @
The root password for db3 is @ - rotate it please
btw pw for jenkins: @
"env": [{"name":"DB_PASSWORD","value":"@"}]
password = os.environ.get("PW", "@")
password: @
DB_PASS=@
ADMIN_PW=@
ansible_become_pass: @
$db['default']['password'] = '@';
<network host="smtp" userName="jan" password="@" />
<Password type="plain">@</Password>
DATABASES = {'default': {'PASSWORD': '@', 'USER': 'app'}}
conn = psycopg2.connect(host="db", user="app", password="@")
password = getpass() or "@"
parser.add_argument("--password", default="@")
client.SetBasicAuth("jan", "@")
DriverManager.getConnection(url, "app", "@");
props.setProperty("password", "@");
storePassword '@'
let password = String::from("@");
crypto.createHmac('sha256', '@')
requirepass @
username jan password 0 @
[smtp.x.nl]:587 jan:@
{"args":"{\"command\":\"mysql -u root -p@ x\"}"}
""".strip().splitlines()


def _password(seed: int, tail: str = "") -> str:
    source = random.Random(seed)
    return f"{source.choice(BIRDS)}{source.choice(BIRDS).lower()}{source.randint(10, 99)}{tail}"


@pytest.mark.parametrize("place", PLACES)
def test_a_chosen_password_is_found(detector: Detector, place: str) -> None:
    password = _password(len(place))
    text = place.replace("@@@", f"{password}\0").replace("@", password).replace("\0", "@").encode()
    found = [finding for finding in detector.find(text) if finding.value == password.encode()]
    assert len(found) == text.count(password.encode())


@pytest.mark.parametrize(
    "text",
    [
        "password = get_password()",
        "password: Uint8Array",
        'password: "passwordField1"',
        'name="password" value="inputText2"',
        "PASSWORD=$(pwgen 20 1)",
        "PASSWORD=required",
        "the password is required",
        "The password is memorable.",
        "password is plaintext, username is optional",
        "if the password is unchanged",
        "use docs / chapter12 for more",
        "passwd prefer-ipv4 prefer-ipv6",
        "{'CURLOPT_USERPWD':'','CURLOPT_KEYPASSWD':'','CURLOPT_SSL2':''}",
        '"ClientRequestToken": "a8ca07e4-61ec-4399-99f4-19853801bcd5"',
        "pip/_vendor/idna/core.py,sha256=qaN-fw_htIgKUVXoAuAEVgKxQu3tZ9qE2eiKkWIS7LA,160",
        "user, password = row\nfirst1, second2 = line\n",
        "name, token, value: str\nthing, other12345, more\n",
        "[v8-docs]: https://v8docs.example.org/\n",
    ],
)
def test_what_only_looks_like_one_is_none(detector: Detector, text: str) -> None:
    assert detector.find(text.encode()) == []


@pytest.mark.parametrize(
    "phrase", ["the password is @", "My password is @, keep it", "the password was '@'"]
)
def test_letters_alone_are_found_where_a_sentence_tells_them(
    detector: Detector, phrase: str
) -> None:
    password = "sunshine" + "pony"
    found = detector.find(phrase.replace("@", password).encode())
    assert [finding.value.decode() for finding in found] == [password]


TABLES = (
    "username,password,role\njan,{0},admin\npiet,{1},user\n",
    "user;password;host\r\njan;{0};db\r\npiet;{1};db\r\n",
    "name\tpassword\njan\t{0}\npiet\t{1}\n",
    "| user | password |\n|---|---|\n| jan | {0} |\n| piet | `{1}` |\n",
    'id,"password","note"\n1,"{0}","a, b"\n2,"{1}",""\n',
)


@pytest.mark.parametrize("table", TABLES)
def test_the_head_of_a_column_says_what_is_below(detector: Detector, table: str) -> None:
    one, two = _password(1, "!"), _password(2)
    rows = "".join(f"more {number}\n" for number in range(50))
    text = (rows + table.format(one, two) + rows).encode()
    found = detector.find(text)
    assert [finding.value.decode() for finding in found] == [one, two]
    assert {finding.rule for finding in found} == {"credential-column"}


def test_a_word_of_documentation_is_heard_of() -> None:
    assert not letters.unheard(b"documentation")
    assert not letters.unheard(b"passwordfield")
    assert letters.unheard(b"sunshine" + b"pony")


def test_signs_between_a_password_and_its_name_cost_no_time(detector: Detector) -> None:
    texts = [
        b"password " + signs * 4000 + b" Abcdefg9hijk" for signs in (b"= ", b"=", b"- : ", b"for ")
    ]
    begun = time.process_time()
    for text in texts:
        detector.find(text)
    assert time.process_time() - begun < 5
