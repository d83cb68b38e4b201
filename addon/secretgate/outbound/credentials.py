"""A request's own credentials, which identify the account and are not secret from the receiver."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

_HEADERS = (
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "proxy-authorization",
    "ocp-apim-subscription-key",
)
_QUERY = ("key", "api_key", "api-key", "access_token", "token", "client_secret")
# Headers that identify an account and outlive a token, for clients that send them.
_ACCOUNTS = ("chatgpt-account-id", "openai-organization", "x-goog-user-project")
_SIGNED = re.compile(r"AWS4-\S+ +Credential=(A[KS]IA[A-Z2-7]{16})/")
_COPILOT = re.compile(r"Bearer (tid=[^;]+);")
_BEDROCK = re.compile(r"(?:Bearer +)?bedrock-api-key-([\w+/-]+)", re.IGNORECASE)
"""A signed request in base64, which serves as a key for twelve hours."""
_SIGNER = re.compile(rb"X-Amz-Credential=(A[KS]IA[A-Z2-7]{16})(?:/|%2F)", re.IGNORECASE)
_LOGIN = re.compile(r"(?:Bearer +)?(sk-ant-oat\d\d-|ya29\.|aoaAAAAA)", re.IGNORECASE)
"""How the tokens of Claude Code's log-in (eight hours), of Google's and Kiro's (one) begin."""
_PROJECT = re.compile(r"/projects/([^/?#]+)/")
_PROTOCOL = re.compile(r"openai-insecure-api-key\.([^\s,]+)")
"""A key as browsers give it to a WebSocket."""
_CLAIMS = ("iss", "sub", "account_id", "organization_id")


def values(headers: Mapping[str, str], url: str) -> frozenset[bytes]:
    """Return a request's credentials, with and without scheme; header names are lower-case."""
    found: set[str] = set()
    for name in _HEADERS:
        value = headers.get(name)
        if value is not None:
            scheme, _, token = value.partition(" ")
            found |= {value, token or scheme}
            if scheme.lower() == "basic":
                found |= _basic(token)
    found.update(_offered(headers))
    found.update(_queried(url))
    return frozenset(value.encode("utf-8", "surrogateescape") for value in found if len(value) >= 8)


def account(headers: Mapping[str, str], url: str) -> bytes:
    """Return what distinguishes the accounts of a provider; to be digested, never stored.

    A token that is replaced every hour must not create a new account, nor must a new signature: of a
    JWT only issuer, subject and account claims count, of a token of Copilot its user, of a signature
    of AWS the account of its key; and an account header takes precedence over any token.

    The tokens of some log-ins say nothing about the account. Those of one client count as one
    account, which Google's path divides into projects.
    """
    named = [headers[name] for name in _ACCOUNTS if name in headers]
    if named:
        return "\0".join(named).encode()
    tokens = [headers[name] for name in _HEADERS if name in headers]
    tokens += [*_offered(headers), *_queried(url)]
    return b"\0".join(_subject(token, url) for token in tokens)


def _offered(headers: Mapping[str, str]) -> list[str]:
    """Return the credentials among the protocols that a WebSocket offers."""
    return _PROTOCOL.findall(headers.get("sec-websocket-protocol", ""))


def _queried(url: str) -> list[str]:
    """Return the credentials in a query string."""
    if "?" not in url:
        return []
    return [value for name, value in parse_qsl(urlsplit(url).query) if name.lower() in _QUERY]


def _subject(token: str, url: str) -> bytes:
    if signed := _SIGNED.match(token):
        return _aws_account(signed[1])
    if (key := _BEDROCK.match(token)) and (signer := _SIGNER.search(_decoded(key[1]))):
        return _aws_account(signer[1].decode())
    if login := _LOGIN.match(token):
        project = _PROJECT.search(urlsplit(url).path)
        return f"{login[1]} {project[1] if project else ''}".encode("utf-8", "surrogateescape")
    if copilot := _COPILOT.match(token):
        return copilot[1].encode()
    parts = token.rpartition(" ")[2].split(".")
    if len(parts) == 3:
        try:
            claims: Any = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=="))
        except (binascii.Error, ValueError, msgspec.DecodeError):
            claims = None
        if isinstance(claims, dict) and "sub" in claims:
            return repr([claims.get(name) for name in _CLAIMS]).encode()
    return token.encode("utf-8", "surrogateescape")


def _aws_account(key: str) -> bytes:
    """Return the account that is encoded in the id of an AWS key, long-lived or temporary; else the id."""
    try:
        bits = int.from_bytes(base64.b32decode(key[4:20])[:6])
    except binascii.Error:
        return key.encode()
    return b"aws %d" % (bits >> 7 & 0xFF_FFFF_FFFF)


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "==")
    except (binascii.Error, ValueError):
        return b""


def _basic(token: str) -> set[str]:
    try:
        user, _, password = base64.b64decode(token).decode().partition(":")
    except (binascii.Error, ValueError):
        return set()
    return {user, password}
