"""What one line of the audit log says. Never a value of a secret, and nothing that a client may have put one into:
no path, no member name, no message."""

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
    """A member that is empty or 0 is not written; see `FIELDS`."""

    time: Annotated[str, Meta(description="When, in UTC.")]
    event: Annotated[
        Event,
        Meta(
            description="`request` when it has been decided on, `answer` when it has ended; `lost`: records "
            "that could not be written; `recovered`: the log was found damaged and goes on."
        ),
    ]
    exchange: Annotated[
        str, Meta(description="The same for a request and its answer: the id of mitmproxy's flow.")
    ] = ""
    process: Annotated[int, Meta(description="The worker that wrote it.")] = 0
    host: Annotated[str, Meta(description="The host that the request went to.")] = ""
    provider: Annotated[str, Meta(description="Whose it is, as in `secretgate coverage`.")] = ""
    client: Annotated[str, Meta(description="The tool, by its user agent.")] = ""
    user: Annotated[
        str, Meta(description="The user's name at the proxy, or else the address of the client.")
    ] = ""
    model: Annotated[str, Meta(description="The model that was asked for.")] = ""
    dialect: Annotated[str, Meta(description="The wire format.")] = ""
    operation: Annotated[
        str, Meta(description="`llm.request`, `llm.response`, `mcp.tool_call`, `mcp.tool_result`.")
    ] = ""
    direction: Annotated[str, Meta(description="`request` or `response`.")] = ""
    mode: Annotated[str, Meta(description="The mode in force: redact, block or audit.")] = ""
    enforcement: Annotated[
        str,
        Meta(description="`enforce`, `enforce_but_ignore_on_error` or `audit`."),
    ] = ""
    decision: Annotated[
        str,
        Meta(
            description="clean, redacted, audited, blocked, unreadable, left alone, or failed "
            "(secretgate itself failed on it, and it was refused); of an answer only what a rule of the policy did to it."
        ),
    ] = ""
    refused: Annotated[bool, Meta(description="Whether it was refused; nothing of it left.")] = (
        False
    )
    policy: Annotated[
        tuple[str, ...], Meta(description="The rules of the policy that decided.")
    ] = ()
    rules: Annotated[
        dict[str, int],
        Meta(
            description="Finds by detection rule. The ids are gitleaks' where it knows the type. History is "
            "sent again every turn, and counted again."
        ),
    ] = {}
    types: Annotated[
        tuple[str, ...],
        Meta(description="The same types as other guardrails spell them: `SECRET_OPENAI_API_KEY`."),
    ] = ()
    issued: Annotated[
        int, Meta(description="How many placeholders the answer may hold that can be put back.")
    ] = 0
    placeholders: Annotated[
        tuple[str, ...],
        Meta(
            description=f"Their ids, up to {MOST_PLACEHOLDERS}; in an answer, the ids of those put back."
        ),
    ] = ()
    bytes_total: Annotated[
        int, Meta(description="Size of the body, decompressed where it could be.")
    ] = 0
    bytes_scanned: Annotated[int, Meta(description="Text that was looked at.")] = 0
    bytes_opaque: Annotated[
        int, Meta(description="Signed, encrypted or identifying fields: never looked at.")
    ] = 0
    bytes_binary: Annotated[
        int, Meta(description="Images, audio and other files without text.")
    ] = 0
    bytes_skipped: Annotated[
        int, Meta(description="Credentials meant for the provider, and bodies that are left alone.")
    ] = 0
    bytes_unreadable: Annotated[int, Meta(description="Bodies that could not be read.")] = 0
    restored: Annotated[int, Meta(description="Secrets that were put back into the answer.")] = 0
    not_restored: Annotated[
        int, Meta(description="Placeholders that the client got as they are.")
    ] = 0
    unread: Annotated[
        bool, Meta(description="Whether the answer could not be read, and went on as it came.")
    ] = False
    status: Annotated[int, Meta(description="HTTP status of the answer.")] = 0
    count: Annotated[int, Meta(description="How many records were lost.")] = 0
    torn: Annotated[
        int, Meta(description="Length of the cut-off line before, where there is one.")
    ] = 0
    reason: Annotated[str, Meta(description="Of `lost` and `recovered`.")] = ""


FIELDS: dict[str, str] = {
    name: next(meta.description or "" for meta in get_args(hint) if isinstance(meta, Meta))
    for name, hint in get_type_hints(Record, include_extras=True).items()
}
"""Each field and what it says."""

LINKS: dict[str, str] = {
    "seq": "The number of the record, from 1, without gaps, through all files and workers.",
    "prev": "The hash of the record before.",
    "hash": "HMAC-SHA-256 of the line up to here, under a key made from the installation's.",
}
"""What the chain adds to each record."""

_NAME = re.compile(r"[^A-Za-z0-9]+")


@lru_cache(maxsize=4096)
def type_name(rule: str) -> str:
    """`openai-api-key` as `SECRET_OPENAI_API_KEY`."""
    return "SECRET_" + _NAME.sub("_", rule).strip("_").upper()


def stamp(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
