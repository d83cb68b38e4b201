"""Secrets that people choose: passphrases, sentences used as signing keys, short passwords, dates.

None of these is random, so the context must be unambiguous: rules and assignments use this module
only if the name says that the value can only be a secret. Text for readers (labels, hints,
messages) is recognised by words that are typical of it.
"""

from __future__ import annotations

import re
from typing import Final

from . import standins, values
from .memo import remembered
from .vocabulary import HUMP, OF_CODE, chain

_PHRASE = re.compile(
    rb"[A-Za-z][\w'\xc2-\xf4\x80-\xbf-]{0,19}(?:,?[ ][\w'&\xc2-\xf4\x80-\xbf-]{1,20}){1,11}[!.?]?"
)
_SAYS_WHAT_IT_IS: Final = frozenset(
    b"password passwords passwd passphrase passphrases passcode pass pwd pin psk user users username usernames login logon log "
    b"logged sign signed server client database db "
    b"print prints show shows list lists directory working current strings value values input field fields form key keys token tokens secret secrets credential credentials "
    b"auth authentication authorization api encryption "
    b"enter type choose your please must should shall cannot can't don't doesn't couldn't invalid valid incorrect wrong "
    b"required missing optional empty blank not no none without with if when unless used uses use using generate "
    b"generated encrypted encrypt decrypt hash hashed stored store saved default example sample placeholder here test tests "
    b"confirm confirmation again repeat reset change changed changes forgot forgotten new set provide provided given "
    b"characters character letters least contain contains match matches "
    b"see read asked ask chose chosen one prompt prompted setup wiki chapter manual documentation docs terminal will have had are was were been be does did only should expires expired "
    b"failed failure error errors denied access allowed unknown unable support supported see same different "
    b"parameter argument attribute attributes formatted correctly returns return insert put something "
    b"todo fixme changeme redacted hidden masked mot passe passwort kennwort bitte ihr dein lorem ipsum".split()
)


_OF_PROGRAMS: Final = frozenset(
    b"account accounts email mail address host file files path string text page link body header app application "
    b"cookie cookies long digits numbers symbols pin option options class method object function name names line code".split()
)
_COMMANDS: Final = frozenset(
    b"psql mysql mysqldump npm npx yarn pnpm node python pytest django rails rake ruby bash exec docker compose make cargo java "
    b"mvn gradle php composer artisan ansible playbook terraform kubectl helm restic borg curl wget ssh git redis mongo mongosh "
    b"pg_dump pgdump createdb dropdb start run test serve dev build down".split()
)


@remembered(1024)
def passphrase(value: bytes) -> bool:
    """Return whether the value is a phrase of three or more words, or of two with a digit.

    Words that refer to passwords, credentials or forms rule it out.
    """
    if not 10 <= len(value) <= 120 or not _PHRASE.fullmatch(value) or standins.template(value):
        return False
    parts = value.lower().translate(None, b",!.?").split(b" ")
    if (
        parts[0] in _COMMANDS
        or _SAYS_WHAT_IT_IS.intersection(parts)
        or len(_OF_PROGRAMS.intersection(parts)) > 1
    ):
        return False
    numbered = any(48 <= c <= 57 for c in value)
    if not numbered and (value[:1].isupper() or len({*parts}) < 3):
        return False
    return sum(len(part) >= 3 for part in parts) >= 2


_DRAWN = re.compile(rb"[a-z]{3,12}(?: [a-z]{3,12}){1,9}")


@remembered(1024)
def drawn(value: bytes) -> bool:
    """Return whether the value is three or more lower-case words that make no sentence."""
    return len({*value.split(b" ")}) >= 3 and _no_sentence(value)


def _no_sentence(value: bytes) -> bool:
    if not _DRAWN.fullmatch(value) or standins.template(value):
        return False
    return not any(part in _OF_PROGRAMS or _of_sentences(part) for part in value.split(b" "))


_FUNCTION_WORDS: Final = frozenset(
    b"about after again all also and any are because been before being both but can could each either every from given has have "
    b"her his how into its just like many more most much only other our out over same some such than that their them then there "
    b"these they those through too under until upon was were what where which while who whose why within would your".split()
)
_SPOKEN: Final = frozenset(
    b"my our the this is a an do not dont please keep very super long really so for and to of in at with be it that you i we me never ever share".split()
)


def _of_sentences(part: bytes) -> bool:
    """Return whether a word is typical of sentences about passwords, of commands or of code."""
    return (
        part in _SAYS_WHAT_IT_IS
        or part in _SPOKEN
        or part in _COMMANDS
        or part in _FUNCTION_WORDS
        or part in OF_CODE
    )


@remembered(1024)
def joined(value: bytes) -> bool:
    """Return whether the value is three or more words joined by hyphens, and no name of a resource."""
    return _row(value, value.lower().split(b"-"))


_PARTS = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@remembered(1024)
def attached(value: bytes) -> bool:
    """Like `joined`, but also with dots, underscores or capitals, as names in programs have them."""
    if joined(value):
        return True
    plain = value.replace(b"_", b".")
    parts = plain.split(b".") if b"." in plain else _PARTS.findall(value)
    return len(b"".join(parts)) + plain.count(b".") == len(value) and _row(
        plain, [part.lower() for part in parts]
    )


