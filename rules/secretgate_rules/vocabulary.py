"""Words that decide what a value is: those of defaults, of programs, of documentation."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from pathlib import Path

HUMP = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""A word of a name in camel case, or a run of capitals."""
TRIVIAL = frozenset(
    b"please password passwd pass pwd pw secret token admin root test tests testing user username postgres mysql "
    b"mongo redis rabbitmq guest demo default changeme letmein welcome qwerty qwertz qwertyuiop asdf asdfgh asdfghjkl zxcvbn "
    b"abc abcd abcde abcdef abcdefg abcdefgh foo bar baz foobar hello world iloveyou monkey dragon master login "
    b"super my the new old db database app api key local localhost dev development prod production staging "
    b"sample example temp tmp none null nil true false string str text value pa word sa minio minioadmin "
    b"keycloak elastic grafana oracle system manager scott tiger sekret mypass mysecret topsecret not real palavra passe "
    b"your here insert strong secure some any this for insecure simple weak fake dummy mock placeholder "
    b"docker vagrant ansible jenkins gitlab github sonar kafka airflow wordpress django flask rails supersecret verysecret "
    b"correct horse battery staple enter type choose set unset encrypted hashed hash wrong right invalid valid bad good "
    b"a anon anonymous anoncvs pserver keyboard cat nobody know field input required missing empty blank confirm confirmation repeat repeated current reset forgot forgotten "
    b"proxy file sekrit senha minha clave contrasena passwort kennwort wachtwoord cisco arista netapp maglev "
    b"sql ldap smtp unsecure unsecured agent change it changeit secure geheim secreto opensesame "
    b"john doe jane alice bob joe acme company very long and long random generated one two three first second other another "
    b"auth rest localstack activemq barbican keystone neutron glance cinder weblogic nagios".split()
)
"""Words of default passwords and tutorials."""
POPULAR = frozenset((b"monkey", b"dragon", b"tiger"))
"""Those of `TRIVIAL` that people choose, too. Alone or with a short number they are what others try first."""
PASSWORD_ABROAD = frozenset(
    b"adgangskode adgangskoder jelszo lozinka lozinke salasana salasanat wachtwoord wachtwoorden kennwort kennworter passwort passworter "
    b"contrasena contrasenas contrasenya contrasinal motdepasse sifreniz parola parole parool passord passordet losenord losenordet "
    b"slaptazodis pasahitza katalaluan katasandi fjalekalim fjalekalimi geslo haslo heslo lykilord aikotnhota parolle parolja "
    b"wagwoord cyfrinair pasfhocal facal focalfaire senhas asmakey nenosiri igamalokungena matkhau raghvathong rahasia sandi "
    b"zaporka losinka pasvorto paswoord pasword salasona parooli jelszava jelszavak anahtar bejelszo contrasigno wachtwurd".split()
)
"""What a password is called in other languages, in letters of ASCII: labels of translations."""
OF_CODE = frozenset(
    b"password passwords passwd passphrase passcode pass pwd pw token secret key user username userid login auth oauth credential "
    b"credentials field input output form box text txt edit label line view page panel dialog button string str char byte sensitive attribute pkcs wpa wep psk "
    b"bytes int uint integer float double bool long short array arr list vec vector map dict set tuple object obj ptr ref "
    b"buf buffer tmp temp arg args argv param params value val var data info item index idx num number count size len jwt verify action flow config "
    b"length min max type name id base utf ascii latin hex sha md hash hashed digest crypt bcrypt scrypt pbkdf argon salt "
    b"hmac aes rsa des ntlm crc encode encoded encoding decode decoded encrypt encrypted decrypt enc get is has to from "
    b"with new old test tests case example sample default config conf option opt version ver v rev file path dir url uri "
    b"http https host port db sql api app client server service request response req res ctx self this raw plain hidden "
    b"invalid valid wrong correct manager provider handler helper util utils func fn error err msg message step part group "
    b"level rule check verify validate validator policy strength expected actual result foo bar baz aaa abc xyz qwe first last "
    b"second another other your my tok tk sess sid async stream chunk win linux mac node proto dom java python chars characters days minutes seconds hours times "
    b"windows section chapter figure table row column col lowercase uppercase digit digits none null undefined required code codes verification".split()
)
"""Words typical of names in programs."""


def chain(
    word: bytes, more: frozenset[bytes] = frozenset(), known: frozenset[bytes] = TRIVIAL
) -> bool:
    """Return whether a word is a concatenation of `known` words and those in `more`."""
    reach = [True] + [False] * len(word)
    for end in range(1, len(word) + 1):
        reach[end] = any(
            reach[start] and (word[start:end] in known or word[start:end] in more)
            for start in range(end)
        )
    return reach[-1]


SIGNS = bytes.maketrans(b"@$", b"as")
DIGITS = bytes.maketrans(b"013457", b"oleast")
"""The letters that signs and digits stand for in passwords."""
_WITHIN = re.compile(rb"[A-Za-z][0-9@$]+[A-Za-z]")
_OF_TUTORIALS = frozenset(
    b"my your the a some any strong super secure very example sample test demo change default new dummy fake simple complex".split()
)
_LETTER = re.compile(rb"[A-Za-z]")


def substituted(value: bytes) -> bool:
    """Return whether the value is three or more words with digits and signs for letters, as people choose them.

    `App_P0stgr3s_P@ss` is a password, although each of its words is well known.
    """
    pieces = [piece for piece in re.split(rb"[_.-]", value) if _LETTER.search(piece)]
    if len(pieces) < 3 or len(value) < 14 or not any(map(_WITHIN.search, pieces)):
        return False
    plain = {piece.lower().translate(SIGNS).translate(DIGITS) for piece in pieces}
    return _OF_TUTORIALS.isdisjoint(plain)


@lru_cache(maxsize=1)
def documented() -> frozenset[bytes]:
    """Return the words of documentation."""
    stored = Path(__file__).with_name("words.bin").read_bytes()
    return frozenset(zlib.decompress(stored).split(b"\n"))
