"""The functions that rules may call in addition to those of CEL.

Exceptions raised here never quote the arguments, because they may be logged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from secretgate.policy.rates import Rates
from secretgate.policy.secrets import Secrets
from secretgate.policy.texts import encoded, strings

NAMES = frozenset(
    (
        "hasSecrets",
        "secretTypes",
        "containsAny",
        "estimateTokens",
        "lower",
        "upper",
        "matchesDomain",
        "rateCount",
        "inTimeWindow",
        "dayOfWeek",
    )
)
STANDARD = frozenset(
    (
        *("size", "has", "matches", "startsWith", "endsWith", "contains"),
        *("exists", "all", "filter", "exists_one", "map", "min", "max", "type", "dyn"),
        *("int", "uint", "double", "bool", "string", "bytes", "list", "timestamp", "duration"),
        *("getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    )
)
"""CEL functions that rules may use."""
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZONES = {"inTimeWindow": 3, "dayOfWeek": 1}
"""Which argument of a function is a time zone."""
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

Function = Callable[..., Any]
Originals = Mapping[str, set[str]]


class Misuse(ValueError):
    """A function was called with invalid arguments."""


def misused(name: str, literals: Sequence[str | None]) -> str:
    """Return what is wrong with the string literals among the arguments of a call, if anything."""
    try:
        if name == "inTimeWindow":
            for clock in literals[1:3]:
                _ = clock is not None and _minutes(clock)
        for zone in literals[_ZONES[name] :][:1] if name in _ZONES else ():
            _ = zone is not None and _zone(zone)
    except Misuse as error:
        return str(error)
    return ""


def table(secrets: Secrets, rates: Rates, originals: Originals) -> dict[str, Function]:
    """Return the functions for one call. `originals` maps folded strings to their original spellings."""

    def types(value: Any) -> list[str]:
        found: set[str] = set()
        for _, text in strings(value):
            for original in originals.get(text, (text,)):
                found |= {finding.rule for finding in secrets.find(encoded(original))}
        return sorted(found)

    def rate(key: Any, window: Any) -> int:
        try:
            return rates.count(_text(key), _text(window))
        except ValueError as error:
            raise Misuse(f"rateCount: {error}") from None

    return {
        **_PURE,
        "hasSecrets": _quiet("hasSecrets", lambda value: bool(types(value))),
        "secretTypes": _quiet("secretTypes", types),
        "rateCount": _quiet("rateCount", rate),
    }


def _quiet(name: str, function: Function) -> Function:
    """Wrap a function so that its errors do not mention its arguments."""

    def called(*args: Any) -> Any:
        try:
            return function(*args)
        except Misuse:
            raise
        except Exception as error:
            raise Misuse(f"{name}: {type(error).__name__}") from None

    return called


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Misuse("expects a string")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise Misuse("expects a list of strings")
    return [_text(item) for item in value]


def _contains_any(text: Any, terms: Any) -> bool:
    low = _text(text).lower()
    return any(term.lower() in low for term in _texts(terms))


def _matches_domain(address: Any, domains: Any) -> bool:
    _, at, domain = _text(address).lower().rpartition("@")
    wanted = [each.lower() for each in _texts(domains)]
    return bool(at) and any(domain == each or domain.endswith("." + each) for each in wanted)


def _in_time_window(now: Any, start: Any, end: Any, zone: Any) -> bool:
    first, last = _minutes(_text(start)), _minutes(_text(end))
    local = _moment(now).astimezone(_zone(_text(zone)))
    return first <= local.hour * 60 + local.minute < last


def _minutes(clock: str) -> int:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise Misuse("inTimeWindow expects times as HH:MM")
    return int(found[1]) * 60 + int(found[2])


def _day_of_week(now: Any, zone: Any = "UTC") -> str:
    return _DAYS[_moment(now).astimezone(_zone(_text(zone))).weekday()]


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise Misuse("expects a timestamp")
    return value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Misuse("there is no such time zone") from None


_PURE: dict[str, Function] = {
    "containsAny": _quiet("containsAny", _contains_any),
    "estimateTokens": _quiet("estimateTokens", lambda text: len(_text(text)) // 4),
    "lower": _quiet("lower", lambda text: _text(text).lower()),
    "upper": _quiet("upper", lambda text: _text(text).upper()),
    "matchesDomain": _quiet("matchesDomain", _matches_domain),
    "inTimeWindow": _quiet("inTimeWindow", _in_time_window),
    "dayOfWeek": _quiet("dayOfWeek", _day_of_week),
}
