"""Classifies values by their content alone: template, placeholder, code, default, password."""

from __future__ import annotations

import re

from .memo import remembered
from .randomness import entropy, evidence, scrambled
from .standins import UUID, dummy, steps, template
from .vocabulary import DIGITS, HUMP, OF_CODE, PASSWORD_ABROAD, POPULAR, SIGNS, chain, substituted

_SHA_PREFIX = re.compile(rb"(?i)^(?:sha(?:1|224|256|384|512)|md5|blake2b?|git)[-:=_/]")
_SHA_ITSELF = re.compile(rb"(?i)sha(?:1|224|256|384|512)[-=:_]")
_DATE = re.compile(
    rb"^[0-9]{1,4}-(?:byte|bit|char|digit|letter|word|day|hour|year)s?\b|^[0-9]{1,6}:[0-9]{1,6}:|^[a-z]{2,9}-(?:gov-)?(?:north|south|east|west|central)(?:east|west)?-?[0-9]$|^[0-9]{4}-[0-9]{2}-[0-9]{2}|^[0-9]{1,4}(?:/(?:[smhd]|min|sec|hour|day)|\.(?:second|minute|hour|day|week|month|year)s?)\b|^[0-9]{1,2}:[0-9]{2}|^[\^~<>=v]{0,3}(?:[0-9]:)?[0-9]+(?:\.[0-9]+)+(?:[-+.~][\w.+~-]+)?$|^(?:[0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$"
)
_VERSION = re.compile(
    rb"[\^~<>=v]{0,3}[0-9]{1,4}(?:\.[0-9]{1,6}){2,3}(?:[-+.~][\w.+~-]+)?|#[0-9a-fA-F]{6}"
)
_PATH = re.compile(
    rb"^(?:~|\.{1,2})?/[\w.@-]+(?:/[\w.@-]*)+$|^[A-Za-z]:\\|^[\w-]+(?:\.[\w-]+)*\.(?:pem|key|crt|cer|json|ya?ml|txt|md|py|jsx?"
    rb"|tsx?|go|rs|java|rb|php|html?|css|xml|toml|ini|cfg|conf|properties|env|pub|p12|pfx|jks|log|csv|sh|png|svg|jpg|gz|zip|sql|so|h|c)$"
)
_WINDOWS_PATH = re.compile(rb"\\{0,4}[\w .{}%-]+(?:\\{1,4}[\w .{}%-]+){2,}(?:\\{0,4}|::\w+)")
_ON_DRIVE = re.compile(rb"[A-Za-z]:(?:\\{1,4}[\w .{}%~-]{1,60}+)+")
_HOST = re.compile(
    rb"^[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|dev|local|internal|cloud|app|co|ai|test|invalid|example)(?::[0-9]+)?(?:/.*)?$"
)
_ADDRESS = re.compile(rb"(?:[a-z]{5,12}:)?(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}")
"""Of an Ethernet device or in IPv6."""
_EMAIL = re.compile(rb"^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$")
_IDENTIFIER = re.compile(rb"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*")
_SUBSCRIPT = re.compile(
    rb"[A-Za-z_$][\w$.]*\[(?:[^\]]*\][\w.\[\]]*[)}\],;]*|(?:&(?:#[0-9]{2}|quot)|\\?[\"'])[^\]]*)"
)
_EXPRESSION = re.compile(
    rb"[\w$]\.[\w$]+\?\?|[!=]==|&&(?:!?[A-Za-z_$][\w$]*\.|null\b)|[\w$]\?\.[A-Za-z_$]|[\w$]\?[\w$.!]*[A-Za-z][\w$.!]*:[\w$.!]+$"
)
"""Operators of JavaScript: `a??b`, `a?.b`, `a?b:c`, `a===b`, `a&&b.c`."""
_REGEX = re.compile(
    rb"\\[dwsDWS](?:[+*?{]|\\)|\w\.\*\.\w|^\.\*|^\^.*\$$|^[0-9]{0,2}\*[A-Z][A-Z0-9]*$|/\[[0-9*]{1,3}\](?:/|$)|@sha256:|^[a-z][a-z0-9-]{1,30}:(?:[A-Z][a-z]+){2,8}\*?$|[a-z]/:[a-z]"
)
"""Classes of characters in a regular expression, and how often they repeat; a pattern of names; an image and
its digest; an action that a policy allows; a route."""
_CHOICE = re.compile(rb"[A-Za-z]{2,20}(?:\|[A-Za-z_]{2,20}(?::[\w,.-]{1,30})?)+")
"""Choices, or what a form checks: `required|string|min:8`."""
_DEPENDENCY = re.compile(
    rb"^(?:npm|workspace|link|file|catalog|github|jsr):|@[\^~<>=]{1,2}[0-9]+\.|^RPM-GPG-KEY-"
)
"""Versions of packages, and files of public keys, as package managers name them."""
_HEX = re.compile(rb"[0-9a-f]+|[0-9A-F]+")
_LETTERS = re.compile(rb"[A-Za-z]+")

