"""Fallback for unknown formats: every string is text.

In a stream, any string may continue a longer text, except under names that hold identifiers:
holding back the end of an id would change it.
"""

from __future__ import annotations

from dataclasses import replace

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_NAMES = (
    "id",
    "type",
    "object",
    "model",
    "role",
    "status",
    "event",
    "name",
    "created_at",
    "finish_reason",
    "stop_reason",
    "created",
    "done_reason",
    "request_id",
    "response_id",
    "item_id",
    "call_id",
)

GENERIC = Dialect(
    name="generic",
    transports=("JSON", "SSE", "NDJSON", "text"),
    requests=[
        ("network_policy.domain_secrets[].value", Label.CREDENTIAL),
        ("data_source.sampling_params.tools[].authorization", Label.CREDENTIAL),
        ("data_source.sampling_params.tools[].headers.**", Label.CREDENTIAL),
        ("providerOptions.gateway.byok.**", Label.CREDENTIAL),
    ],
    answers=[
        *((f"**.{name}", Piece.WHOLE) for name in _NAMES),
        ("**.arguments", Piece.DELTA_JSON),
        ("**.partial_json", Piece.DELTA_JSON),
        ("**", Piece.DELTA),
    ],
    chain_in=("session_id", "thread_id"),
    chain_members=("file_id", "file_ids"),
    chain_grows=("vector_stores", "containers", "sessions"),
    chain_out=("id",),
    chain_prefixes=("vs_", "cntr_", "file-", "file_", "cfile_", "thread_", "sess_", "session_"),
)

# Its universal endpoint takes requests to several providers, each with its own headers.
CLOUDFLARE = replace(
    GENERIC,
    name="cloudflare",
    requests=[
        *((f"{request}.headers.**", Label.CREDENTIAL) for request in ("[]", "request")),
        ("[].authorization", Label.CREDENTIAL),
        *GENERIC.requests,
    ],
)
