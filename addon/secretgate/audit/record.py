"""The fields of an audit record.

A record never contains a secret's value, or anything in which a client could have put one: no path,
no member name, no message.
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import Annotated, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

Event = Literal["request", "answer", "lost", "recovered"]
MOST_PLACEHOLDERS = 256


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the log. Empty, false and zero fields are omitted; see `FIELDS`."""

    time: Annotated[str, Meta(description="Time in UTC.")]
    event: Annotated[
        Event,
        Meta(
            description="`request`: a request was decided; `answer`: an answer ended; `lost`: "
            "records could not be written; `recovered`: the log was damaged and continues. Of a server "
            "behind `secretgate mcp`, its messages are requests, and tool calls to it are answers."
        ),
    ]
    exchange: Annotated[
        str, Meta(description="Id of mitmproxy's flow, shared by a request and its answer.")
    ] = ""
    process: Annotated[int, Meta(description="Process id of the worker that wrote the record.")] = 0
    host: Annotated[str, Meta(description="Host the request was sent to.")] = ""
    provider: Annotated[str, Meta(description="Provider, as named by `secretgate coverage`.")] = ""
    client: Annotated[
        str, Meta(description="Tool, identified by its user agent; an MCP client, by its own name.")
    ] = ""
    user: Annotated[
        str, Meta(description="The user's name at the proxy, or else the client's address.")
    ] = ""
    model: Annotated[str, Meta(description="Requested model.")] = ""
    dialect: Annotated[str, Meta(description="Wire format.")] = ""
    operation: Annotated[
        str, Meta(description="`llm.request`, `llm.response`, `mcp.tool_call`, `mcp.tool_result`.")
    ] = ""
    direction: Annotated[str, Meta(description="`request` or `response`.")] = ""
    mode: Annotated[str, Meta(description="Mode in force: redact, block or audit.")] = ""
    enforcement: Annotated[
        str,
        Meta(description="`enforce`, `enforce_but_ignore_on_error` or `audit`."),
    ] = ""
    decision: Annotated[
        str,
        Meta(
            description="clean, redacted, audited, blocked, unreadable, left alone, or failed "
            "(an error in secretgate; the request was refused). For an answer, only what a policy rule did to it."
        ),
    ] = ""
    refused: Annotated[
        bool, Meta(description="Whether the request was refused; nothing of it was sent.")
    ] = False
    policy: Annotated[tuple[str, ...], Meta(description="Policy rules that decided.")] = ()
    rules: Annotated[
        dict[str, int],
        Meta(
            description="Number of findings per detection rule, with gitleaks' ids for types it "
            "knows. History is resent, and so counted, every turn."
        ),
    ] = {}
    types: Annotated[
        tuple[str, ...],
        Meta(
            description="The same types, spelled as other guardrails do: `SECRET_OPENAI_API_KEY`."
        ),
    ] = ()
    issued: Annotated[
        int, Meta(description="Number of placeholders that can be restored in the answer.")
    ] = 0
    placeholders: Annotated[
        tuple[str, ...],
        Meta(
            description=f"Ids of these placeholders, at most {MOST_PLACEHOLDERS}; for an "
            f"answer, of those restored."
        ),
    ] = ()
    bytes_total: Annotated[int, Meta(description="Size of the body, decompressed if possible.")] = 0
    bytes_scanned: Annotated[int, Meta(description="Text that was scanned.")] = 0
    bytes_opaque: Annotated[
        int, Meta(description="Signed, encrypted or identifying fields, which are never scanned.")
    ] = 0
    bytes_binary: Annotated[
        int, Meta(description="Images, audio and other files without text.")
    ] = 0
    bytes_skipped: Annotated[
        int, Meta(description="Credentials meant for the provider, and bodies left alone.")
    ] = 0
    bytes_unreadable: Annotated[int, Meta(description="Bodies that could not be read.")] = 0
    restored: Annotated[int, Meta(description="Number of secrets restored in the answer.")] = 0
    not_restored: Annotated[
        int, Meta(description="Number of placeholders that reached the client unrestored.")
    ] = 0
    unread: Annotated[
        bool, Meta(description="Whether the answer could not be read and was passed on unchanged.")
    ] = False
    status: Annotated[int, Meta(description="HTTP status of the answer.")] = 0
    count: Annotated[int, Meta(description="Number of lost records.")] = 0
    torn: Annotated[
        int, Meta(description="Length of the cut-off line before this record, if any.")
    ] = 0
    reason: Annotated[str, Meta(description="Reason for `lost` or `recovered`.")] = ""


FIELDS: dict[str, str] = {
    name: next(meta.description or "" for meta in get_args(hint) if isinstance(meta, Meta))
    for name, hint in get_type_hints(Record, include_extras=True).items()
}
"""The description of each field."""

LINKS: dict[str, str] = {
    "seq": "Number of the record: from 1, without gaps, across all files and workers.",
    "prev": "Hash of the previous record.",
    "hash": "HMAC-SHA-256 of the line up to here, with a key derived from the installation's.",
}
"""The fields that the chain adds to each record."""

_NAME = re.compile(r"[^A-Za-z0-9]+")


@lru_cache(maxsize=4096)
def type_name(rule: str) -> str:
    """Return a rule id in the style of `SECRET_OPENAI_API_KEY`."""
    return "SECRET_" + _NAME.sub("_", rule).strip("_").upper()


def stamp(seconds: float) -> str:
    """Return a Unix time as ISO 8601 in UTC, with milliseconds."""
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
