"""What stands around a value: does a keyword there refer to it, and is it one of a list of hashes?

A commit log that mentions a company is full of hashes. A value that matches a mere shape belongs to
a keyword only if it is assigned to a name that contains the keyword or names a credential, or if a
credential word is between the two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from . import standins, values
from .names import Tier, tier, words
from .randomness import evidence

BEFORE: Final = 120
"""Maximum distance, in bytes, of a keyword before a secret."""
AFTER: Final = 60
"""Maximum distance, in bytes, of a keyword after a secret."""

_NAME = re.compile(
    rb"([A-Za-z_$][\w.$@/-]{0,79}+)[\\\"'`\])]{0,4}[ \t]{0,4}(?:\??[=:]{1,4}>?|,|=>|\|\||>|\s|\()[\\\"'`\s(\[]{0,8}$"
)
_SAYS = re.compile(
    rb"(?i)token|secret|passw|pwd|credential|\bpat\b|\bauth"
    rb"|[\s_.-]keys?\b|\bkeys?\b|\bkey\s*(?:is|=|:)|api[ _-]?key"
    rb"|licen[cs]e|webhook|\bsid\b|\bdsn\b|client[ _-]?id|\bapp[ _-]?id"
    rb"|bearer|signing|cookie|session|[\w-](?:login|access_?id|api_?id)\b"
    rb"|\b(?:is|was|are)\s[\"'`]?$|[?&](?![\w-]*id=)[\w-]{2,}=$"
)
"""What between a keyword and a value says that the one refers to the other."""
_HASHY = frozenset(
    b"commit sha sha1 sha256 sha512 hash digest version revision rev head checksum md5 integrity "
    b"resolved etag oid tree parent ref reference shasum narhash contenthash fingerprint blob "
    b"merge pick build cache nonce signature".split()
)
_HASH_BEFORE = re.compile(
    rb"(?i)(?:^|[^A-Za-z])"
    rb"(?:commit|sha[0-9]*|rmd160|ripemd160|blake2[bs]?|hash|digest|version|revision|head|checksum"
    rb"|md5|integrity|etag|tree|blob|object|parent|fingerprint|merge|h1|reverts?|onto)"
    rb"[\W_]{1,6}(?:W/\\?\")?$"
    rb"|sha(?:1|256|512)[-=:]$|;base64,$"
    rb"|\b(?:md5|sha[0-9-]{1,7}|rmd160|blake2\w{1,4}) ?\([^()\n]{1,80}\) ?= ?$"
)
"""Names of hashes, the start of a data URL, and lines of BSD's checksum programs: `SHA256 (a.iso) = ...`."""

_OBJECT_ABOVE = re.compile(rb"(?:^|\n)(?:[0-7]{6} \w{4,6} )?[0-9a-f]{7,64}(?:[ \t][^\n]*)?\r?\n$")
"""A line of a list of git objects, right before a line that begins with the value."""
_CHECKSUM = re.compile(
    rb"[ \t]*[\"']?([\w.+/@:-]{1,80})[\"']? ?[:=] ?[\"']?([0-9a-f-]{16,64})[\"']?,?\r?"
)
_PLAIN_ROWS: Final = 1
"""How many other lines make a list of checksums, if they read `name: hash` as in lock files."""
_OTHER_ROWS: Final = 3
"""The same for lines of any other syntax."""
_IDS: Final = frozenset((b"id", b"ids", b"sid", b"account", b"client", b"tenant", b"project"))
_AROUND: Final = 480
_SIZES: Final = (16, 32, 40, 64)
_UUID: Final = 36
_HEX = re.compile(rb"[0-9a-f]+")


def among_checksums(text: bytes, start: int, end: int) -> bool:
    """Return whether a value is in a list of checksums (`Name: hash`) or UUIDs, as in lock files.

    This is the case if lines above or below have the same shape, and names that are not those of
    credentials or accounts.
    """
    others = 0
    if not (end - start in _SIZES and _HEX.fullmatch(text, start, end)) and not (
        end - start == _UUID and standins.uuid(text[start:end])
    ):
        return False
    low = max(0, start - _AROUND)
    lines = text[low : end + _AROUND].split(b"\n")
    own = text.count(b"\n", low, start)
    for way in (reversed(lines[:own]), lines[own + 1 :]):
        for line in way:
            match = _CHECKSUM.fullmatch(line)
            if match is None or len(match[2]) != end - start:
                break
            others += tier(match[1]) == Tier.NONE and not _IDS.intersection(words(match[1])[-1:])
    plain = text.startswith(b": ", start - 2) and end - start > 16 and end - start != _UUID
    return others >= (_PLAIN_ROWS if plain else _OTHER_ROWS)


_LABEL = re.compile(
    rb"(?i)\b(count|nonce|iv|tag|pt|ct|aad|ad|in|out|input|output|msg|message|plaintext|ciphertext|adata|digest|mac|result|comment|tcid|[a-z]len)"
    rb"[\"']?\]?[ \t]{0,8}[:=]"
)
_VECTOR_KEY = re.compile(rb"(?i)\bkey[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?[0-9a-f]{16}")
_VECTORS: Final = 2400
_WHOLE: Final = 4
"""How many labels of texts and tags make a test of a cipher, whose next key may be far away."""


def among_vectors(text: bytes, start: int, end: int) -> bool:
    """Return whether a key is one of several that a cipher is tested with, beside texts and tags."""
    if not _HEX.fullmatch(text[start:end].lower()):
        return False
    around = text[max(0, start - _VECTORS) : end + _VECTORS]
    labels = {label.lower() for label in _LABEL.findall(around)}
    return len(labels) >= _WHOLE or (len(labels) > 1 and len(_VECTOR_KEY.findall(around)) > 1)


