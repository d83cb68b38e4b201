"""Checks beyond a pattern: does it decode, does its checksum hold.

A validator says True (certain), False (not this type) or None (cannot tell). False drops the
finding, so only a structure that every real value has may answer it; a checksum that made-up test
values would fail answers None instead.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from . import passphrases, values
from .randomness import evidence

Verdict = bool | None


def _b64(value: bytes) -> bytes:
    plain = value.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4))


def base64_json(value: bytes) -> Verdict:
    """Base64 of a JSON object."""
    try:
        return isinstance(json.loads(_b64(value)), dict)
    except (ValueError, binascii.Error, RecursionError):
        return False


def jwt(value: bytes) -> Verdict:
    """A JSON Web Token: its header is base64 of an object that names an algorithm."""
    try:
        header = json.loads(_b64(value.split(b".", 1)[0]))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(header, dict) and bool({"alg", "enc", "typ", "kid"} & header.keys())


def decodes_base64(value: bytes) -> Verdict:
    """Padded correctly, so that it is base64 and not a path or a word."""
    try:
        _b64(value)
    except (ValueError, binascii.Error):
        return False
    return True


_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def crc32_base62(value: bytes) -> Verdict:
    """GitHub's and npm's tokens end in a checksum; a made-up token without one is kept."""
    body = value.rsplit(b"_", 1)[-1]
    checksum = zlib.crc32(body[:-6])
    digits = bytearray()
    for _ in range(6):
        checksum, digit = divmod(checksum, 62)
        digits.append(_BASE62[digit])
    return True if bytes(reversed(digits)) == body[-6:] else None


def luhn(value: bytes) -> Verdict:
    """The digits of a payment card number add up."""
    total = 0
    for index, char in enumerate(reversed(value)):
        if not 48 <= char <= 57:
            return False
        digit = (char - 48) * (1 + index % 2)
        total += digit - 9 * (digit > 9)
    return total % 10 == 0


def mixed(value: bytes) -> Verdict:
    """Letters and digits both: neither a word nor a number."""
    return any(48 <= c <= 57 for c in value) and any(c | 32 in range(97, 123) for c in value)


def mixed_case(value: bytes) -> Verdict:
    """A capital, a small letter and a digit."""
    return (
        any(48 <= c <= 57 for c in value)
        and any(65 <= c <= 90 for c in value)
        and any(97 <= c <= 122 for c in value)
    )


def password(value: bytes) -> Verdict:
    """Neither a template, nor a default, nor a word of code."""
    known = values.password(value) or passphrases.brief(value) or passphrases.passphrase(value)
    return None if known else False


def chosen_password(value: bytes) -> Verdict:
    """A password with letters and digits, so that no word of a sentence or of code is one."""
    return password(value) if mixed(value) else False


def passphrase(value: bytes) -> Verdict:
    """Words with spaces between them, or a password of the usual kind."""
    return None if passphrases.passphrase(value) else False


def numbered_passphrase(value: bytes) -> Verdict:
    """Words with spaces and a number between them."""
    return None if mixed(value) and passphrases.passphrase(value) else False


def groups_of_four(value: bytes) -> Verdict:
    """Letters drawn evenly, in groups: no four words."""
    return None if evidence(value.translate(None, b" -")) > _DRAWN else False


_DRAWN: Final = 8.0


def signing_secret(value: bytes) -> Verdict:
    """What tokens are signed with: random, or words that a person wrote there."""
    if values.uuid(value) or passphrases.signs(value) or passphrases.passphrase(value):
        return None
    found = not values.dummy(value) and not values.code(value) and values.random(value)
    by_hand = mixed(value) and values.human(value) and values.password(value)
    return None if found or by_hand else False


def random_token(value: bytes) -> Verdict:
    """Random, where code may stand as well."""
    if values.template(value) or values.dummy(value) or values.code(value):
        return False
    return None if values.random(value, _FIRMLY) else False


_FIRMLY: Final = 8.0


def key_literal(value: bytes) -> Verdict:
    """A key that stands in the call that uses it."""
    return None if password(value) is None or signing_secret(value) is None else False


def stored_secret(value: bytes) -> Verdict:
    """What somebody puts into a store of secrets: random, or a password with a digit or a symbol."""
    given = token(value) is None or chosen_password(value) is None
    return None if given or passphrases.passphrase(value) else False


def auth_plain(value: bytes) -> Verdict:
    """Base64 of what SASL's PLAIN sends: an identity, a user, a password, NUL between them."""
    try:
        parts = _b64(value).split(b"\0")
    except (ValueError, binascii.Error):
        return False
    return None if len(parts) == 3 and parts[2] and not values.trivial(parts[2]) else False


def base64_password(value: bytes) -> Verdict:
    """Base64 of a password."""
    try:
        said = _b64(value)
    except (ValueError, binascii.Error):
        return False
    return (
        None if said.isascii() and said.decode().isprintable() and values.password(said) else False
    )


def human_password(value: bytes) -> Verdict:
    """Words and digits, as people choose them, or more random than that."""
    if not mixed(value) or not values.password(value):
        return False
    return None if values.human(value) or values.random(value) else False


def token(value: bytes) -> Verdict:
    """Random, or a UUID."""
    if values.template(value) or values.dummy(value):
        return False
    return None if values.uuid(value) or values.random(value) else False


def basic_auth(value: bytes) -> Verdict:
    """Base64 of `user:password`, where the password is not a well-known default."""
    try:
        user, colon, secret = _b64(value).partition(b":")
    except (ValueError, binascii.Error):
        return False
    if not colon or not secret or not user.isascii() or values.trivial(secret):
        return False
    return None if not values.template(secret) and not values.dummy(secret) else False


OWN_PLACEHOLDERS: Final = frozenset(
    ("passphrase", "numbered-passphrase", "signing-secret", "key-literal")
)
"""Validators that tell placeholders themselves: `my-...` may be what a person chose."""
VALIDATORS: Final[Mapping[str, Callable[[bytes], Verdict]]] = {
    "jwt": jwt,
    "base64-json": base64_json,
    "base64": decodes_base64,
    "crc32-base62": crc32_base62,
    "luhn": luhn,
    "mixed": mixed,
    "mixed-case": mixed_case,
    "password": password,
    "chosen-password": chosen_password,
    "human-password": human_password,
    "passphrase": passphrase,
    "numbered-passphrase": numbered_passphrase,
    "groups-of-four": groups_of_four,
    "signing-secret": signing_secret,
    "key-literal": key_literal,
    "random-token": random_token,
    "stored-secret": stored_secret,
    "auth-plain": auth_plain,
    "base64-password": base64_password,
    "token": token,
    "basic-auth": basic_auth,
}
