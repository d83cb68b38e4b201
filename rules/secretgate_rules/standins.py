"""Values that stand for a secret: templates, placeholders, documented examples, counts."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import unquote

from .memo import remembered
from .randomness import entropy

_DOCUMENTED = re.compile(
    rb"AKIAIOSFODNN7EXAMPLE|AKIAI44QH8DHBEXAMPLE|wJalrXUtnFEMI/K7MDENG|dpf43f3p2l4k3l03|kd94hf93k423kf44|hh5s93j4hdidpola|hdhd0244k9j7ao03|nnch734d00sl2jdk|pfkkdhi9sl3r4s00|9djdj82h48djs9d2|kkk9d7dh3k39sjv7|hfdp7dh39dks9884|je7MtGbClwBF/2Zp9Utk|xxj31ZMTZzkVA"
    rb"|Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw"
    rb"|C2y6yDjf5/R\+ob0N8A7Cgv30VRDJIWEHLM\+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw"
    rb"|4eC39HqLyjWDarjtT1zdp7dc|TYooMQauvdEDq54NiTphI7jx|BQokikJOvBiI2HlWgH4olfQ2"
    rb"|2YotnFZFEjr1zCsicMWpAA|tGzv3JOkF0XG5Qx2TlKWIA|czZCaGRSa3F0Mz|7Fjfp0ZBr1KtDRbnfVdmIw|mF_9\.B5f-4\.1JqM|SlAV32hkKG|h480djs93hd8|ad180jjd733klru7"
    rb"|(?:AKIA|ASIA)[A-Z0-9]{9}EXAMPLE|31d6cfe0d16ae931b73c59d7e0c089c0|aad3b435b51404eeaad3b435b51404ee|VelvetSweatshop|QWxhZGRpbjpvcGVuIHNlc2FtZQ|JBSWY3DPEHPK3PXP|SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
_PLACEHOLDER = re.compile(
    rb"example|sample|^test[_-](?:api[_-])?(?:key|token|secret)(?:[_-]?[a-z0-9]{0,6})$|^(?:put|insert|enter)your|yourown|placeholder|change[_-]?(?:me|it|this)|your[_.-]|[_.-]your|replace[_-]?(?:me|with|this)|dummy"
    rb"|redacted|^insert[_-]|<[a-z_ -]+>|(?<![a-z0-9])todo|todo(?![a-z0-9])|fixme|goes[_-]?here|^put[_-]|_here\b|-here\b|not[_-]?a[_-]?real|fake[_-]|^my[_-]"
    rb"|x{6}|(?<![a-z0-9])x{4,5}(?![a-z0-9])|\*{3}|\.{3}|-{5}|_{6}|^_{5}|_{5}$|0{10}|(?<![0-9])1234567890?(?![0-9])$|(?<![0-9])1234[-.]5678|^your\w*(?:key|token|secret|password)$|a-za-z|a-z0-9|not[_-]?(?:needed|required|applicable)|notreal|1a2b3c4d|deadbeef|unset|undefined|foobar"
)
_TEMPLATE = re.compile(
    rb"\$\{|%\{|\{\$|\$\((?:[^()]*[) ]|[\w./-]*$)|\{\{|\[\[|^[A-Z]{2,}(?:_[A-Z]{2,}){2,}$|\}\}|<%|%>|%\(\w[\w.-]*(?:\)|$)|#\{|@\{|^\$[A-Za-z_]\w*(?:\$?$|[^$\w])|^%[A-Za-z_]+%|^\{[\w.:-]*\}|^<[^>]*>?$|^\[[^\]]*\]?$|\{[\w.]+\}"
    rb"|^@[\w.]+$|^\$\$|^\$[0-9](?:$|[\\ )\"\'])|&nbsp;|[a-z]&#39;?(?:[a-z]{1,2}\b|$)|^[a-z]{1,2}&(?:#8217|#x27|rsquo);|^[A-Za-z_]+\]$|^%-?[0-9]*\.[0-9]+[a-z]|:\{\}|(?:^|[:/@.-])%[sd](?:$|[:/@.-])|^![01][:?,;)&|]|^%[sdvr]$|^&[A-Za-z#]|^\\(?:[0-9$]|f[\[(A-Z]|s-?[0-9])|:\$[0-9]|\$[0-9]\||^[A-Z][A-Z0-9]*_(?:DB_?)?(?:PASS(?:WORD|WD|PHRASE)?|PWD|TOKEN|SECRET|KEY)$|^![A-Za-z_]+$|^!{1,2}[A-Za-z_]\w*\.[A-Za-z_]|^%[sd]\W|^(?:\x1b|\\{1,2}(?:033|x1[bB]|u001[bB]))\[|^[A-Za-z ]+\\{1,2}x00$|^ENC\[|\bprocess\.env\b|\bos\.(?:environ|getenv)\b|\bENV\["
)
_TEMPLATE_SIGN = re.compile(rb"[$%&!@<{}\[\]\\]|\.(?:get)?env")
"""Is in every template but names in capitals, and found much faster."""
UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def template(value: bytes) -> bool:
    """Return whether the value is to be filled in later: a variable, a template, `<a hint>`."""
    if not value.isupper() and _TEMPLATE_SIGN.search(value) is None:
        return False
    return _TEMPLATE.search(value) is not None


def uuid(value: bytes) -> bool:
    """Return whether the value is a UUID."""
    return UUID.fullmatch(value) is not None


_FILLED = re.compile(rb"([0-9])\1{9}[0-9]*-.*([0-9])\2{9}")
"""Two parts of one digit each, as in the examples of Slack's documentation."""
_CONSTANT = re.compile(rb"0[xX][0-9A-Fa-f]{1,16}")
"""A constant of a program; no key is so short."""
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_LEAST = 6
"""The least length of a password."""