_GAPS: Final = (b" ", b"\t")
_OF_THINGS: Final = frozenset(
    b"request trace span correlation event run build job task order item record object message batch process node row entity".split()
)
_FOR_LOOKUP: Final = frozenset(b"partition cache sort idempotency dedup row shard".split())
_NUMBERS: Final = (b"id", b"uuid", b"guid")


def _of_service(name: bytes, keywords: Sequence[bytes]) -> bool:
    """Return whether a name is that of what a service calls somebody: `amplitude_id`."""
    said = words(name)
    return len(said) == 2 and said[1] in _NUMBERS and said[0] in keywords


_OF_ELEMENT: Final = (b"data", b"key")
"""An attribute of an element of HTML."""


def _identifies(name: bytes) -> bool:
    """Return whether a name is that of an identifier: `id`, `trace_id`, `partition_key`, `data-key`."""
    said = words(name)
    if said[-1:] in ((b"id",), (b"uuid",), (b"guid",)):
        return _OF_THINGS.issuperset(said[:-1])
    return said[-1:] == (b"key",) and (not _FOR_LOOKUP.isdisjoint(said) or said == _OF_ELEMENT)


_PREFIXED = re.compile(
    rb"([A-Za-z][\w-]{1,40})[\\\"']{0,4}[:=] ?[\\\"']{0,4}[A-Za-z][\w./-]{0,40}:$"
)
"""A name, and what its value begins with: `"cache_key": "orders:`."""


def present(text: bytes, start: int, end: int, keywords: Sequence[bytes]) -> bool:
    """Return whether a keyword is near the value."""
    return mentioned(text[max(0, start - BEFORE) : end + AFTER], keywords)


_SHORT: Final = 6
"""The length below which a keyword is found in random values by chance."""


def mentioned(text: bytes, keywords: Sequence[bytes]) -> bool:
    """Return whether a keyword is in a text, and not by chance within a random value."""
    low = text.lower()
    found = [word for word in keywords if word in low]
    if not found or not all(len(word) < _SHORT and word.isalpha() for word in found):
        return bool(found)
    plain = _without_chance(text).lower()
    return any(
        word in plain or re.search(rb"(?<![a-z0-9+/])" + word, low) is not None for word in found
    )


_RUN = re.compile(rb"[A-Za-z0-9+/]{14,}")
_CHANCE: Final = 24.0


def _without_chance(text: bytes) -> bytes:
    """Return the text with random values blanked, such as addresses of Bitcoin."""
    return _RUN.sub(_blank, text)


def _blank(run: re.Match[bytes]) -> bytes:
    digits = len(run[0]) - len(run[0].translate(None, b"0123456789"))
    return b" " * len(run[0]) if digits > 1 and evidence(run[0]) > _CHANCE else run[0]


def linked(text: bytes, start: int, end: int, keywords: Sequence[bytes]) -> bool:
    """Return whether a keyword is near the value and refers to it."""
    lead = text[max(0, start - BEFORE) : start]
    if _HASH_BEFORE.search(lead):
        return False
    if lead.endswith(b"\n") and (text[end : end + 1] in _GAPS or _OBJECT_ABOVE.search(lead)):
        return False
    name = _NAME.search(lead)
    if name and _HASHY.intersection(words(name[1])[-1:]):
        return False
    if name and tier(name[1]) is Tier.NONE and _among_digests(text, start, end):
        return False
    if name and _identifies(name[1]) and not lead[: name.start()].rstrip(b" ")[-1:].isalnum():
        return False
    if name and _of_service(name[1], keywords):
        return False
    if (above := _PREFIXED.search(lead)) and _identifies(above[1]):
        return False
    lead = _without_chance(lead)
    low = lead.lower()
    place = max((low.rfind(word) for word in keywords), default=-1)
    if place < 0:
        if not present(text, start, end, keywords):
            return False
        return _named(lead, keywords) or _used_for(text, start, end, keywords)
    between = lead[place:]
    if between.count(b"\n") > 2:
        return False
    return _named(lead, keywords) or bool(_SAYS.search(between))


_FOR: Final = re.compile(
    rb"[`\"']{0,2},? (?:for|on|with|to|against|from|at|in|as) (?:(?:the|our|my|their|an?) )?[\w. -]{0,16}"
)
_LONG: Final = 20
_MIXED: Final = re.compile(rb"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])[^0-9]*[0-9]")
_OPENS: Final = (b" ", b"`", b'"', b"'")


def _used_for(text: bytes, start: int, end: int, keywords: Sequence[bytes]) -> bool:
    """Return whether a sentence says what a value is used for: `I use TOKEN for Loops`.

    Hashes and names of objects stand there, too, so the value must have letters of both cases and digits.
    """
    value = text[start:end]
    if end - start < _LONG or not _MIXED.match(value) or not values.random(value, 8.0):
        return False
    if text[start - 1 : start] not in _OPENS or not (said := _FOR.match(text, end)):
        return False
    after = text[said.start() : said.end() + _LONG].lower()
    return any(word in after for word in keywords)


def _named(lead: bytes, keywords: Sequence[bytes]) -> bool:
    match = _NAME.search(lead)
    if match is None:
        return False
    name = match[1]
    if _HASHY.intersection(words(name)):
        return False
    lowered = name.lower()
    return tier(name) > Tier.NONE or any(word in lowered for word in keywords)


_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_TABLE: Final = 240
_ROWS: Final = 3


def _among_digests(text: bytes, start: int, end: int) -> bool:
    """Return whether a hex number of 64 digits is one of three or more: a table of digests."""
    if not _DIGEST.fullmatch(text, start, end):
        return False
    return len(_DIGEST.findall(text, max(0, start - _TABLE), end + _TABLE)) >= _ROWS
