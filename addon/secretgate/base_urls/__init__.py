"""Providers as path prefixes of the proxy's own address, for tools that accept a base URL.

    ANTHROPIC_BASE_URL=http://127.0.0.1:8080/anthropic

The request is redirected to the provider before the gate sees it, so it is treated like an
intercepted one. This module contains only a table and functions on paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from secretgate.hosts import Hosts, Route, TableError, added
from secretgate.providers import DIALECTS

ALL = "all"
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
RESOURCE = "{resource}"


class BaseURLError(ValueError):
    """An invalid entry of `base_urls`; the message names the entry and the reason."""


@dataclass(frozen=True)
class BaseURL:
    """The destination of one prefix."""

    name: str
    host: str
    variable: str = ""
    """The environment variable that tools read, for display."""
    scheme: str = "https"
    port: int = 443
    paths: tuple[tuple[str, str], ...] = (("", ""),)
    """Path prefixes and what to prepend to them; the first match counts.

    SDKs differ in whether the version is part of the base URL.
    """
    dialect: str = "generic"
    """The dialect for hosts that are not in the host table."""

    @property
    def per_resource(self) -> bool:
        """Whether the next path segment names the host."""
        return RESOURCE in self.host


@dataclass(frozen=True)
class Target:
    """The destination of one request."""

    base: BaseURL
    host: str
    path: str


_V1 = (("/v1/", ""), ("", "/v1"))
BUILTIN: tuple[BaseURL, ...] = (
    BaseURL("anthropic", "api.anthropic.com", "ANTHROPIC_BASE_URL"),
    BaseURL("openai", "api.openai.com", "OPENAI_BASE_URL", paths=_V1),
    BaseURL("ollama", "127.0.0.1", "OLLAMA_HOST", "http", 11434, dialect="ollama"),
    BaseURL("gemini", "generativelanguage.googleapis.com", "GOOGLE_GEMINI_BASE_URL"),
    BaseURL("azure", f"{RESOURCE}.openai.azure.com", "AZURE_OPENAI_ENDPOINT"),
    BaseURL(
        "openrouter",
        "openrouter.ai",
        "OPENROUTER_BASE_URL",
        paths=(("/api/", ""), ("/v1/", "/api"), ("", "/api/v1")),
    ),
    BaseURL("mistral", "api.mistral.ai", "MISTRAL_BASE_URL", paths=_V1),
    BaseURL("deepseek", "api.deepseek.com", "DEEPSEEK_BASE_URL"),
    BaseURL("xai", "api.x.ai", "XAI_BASE_URL", paths=_V1),
    BaseURL(
        "groq",
        "api.groq.com",
        "GROQ_BASE_URL",
        paths=(("/openai/", ""), ("/v1/", "/openai"), ("", "/openai/v1")),
    ),
)


def chosen(entries: Iterable[str]) -> dict[str, BaseURL]:
    """Return the prefixes to serve, by name; an entry is `all`, NAME or NAME=[DIALECT+]URL.

    Raises BaseURLError.
    """
    builtin = {base.name: base for base in BUILTIN}
    found: dict[str, BaseURL] = {}
    for entry in entries:
        name, given, url = entry.partition("=")
        if name == ALL and not given:
            found = {**builtin, **found}
        elif given:
            found[name] = _defined(name, url)
        elif name in builtin:
            found[name] = builtin[name]
        else:
            known = ", ".join([ALL, *builtin])
            raise BaseURLError(f"base_urls: {entry!r} is not one of {known}; others are NAME=URL")
    return found


def _defined(name: str, url: str) -> BaseURL:
    if not _NAME.fullmatch(name):
        raise BaseURLError(f"base_urls: {name!r} must be lower-case letters, digits and hyphens")
    where = f"base_urls: {name}"
    dialect, plus, rest = url.partition("+")
    if not plus or "/" in dialect:
        dialect, rest = "generic", url
    if dialect not in DIALECTS:
        raise BaseURLError(f"{where}: no dialect {dialect!r}; there are: {', '.join(DIALECTS)}")
    try:
        parts = urlsplit(rest)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise BaseURLError(f"{where}: {rest!r} is not a URL") from None
    if not port or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise BaseURLError(f"{where}: must look like https://HOST/PATH, without query and user")
    base = parts.path.rstrip("/")
    paths = ((f"{base}/", ""), ("", base)) if base else (("", ""),)
    return BaseURL(name, parts.hostname, "", parts.scheme, port, paths, dialect)


def target(bases: dict[str, BaseURL], path: str) -> Target | None:
    """Return the destination of a request for `path`, or None if it begins with no known prefix."""
    route, mark, query = path.partition("?")
    _, _, rest = route.partition("/")
    name, _, rest = rest.partition("/")
    base = bases.get(name)
    if base is None:
        return None
    host = base.host
    if base.per_resource:
        resource, _, rest = rest.partition("/")
        if not _RESOURCE.fullmatch(resource):
            return None
        host = host.replace(RESOURCE, resource.lower())
    rest = f"/{rest}"
    before = next(added for begins, added in base.paths if rest.startswith(begins))
    return Target(base, host, before + rest + mark + query)


def served_at(bases: dict[str, BaseURL], found: Target, url: str) -> str | None:
    """Return the path under which we serve a URL of the destination `found`, or None if nowhere."""
    base = found.base
    try:
        parts = urlsplit(url)
        place = parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if place != (base.scheme, found.host, base.port):
        return None
    path = urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
    resource = (
        found.host.removesuffix(base.host.removeprefix(RESOURCE)) if base.per_resource else ""
    )
    prefix = f"/{base.name}/{resource}".rstrip("/")
    for _, lead in base.paths:
        ours = prefix + path.removeprefix(lead)
        if target(bases, ours) == Target(base, found.host, path):
            return ours
    return None


def route_for(found: Target, hosts: Hosts) -> Route | None:
    """Return the route for a host that the table does not cover; None means the table decides."""
    if hosts.covers(found.host):
        return None
    try:
        own = Hosts([added(found.host, found.base.name, found.base.dialect)])
    except TableError as error:
        raise BaseURLError(str(error)) from None
    return own.route([found.host], found.path)