_PUBLIC = (
    b"ssh-rsa", b"ssh-ed25519", b"ecdsa-sha2-", b"AAAAB3NzaC1yc2E", b"AAAAC3NzaC1lZDI1NTE5", b"AAAAE2VjZHNhLXNoYTIt",
    b"MFkwEwYHKoZIzj0C", b"MHYwEAYHKoZIzj0C", b"MCowBQYDK2V", b"MIIBIjANBgkqhkiG9w0BAQEF", b"MIICIjANBgkqhkiG9w0BAQEF", b"MIGfMA0GCSqGSIb3DQEB",
)  # fmt: skip
"""What public keys begin with: those of SSH, and SubjectPublicKeyInfo (RFC 5280) of the common algorithms."""
_POINT = re.compile(rb"(?:dh=)?B[A-P][A-Za-z0-9_-]{85}=?")
"""A point of the curve P-256 in base64url: the public key of Web Push (RFC 8292)."""
_ACCOUNT = re.compile(rb"0x[0-9a-fA-F]{40}|(?:bc|tb)1[02-9ac-hj-np-z]{38,87}")
"""The address of an account or a contract of Ethereum, or of an account of Bitcoin."""
_VARIABLE = re.compile(rb"[a-z]+(?:[A-Z][a-z]+)*(?:ApiKey|Token|Secret|Password)")
"""A variable in camel case that holds a credential: `voyageAiApiKey`."""
_OBJECT = re.compile(rb"[\w@%+-][\w.@%+-]*(?:/[\w.@%+-]+)+\.[a-z][a-z0-9]{1,4}")
"""The key of an object in a store of files: `logs/2026/11/24/....json.gz`."""
_STORED = re.compile(rb"(?=[^/]+/)(?:[a-z]{2,20}[-_./]){2,8}[A-Za-z0-9]{6}")
"""The name of a secret of AWS Secrets Manager in an ARN, which ends in six characters at random."""
_TAGS = re.compile(rb"[a-z]+[0-9]*,[0-9]+,[a-z]+,[a-z]+=.*")
"""What a struct tag of Go says of a member: `bytes,1,opt,name=key`."""


_FOREIGN = re.compile(
    rb"\\+(?:u(?!00[0-7])[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|x[89a-fA-F][0-9a-fA-F])|[\xc2-\xf4][\x80-\xbf]{1,3}"
)


def spelt(value: bytes) -> bytes:
    """Return the value with one letter in place of each letter of another script, escaped or not.

    `\\u5bc6\\u78bc` is a word, although it has digits.
    """
    return _FOREIGN.sub(b"e", value) if b"\\" in value or not value.isascii() else value


def hashed(value: bytes) -> bool:
    """Return whether the value is a hash with the name of its function."""
    return _SHA_ITSELF.match(value) is not None


def dated(value: bytes) -> bool:
    """Return whether the value is a date, a duration, a size, a version, a network or a region of a cloud."""
    return _DATE.match(value) is not None


_SEALED = 300
"""Length from which a value that begins with `Ag` is encrypted, for a SealedSecret of Kubernetes."""
_JOINTS = bytes.maketrans(b"_/", b"--")


