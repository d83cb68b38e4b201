"""Validators: checks beyond a pattern, such as encodings and checksums.

A validator returns True (certain), False (not a secret of this type) or None (undecided). False
drops the finding, so it is only for structure that every real value has. A wrong checksum, which
made-up test values would have, results in None instead.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from . import letters, passphrases, standins, values
from .randomness import evidence

Verdict = bool | None


def _b64(value: bytes) -> bytes:
    plain = value.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4))


def base64_json(value: bytes) -> Verdict:
    """Accept base64 of a JSON object."""
    try:
        return isinstance(json.loads(_b64(value)), dict)
    except (ValueError, binascii.Error, RecursionError):
        return False


def jwt(value: bytes) -> Verdict:
    """Accept a JSON Web Token: its header is base64 of an object with a JOSE member."""
    try:
        header = json.loads(_b64(value.split(b".", 1)[0]))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(header, dict) and bool({"alg", "enc", "typ", "kid"} & header.keys())


def decodes_base64(value: bytes) -> Verdict:
    """Accept base64 of a valid length, as opposed to a path or a word."""
    try:
        _b64(value)
    except (ValueError, binascii.Error):
        return False
    return True


_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def crc32_base62(value: bytes) -> Verdict:
    """Check the checksum at the end of GitHub and npm tokens; without one, return None."""
    body = value.rsplit(b"_", 1)[-1]
    checksum = zlib.crc32(body[:-6])
    digits = bytearray()
    for _ in range(6):
        checksum, digit = divmod(checksum, 62)
        digits.append(_BASE62[digit])
    return True if bytes(reversed(digits)) == body[-6:] else None


def luhn(value: bytes) -> Verdict:
    """Accept digits with a valid Luhn checksum, as in payment card numbers."""
    total = 0
    for index, char in enumerate(reversed(value)):
        if not 48 <= char <= 57:
            return False
        digit = (char - 48) * (1 + index % 2)
        total += digit - 9 * (digit > 9)
    return total % 10 == 0


def mixed(value: bytes) -> Verdict:
    """Accept a mix of letters and digits, which is neither a word nor a number."""
    return any(48 <= c <= 57 for c in value) and any(c | 32 in range(97, 123) for c in value)


def mixed_case(value: bytes) -> Verdict:
    """Accept values with an upper-case letter, a lower-case letter and a digit."""
    return (
        any(48 <= c <= 57 for c in value)
        and any(65 <= c <= 90 for c in value)
        and any(97 <= c <= 122 for c in value)
    )


def password(value: bytes) -> Verdict:
    """Reject templates, default passwords and identifiers of code."""
    if values.named_by_code(value):
        return False
    known = (
        values.password(value)
        or passphrases.worded(value)
        or passphrases.brief(value)
        or passphrases.passphrase(value)
    )
    return None if known else False


def command_password(value: bytes) -> Verdict:
    """Like `password`, but also letters that are no known word: no name of a variable stands there."""
    return None if letters.coined(value) else password(value)


def given_password(value: bytes) -> Verdict:
    """Reject templates, default passwords and names in programs, where only a password can stand."""
    return None if values.given(value) else False


_LETTERS_ALONE: Final = 6.0


def chosen_password(value: bytes) -> Verdict:
    """Reject all but passwords with letters and digits, hyphenated words and long numbers.

    This rules out words of text and code.
    """
    if mixed(value):
        return None if passphrases.worded(value) else password(value)
    if values.tangled(value) or values.random(value, _LETTERS_ALONE) or passphrases.signed(value):
        return password(value)
    return None if passphrases.attached(value) or _numeric(value) else False


def lettered_password(value: bytes) -> Verdict:
    """Reject all but chosen passwords, letters that are no known word, and words drawn at random."""
    if b" " in value:
        return None if passphrases.drawn(value) else False
    return None if letters.coined(value) else chosen_password(value)


def _numeric(value: bytes) -> bool:
    """Return whether the value is a number that nobody counts with: 8 digits or more, most of them different."""
    return (
        value.isdigit() and 8 <= len(value) <= 20 and len({*value}) > 4 and values.password(value)
    )


def pin(value: bytes) -> Verdict:
    """Reject numbers that repeat or count, as those of examples do."""
    return False if len({*value}) < 3 or standins.counted(value) else None


def passphrase(value: bytes) -> Verdict:
    """Reject all but phrases of several words."""
    return None if passphrases.passphrase(value) else False


def numbered_passphrase(value: bytes) -> Verdict:
    """Reject all but phrases of several words with a digit."""
    return None if mixed(value) and passphrases.passphrase(value) else False


def diceware(value: bytes) -> Verdict:
    """Reject all but phrases of words drawn at random, for places without quotes."""
    return None if passphrases.drawn(value) else False


def word_pair(value: bytes) -> Verdict:
    """Reject all but two words that neither instruct nor describe."""
    return None if passphrases.pair(value) else False


_DRAWN: Final = 8.0


def groups_of_four(value: bytes) -> Verdict:
    """Reject values whose groups of letters are words rather than random."""
    if any(map(standins.counted, value.replace(b"-", b" ").split(b" "))):
        return False
    return None if evidence(value.translate(None, b" -")) > _DRAWN else False


def signing_secret(value: bytes) -> Verdict:
    """Reject all but signing keys: random values, UUIDs, or words that a person chose."""
    if standins.uuid(value) or passphrases.signs(value) or passphrases.passphrase(value):
        return None
    found = not standins.dummy(value) and not values.code(value) and values.random(value)
    by_hand = mixed(value) and values.human(value) and values.password(value)
    return None if found or by_hand else False


_FIRMLY: Final = 8.0
_NUMBER_AT_THE_END: Final = re.compile(rb"_([0-9a-f]{32,})\Z")


def random_token(value: bytes) -> Verdict:
    """Reject all but clearly random values, for places where code may be, too."""
    if standins.template(value) or standins.dummy(value) or values.code(value):
        return False
    number = _NUMBER_AT_THE_END.search(value)
    # The words before a number count against what is random in all of it.
    if number and values.random(number[1]):
        return None
    return None if values.random(value, _FIRMLY) else False


def key_literal(value: bytes) -> Verdict:
    """Reject all but passwords and signing keys, for literals in the call that uses them."""
    return None if password(value) is None or signing_secret(value) is None else False


def stored_secret(value: bytes) -> Verdict:
    """Reject all but typical content of secret stores.

    That is a random value, a password with letters and digits, or a passphrase.
    """
    given = token(value) is None or chosen_password(value) is None
    return None if given or passphrases.passphrase(value) else False


def told_value(value: bytes) -> Verdict:
    """Reject all but clearly random values, UUIDs and passwords with digits, for sentences."""
    if standins.uuid(value):
        return None
    if standins.template(value) or standins.dummy(value) or values.code(value) or not mixed(value):
        return False
    return None if values.random(value, _FIRMLY) or values.human(value) else False


def auth_plain(value: bytes) -> Verdict:
    """Reject all but base64 of a SASL PLAIN message: identity, user and password, joined by NUL."""
    try:
        parts = _b64(value).split(b"\0")
    except (ValueError, binascii.Error):
        return False
    return None if len(parts) == 3 and parts[2] and not values.trivial(parts[2]) else False


def base64_password(value: bytes) -> Verdict:
    """Reject all but base64 of a password."""
    try:
        said = _b64(value)
    except (ValueError, binascii.Error):
        return False
    if not said.isascii() or not said.decode().isprintable():
        return False
    if said.translate(None, b"-_./").isalpha() and not said.isalpha():
        return None if passphrases.attached(said) else False
    return None if values.password(said) or passphrases.brief(said) else False


_SIGNED: Final = 5.0
_PLAIN: Final = 8.0


def human_password(value: bytes) -> Verdict:
    """Reject all but random values and words with digits, as people choose them."""
    if passphrases.worded(value) or passphrases.brief(value) or _numeric(value):
        return None
    if values.tangled(value) or values.random(value, _LETTERS_ALONE) or passphrases.signed(value):
        return password(value)
    if not mixed(value) or not values.password(value):
        return False
    plain = value.translate(None, b"/.,:_-").isalnum()
    signed = values.varied(value) and evidence(value) > (_PLAIN if plain else _SIGNED)
    return None if signed or values.human(value) or values.random(value) else False


def literal(value: bytes) -> Verdict:
    """Reject templates, placeholders, references to stores of secrets, and names in programs."""
    if standins.template(value) or standins.dummy(value) or b"://" in value:
        return False
    plain = value.lstrip(b"+").rstrip(b".,;")
    if values.code(plain) or not (mixed(plain) or values.varied(plain)):
        return False
    return None if values.random(plain) or any(48 <= c <= 57 for c in plain) else False


def token(value: bytes) -> Verdict:
    """Reject all but random values and UUIDs."""
    if standins.template(value) or standins.dummy(value):
        return False
    return None if standins.uuid(value) or values.random(value) else False


def basic_auth(value: bytes) -> Verdict:
    """Reject all but base64 of `user:password` with a password that is not a known default."""
    try:
        user, colon, secret = _b64(value).partition(b":")
    except (ValueError, binascii.Error):
        return False
    if not colon or not secret or not user.isascii() or values.trivial(secret):
        return False
    if not user.decode().isprintable() or not (user or secret.isascii()):
        return False
    return None if not standins.template(secret) and not standins.dummy(secret) else False


def basic_credentials(value: bytes) -> Verdict:
    """Reject what is no base64, and base64 of a login with a known default as its password."""
    try:
        user, colon, _ = _b64(value).partition(b":")
    except (ValueError, binascii.Error):
        return False
    return basic_auth(value) if colon and user.isalnum() else None


_ALPHANUMERIC: Final = bytes(char for char in range(128) if chr(char).isalnum())
_DRAWN_SIGNS: Final = 10
_WORDLIKE: Final = re.compile(rb"[a-z]{8}")


def any_signs(value: bytes) -> Verdict:
    """Accept what was drawn from all characters, and may look like a template by chance.

    What has few signs must be random; with words in it, it is not.
    """
    signs = len({*value.translate(None, _ALPHANUMERIC)})
    if signs >= _DRAWN_SIGNS and not _WORDLIKE.search(value):
        return None
    return token(value)


OWN_PLACEHOLDERS: Final = frozenset(
    (
        "any-signs",
        "passphrase",
        "numbered-passphrase",
        "diceware",
        "word-pair",
        "signing-secret",
        "key-literal",
        "given-password",
    )
)
"""Validators that detect placeholders themselves, because a person may have chosen `my-...`."""
VALIDATORS: Final[Mapping[str, Callable[[bytes], Verdict]]] = {
    "jwt": jwt,
    "base64-json": base64_json,
    "base64": decodes_base64,
    "crc32-base62": crc32_base62,
    "luhn": luhn,
    "mixed": mixed,
    "mixed-case": mixed_case,
    "password": password,
    "command-password": command_password,
    "given-password": given_password,
    "diceware": diceware,
    "told-value": told_value,
    "word-pair": word_pair,
    "chosen-password": chosen_password,
    "lettered-password": lettered_password,
    "human-password": human_password,
    "pin": pin,
    "passphrase": passphrase,
    "numbered-passphrase": numbered_passphrase,
    "groups-of-four": groups_of_four,
    "signing-secret": signing_secret,
    "key-literal": key_literal,
    "random-token": random_token,
    "stored-secret": stored_secret,
    "any-signs": any_signs,
    "auth-plain": auth_plain,
    "base64-password": base64_password,
    "literal": literal,
    "token": token,
    "basic-auth": basic_auth,
    "basic-credentials": basic_credentials,
}

CHOSEN: Final = frozenset(
    name for name in VALIDATORS if name.endswith("password") or name == "stored-secret"
)
"""The validators of values that may contain any characters."""
PROOFS: Final = frozenset({"jwt", "base64-json", "crc32-base62", "luhn", "basic-auth"})
"""The validators that only values of their kind pass: these have a checksum or can be decoded."""