def _escaped(value: bytes) -> bool:
    """Return whether percent-encoding makes fewer characters than a password has look like more."""
    return _PERCENT.search(value) is not None and len(unquote(value)) < _LEAST


_PARTS = re.compile(rb"[_.:-]")
_COLOUR = re.compile(rb"#[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?")


_BEGINNING = 80
"""How many bytes of a value are searched for words of placeholders."""


def _replaceable(value: bytes) -> bool:
    """Return whether a value begins with words of a placeholder, or has them in its beginning."""
    found = _PLACEHOLDER.search(value[:_BEGINNING].lower())
    # What ends where the search does may be part of a longer word.
    return found is not None and (found.end() < _BEGINNING or len(value) == _BEGINNING)


@remembered(4096)
def dummy(value: bytes) -> bool:
    """Return whether a value is a placeholder, a documented example or too uniform for a secret."""
    if (
        _DOCUMENTED.search(value)
        or _replaceable(value)
        or _FILLED.search(value[:80])
        or _CONSTANT.fullmatch(value)
        or _COLOUR.fullmatch(value)
        or (b"%" in value and _escaped(value))
    ):
        return True
    if len(value) < 12:
        return len(set(value)) < 3
    if uuid(value[-36:]):
        value = value[-36:]
    whole = len(value) >= 120 or uuid(value)
    # Of several numbers of one length, the first may be uniform by chance.
    body = value if whole else max(_PARTS.split(value), key=lambda part: (len(part), len({*part})))
    if len(body) < 10:
        body = value
    distinct = len(set(body.lower()))
    if distinct <= 4 or entropy(body) < 2.2 or counted(body):
        return True
    return body is value and counted(value.translate(None, b"_.:-"))


def counted(value: bytes) -> bool:
    """Return whether the value counts or repeats: `abcdefgh`, `12345678`."""
    return steps(value) > 0.7


def steps(value: bytes) -> float:
    """Return the share of characters that repeat or alphabetically follow the one before."""
    low = value.lower()
    runs = sum(b - a in (0, 1) for a, b in pairwise(low))
    return runs / max(1, len(low) - 1)