@remembered(4096)
def code(value: bytes) -> bool:
    """Return whether the value is an identifier, path, host, version or named hash: no secret."""
    if _SHA_PREFIX.match(value) or dated(value) or _EMAIL.match(value):
        return True
    if _ADDRESS.fullmatch(value):
        return True
    if value.startswith(b"Ag") and len(value) > _SEALED:
        return True
    if b"://" in value or value.startswith(
        (b"data:", b"arn:", b"urn:", b"DBI:", b"dbi:", b"vault:", b"projects/", *_PUBLIC)
    ):
        return True
    if _ON_DRIVE.fullmatch(value):
        return True
    if _PATH.match(value) or _HOST.match(value):
        return evidence(value) < len(value)
    if (
        _SUBSCRIPT.fullmatch(value)
        or _CHOICE.fullmatch(value)
        or _EXPRESSION.search(value)
        or _DEPENDENCY.search(value)
        or _REGEX.search(value)
    ):
        return True
    if any(known.fullmatch(value) for known in (_POINT, _ACCOUNT, _TAGS, _STORED, _OBJECT)):
        return True
    if b"](" in value or b"][" in value or b"},{" in value:
        return True
    if b"(" in value or b")" in value or _WINDOWS_PATH.fullmatch(value):
        return True
    if (b"-" in value or b"/" in value) and all(
        piece.rstrip(b"0123456789") in OF_CODE
        for piece in value.lower().translate(_JOINTS).split(b"-")
    ):
        return True
    if not _IDENTIFIER.fullmatch(value) or numbered(value):
        return False
    return (
        evidence(value) < 8
        or (b"::" in value and evidence(value.replace(b"::", b"_")) < 8)
        or _told_of(value)
    )


def _told_of(value: bytes) -> bool:
    """Return whether a name is made of words, most of them typical of programs."""
    words = [piece.lower() for piece in HUMP.findall(value)]
    known = sum(len(word) for word in words if len(word) > 2 and (word in OF_CODE or chain(word)))
    return 3 * known >= 2 * len(value)


def named_by_code(value: bytes) -> bool:
    """Return whether the value is words joined by `-`, `_` or `/`, one of them typical of programs."""
    pieces = value.lower().translate(_JOINTS).split(b"-")
    return len(pieces) > 1 and all(map(bytes.isalpha, pieces)) and not OF_CODE.isdisjoint(pieces)


_GROUPS = re.compile(rb"[0-9A-Fa-f]{4,12}(?:_[0-9A-Fa-f]{4,12}){3,}|[0-9A-Z]{3}(?:_[0-9A-Z]{3}){3}")


def identifier(value: bytes) -> bool:
    """Return whether the value is a name as programs have, and not random."""
    value = value.replace(b"-", b"_").translate(None, b"()")
    named = _IDENTIFIER.fullmatch(value) is not None and _GROUPS.fullmatch(value) is None
    return named and evidence(value) < 0 and not numbered(value)


_LONG_HEX = re.compile(rb"[0-9a-f]{20,}|[0-9A-F]{20,}")


def numbered(value: bytes) -> bool:
    """Return whether the value is a short prefix and a UUID or a long hex number.

    Many issuers' tokens have this format.
    """
    found = UUID.search(value) or _LONG_HEX.search(value)
    if found is None or 2 * len(found[0]) < len(value):
        return False
    return not found[0].isdigit() and entropy(found[0]) > 2.6


_ONE = bytes.maketrans(b"l", b"i")
_AFTER = b"0123456789!?.*#+-_"


@remembered(4096)
def trivial(value: bytes) -> bool:
    """Return whether the value is a default or tutorial password, a version or a colour.

    Those consist only of well-known words, digits and punctuation.
    """
    if _VERSION.fullmatch(value):
        return True
    low = value.lower().translate(SIGNS)
    found = _LETTERS.findall(low)
    if not found:
        return len(set(value)) < 5 or steps(value) > 0.6
    if all(chain(word) for word in found):
        return not (substituted(value) or _built(value, found))
    if substituted(value):
        return False
    plain = _LETTERS.findall(low.rstrip(_AFTER).translate(DIGITS))
    return all(chain(word) or chain(word.translate(_ONE)) for word in plain) and not _built(
        value, plain
    )


_TRIED = 3
"""How many digits behind a popular word make it no better."""


def _built(value: bytes, found: list[bytes]) -> bool:
    """Return whether words are popular ones only, and there are two of them or a longer number.

    `Dragon2019!` and `tigermonkey4` are passwords that a person made, `dragon123` is on every list.
    """
    if not all(chain(word, POPULAR, frozenset()) for word in found):
        return False
    if len(found) > 1 or found[0] not in POPULAR:
        return True
    return sum(48 <= char <= 57 for char in value) > _TRIED


_PROTOCOL = re.compile(rb"(?i:oauth)[12](?![a-z0-9])")
"""A name of a protocol that has a digit in it."""
_BETWEEN_WORDS = b"-_./"


