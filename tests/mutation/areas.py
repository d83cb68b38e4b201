"""Which modules are mutated, and the fast tests that have to detect it."""

from __future__ import annotations

AREAS: dict[str, tuple[str, ...]] = {
    "redaction": (
        "outbound.redaction",
        "outbound.naming",
        "outbound.edits",
        "outbound.hidden",
        "outbound.spots",
        "outbound.spelled",
        "outbound.egress",
        "outbound.texts",
        "history.recall",
        "history.verdicts",
        "history.units",
        "history.digests",
    ),
    "restoration": (
        "inbound.restoration",
        "placeholders.beginnings",
        "inbound.event_reader",
        "inbound.extras",
        "placeholders.issued",
        "placeholders.templates",
        "inbound.events",
        "inbound.open_texts",
        "inbound.end_marks",
        "inbound.leftovers",
        "inbound.written",
    ),
    "vault": ("vault", "stores.shared_vault"),
    "span reader": (
        "bodies.json_reader",
        "bodies.json_spans",
        "bodies.json_walk",
        "bodies.json_body",
        "bodies.between",
        "bodies.columns",
        "outbound.spans",
        "inbound.matching",
        "inbound.shapes",
    ),
}

TESTS = (
    "tests/addon/test_named_values.py",
    "tests/addon/test_egress.py",
    "tests/addon/test_redaction.py",
    "tests/addon/test_redaction_spellings.py",
    "tests/addon/test_restoration.py",
    "tests/addon/test_vault.py",
    "tests/addon/test_json_reader.py",
    "tests/addon/test_placeholders.py",
    "tests/addon/test_history.py",
    "tests/addon/test_events.py",
    "tests/addon/test_event_reader.py",
    "tests/addon/test_numbering.py",
    "tests/addon/test_written.py",
    "tests/gateway/test_stores.py",
    "tests/gateway/test_store_outages.py",
    "tests/policy/test_requests.py",
    "tests/policy/test_restore.py",
    "tests/addon/test_spans.py",
    "tests/addon/test_json_body.py",
    "tests/addon/test_beginnings.py",
    "tests/addon/test_bodies_forms.py",
    "tests/addon/test_edges.py",
    "tests/addon/test_parallel_outputs.py",
    "tests/addon/test_wire_documents.py",
    "tests/attacks/test_log_injection.py",
)


def area(module: str) -> str:
    return next(name for name, modules in AREAS.items() if module in modules)