@remembered(1024)
def worded(value: bytes) -> bool:
    """Return whether a person chose the value: words with a number, or three words, however joined."""
    if standins.template(value) or standins.dummy(value) or values.trivial(value):
        return False
    return not values.dated(value) and (values.human(value) or attached(value))


_OF_RESOURCES: Final = frozenset(
    b"domain stack screen route modal section header footer "
    b"app web site cluster node pool worker master primary replica backup backend frontend gateway proxy cache queue topic "
    b"bucket storage volume network cloud region zone north south east west central europe prod production staging stage "
    b"deploy deployment release pipeline job task cron build runner image container registry repo repository operator "
    b"controller manager managed admin root system internal external public private shared common global main dev devel "
    b"development local team org company project tenant customer orders order payments payment billing users groups "
    b"mysql postgres postgresql redis mongo mongodb kafka rabbitmq elastic grafana keycloak jenkins gitlab github docker "
    b"kubernetes aws azure google read write only full basic strong weak high low toggle show hide visible visibility icon "
    b"button toggler wrapper group row col column strength meter checker generator rotation rotated policy provider "
    b"validation validator recovery forgotten update updated create created delete deleted add remove next previous per "
    b"based style color align inline block flex grid left right top bottom small large medium".split()
)


def _row(value: bytes, parts: list[bytes]) -> bool:
    return (
        len(parts) > 2
        and (value.islower() or value[:1].isupper())
        and _DRAWN.fullmatch(b" ".join(parts)) is not None
        and len({*parts}) > 2
        and not any(map(_of_sentences, parts))
        and len((_OF_RESOURCES | _OF_PROGRAMS).intersection(parts)) < 2
        and not standins.template(value)
        and not values.trivial(value)
    )


@remembered(1024)
def pair(value: bytes) -> bool:
    """Return whether the value is two lower-case words that neither instruct nor describe."""
    first, _, second = value.partition(b" ")
    return (
        first != second
        and min(len(first), len(second)) >= 4
        and b" " not in second
        and _no_sentence(value)
    )


_NUMBER = re.compile(rb"[0-9]{2,}")
_SIZES: Final = frozenset((b"12", b"123", b"1234", b"12345", b"123456", b"128", b"256", b"384", b"512", b"32", b"64", b"16", b"24"))  # fmt: skip
_PLACEHOLDER: Final = re.compile(
    rb"(?i)change|your|example|sample|placeholder|replace|insert|dummy|todo|fixme|redacted|\bhere\b|xxx|default|unset|<|>|test|mock|fake|random|generate"
)
_TOPIC: Final = frozenset(
    b"jwt session cookie signing sign auth webhook hmac key secret token app api site server prod production flask django node "
    b"secretkey base random string access refresh id name ref path file env var value config settings store manager".split()
)
_RUN = re.compile(rb"[a-z]{16,64}")


@remembered(1024)
def signs(value: bytes) -> bool:
    """Return whether a person may have written the value where a random key belongs.

    Such values are sentences, or words followed by a number.
    """
    if not 12 <= len(value) <= 120 or standins.template(value) or _PLACEHOLDER.search(value):
        return False
    if values.code(value) and b"://" in value:
        return False
    if _RUN.fullmatch(value):
        return not chain(value, _TOPIC | _SPOKEN) and not standins.counted(value)
    parts = [part.lower() for part in _PARTS.findall(value)]
    numbers = [number for number in _NUMBER.findall(value) if number not in _SIZES]
    said = [part for part in parts if part in _SPOKEN]
    own = [
        part for part in parts if len(part) > 2 and part not in _SPOKEN and not chain(part, _TOPIC)
    ]
    if len(said) >= 3 and len(parts) >= 6:
        return True
    if len(parts) < 3 or not (own or numbers):
        return False
    if own and numbers:
        return True
    return len(said) >= 1 and (len(parts) >= 4 or bool(numbers))


_SIGNED = re.compile(rb"[A-Za-z][a-z]{2,20}(?:[!?*+^~#%&$][A-Za-z]{3,20}){1,3}")
_KEYBOARD = frozenset((b"ctrl", b"shift", b"alt", b"cmd", b"command", b"control"))


@remembered(1024)
def signed(value: bytes) -> bool:
    """Return whether the value is words with a capital, and signs between that names do not have."""
    if value.islower() or not _SIGNED.fullmatch(value):
        return False
    pieces = {piece.lower() for piece in HUMP.findall(value)}
    return pieces.isdisjoint(OF_CODE) and pieces.isdisjoint(_KEYBOARD)


_BRIEF = re.compile(rb"[A-Za-z]{3,6}[0-9]{1,4}[!@#$%*?.]?")


@remembered(1024)
def brief(value: bytes) -> bool:
    """Return whether the value is a short word and a number, as many passwords are (a pet, a year)."""
    if not 6 <= len(value) <= 8 or not _BRIEF.fullmatch(value):
        return False
    word = value.lower().rstrip(b"0123456789!@#$%*?.")
    return not (word in OF_CODE or values.trivial(value) or standins.dummy(value))


_DAY = re.compile(rb"(?:0[1-9]|[12][0-9]|3[01])([./-]?)(?:0[1-9]|1[0-2])\1(?:19|20)[0-9]{2}")


def day(value: bytes) -> bool:
    """Return whether the value is a date as people write it and choose it for a password: a birthday."""
    return _DAY.fullmatch(value) is not None
