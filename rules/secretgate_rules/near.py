"""Whether a keyword that stands near a shape has to do with it.

A commit log that mentions a company is full of hashes. A value of a mere shape belongs to a
keyword only if it is assigned to a name that contains the keyword or says credential, or if a
credential word stands between the two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from .names import Tier, tier, words

BEFORE: Final = 120
"""How far before a secret a keyword may stand."""
AFTER: Final = 60
"""How far behind it."""

_NAME = re.compile(
    rb"([A-Za-z_$][\w.$@/-]{0,79}+)[\\\"'`\])]{0,4}[ \t]{0,4}(?:\??[=:]{1,4}>?|,|=>|\|\||>|\s|\()[\\\"'`\s(\[]{0,8}$"
)
_SAYS = re.compile(
    rb"(?i)token|secret|passw|pwd|credential|\bpat\b|\bauth|[\s_.-]keys?\b|\bkeys?\b|\bkey\s*(?:is|=|:)|api[ _-]?key|licen[cs]e|webhook|\bsid\b|\bdsn\b|client[ _-]?id|\bapp[ _-]?id|bearer|signing|cookie|session|\b(?:is|was|are)\s[\"'`]?$|[?&][\w-]+=$"
)
_HASHY = frozenset(
    b"commit sha sha1 sha256 sha512 hash digest version revision rev head checksum md5 integrity "
    b"resolved etag oid tree parent ref fingerprint blob merge pick build cache nonce".split()
)
_HASH_BEFORE = re.compile(
    rb"(?i)(?:^|[^A-Za-z])(?:commit|sha[0-9]*|hash|digest|version|revision|head|checksum|md5|integrity|etag|tree|parent|fingerprint|merge|h1)[\W_]{1,6}$|sha(?:1|256|512)[-=:]$"
)


def present(text: bytes, start: int, end: int, keywords: Sequence[bytes]) -> bool:
    """Whether one of the keywords stands near."""
    around = text[max(0, start - BEFORE) : end + AFTER].lower()
    return any(word in around for word in keywords)


def linked(text: bytes, start: int, end: int, keywords: Sequence[bytes]) -> bool:
    """Whether one of the keywords stands near and speaks of the value."""
    lead = text[max(0, start - BEFORE) : start]
    if _HASH_BEFORE.search(lead[-24:]):
        return False
    low = lead.lower()
    place = max((low.rfind(word) for word in keywords), default=-1)
    if place < 0:
        return present(text, start, end, keywords) and _named(lead, keywords)
    between = lead[place:]
    if between.count(b"\n") > 2:
        return False
    return _named(lead, keywords) or bool(_SAYS.search(between))


def _named(lead: bytes, keywords: Sequence[bytes]) -> bool:
    match = _NAME.search(lead)
    if match is None:
        return False
    name = match[1]
    if _HASHY.intersection(words(name)):
        return False
    lowered = name.lower()
    return tier(name) > Tier.NONE or any(word in lowered for word in keywords)