def random(value: bytes, surplus: float = 0.0) -> bool:
    """Return whether the value is clearly random; `surplus` is extra evidence required, in bits."""
    size = len(value)
    if size < 10:
        return False
    if _HEX.fullmatch(value):
        return size >= 16 and not value.isdigit() and entropy(value) > 2.6 and not _spelled(value)
    if not surplus and numbered(value):
        return True
    if _VARIABLE.fullmatch(value):
        return False
    named = _PROTOCOL.sub(b"Auth", value)
    if named.translate(None, _BETWEEN_WORDS).isalpha() and _worded(named):
        return False
    need = 8 + surplus
    pieces = [piece for piece in re.split(rb"[_.\-/+=~:]", value) if piece]
    if len(pieces) > 1:
        best = max(pieces, key=len)
        if len(best) < 4:
            return False
        if len(best) < 8:
            need += 12
        elif len(pieces) > 2:
            need += 4
    return evidence(value) >= need and (varied(value) or scrambled(value))


def _worded(value: bytes) -> bool:
    """Return whether letters are words, in camel case or joined, that the model of code has seldom seen."""
    humps = HUMP.findall(value)
    return len(value) >= 3 * len(humps) and evidence(value) < 20


def _spelled(value: bytes) -> bool:
    """Return whether a hexadecimal number is a sentence, or bytes that count up, as test data is."""
    if len(value) % 2:
        return False
    said = bytes.fromhex(value.decode())
    if said.count(b" ") > 1 and said.isascii() and said.decode().isprintable():
        return True
    return len(said) > 8 and steps(said) > 0.7


_OF_NAMES = bytes(char for char in range(128) if chr(char).isalnum()) + b"_-./:,;=()[]{}<>'\"\\` "


def tangled(value: bytes) -> bool:
    """Return whether the value is letters of both cases and signs that no name or path has."""
    return varied(value) and value.translate(None, _OF_NAMES) != b"" and evidence(value) > 12


def varied(value: bytes) -> bool:
    """Return whether the value has at least two of upper case, lower case and digits."""
    digits = len(value) - len(value.translate(None, b"0123456789"))
    return sum((digits > 0, value != value.upper(), value != value.lower())) >= 2


_SELECTED = re.compile(rb"[#.][a-z]+(?:[_-][a-z]+)+")
"""A selector of CSS: `#snmp_password`."""


def password(value: bytes) -> bool:
    """Return whether the value could be a password.

    Templates, defaults, identifiers of code and sentences could not.
    """
    value = spelt(value)
    if value[:1] in (b"#", b".") and _SELECTED.fullmatch(value) and named_by_code(value[1:]):
        return False
    if not 6 <= len(value) <= 256 or template(value) or dummy(value) or trivial(value):
        return False
    if b" " in value or b"\f" in value or b"\x1b" in value:
        return False
    return not code(value) or chosen(value.replace(b"$", b"-"))


_PLAIN = bytes.maketrans(b"-", b"_")


def given(value: bytes) -> bool:
    """Return whether the value could be a password where nothing else can stand."""
    if len(value) < 4 or value.endswith(b"()"):
        return False
    if value.lower() in PASSWORD_ABROAD or (
        not value.isascii() and spelt(value).translate(None, b"-").isalpha()
    ):
        return False
    if template(value) or dummy(value) or trivial(value) or named_by_code(value):
        return False
    plain = value.translate(_PLAIN, b"()")
    if not _IDENTIFIER.fullmatch(plain):
        return not code(plain)
    return evidence(plain) > 8 or OF_CODE.isdisjoint(map(bytes.lower, HUMP.findall(plain)))


_CHOSEN = re.compile(rb"(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{8,64}")
_ASIDE = bytes.maketrans(b"!@#$%^&*?.+~", b"-" * 12)


def human(value: bytes) -> bool:
    """Like `chosen`, but also with symbols that people put between and after the words."""
    return chosen(value.translate(_ASIDE).strip(b"-"))


_NUMBER_WITHIN = re.compile(rb"[a-z][0-9]{2,}[a-z]")


@remembered(4096)
def chosen(value: bytes) -> bool:
    """Return whether the value is words and digits without words typical of names in programs.

    Passwords that people choose look like this.
    """
    if not _CHOSEN.fullmatch(value):
        return False
    pieces = [piece.lower() for piece in HUMP.findall(value)]
    least = 3 if _NUMBER_WITHIN.search(value) else 4
    return max(map(len, pieces), default=0) >= least and not OF_CODE.intersection(pieces)


def hexadecimal(value: bytes) -> bool:
    """Return whether the value consists of hexadecimal digits of one case."""
    return _HEX.fullmatch(value) is not None
