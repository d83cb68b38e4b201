"""Files that contain text: secrets are found, and policy decides, as files are not edited."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import random
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from wire_files import (
    archive,
    database,
    docx,
    locked,
    pdf,
    pdf_with,
    program,
    unpacked,
    zipped,
)
from wire_support import PLACEHOLDER, SCOPE, Gate, dump, secret

from secretgate.hosts import Treatment
from secretgate.outbound.requests import Decision, Verdict

KEY = secret(1)


FILES: dict[str, Callable[[str], bytes]] = {
    "pdf": pdf,
    "pdf, not packed": lambda text: pdf(text, packed=False),
    "pdf, kerned": lambda text: pdf(text, style="kerned"),
    "pdf, hex": lambda text: pdf(text, style="hex"),
    "pdf, octal": lambda text: pdf(text, style="octal"),
    "docx": docx,
    "zip": archive,
    "zip, a file name": lambda text: zipped(f"notes/{text}.txt", b""),
    "zip of a program": lambda text: zipped("src/app.py", f"x = '{text}'\n".encode()),
    "zip of settings": lambda text: zipped("app.properties", text.encode()),
    "zip of text in Latin-1": lambda text: zipped("note.asc", b"\xe9 " + text.encode()),
    "zip of a database": lambda text: zipped("notes.db", database(text)),
    "zip of UTF-16": lambda text: zipped("notes.reg", text.encode("utf-16")),
    "zip of a zip": lambda text: zipped("inner.jar", zipped("a.tf", text.encode())),
    "zip of a docx": lambda text: zipped("letter.docx", docx(text)),
    "zip, partly encrypted": locked,
    "pdf, title": lambda text: pdf_with(f"<< /Title ({text}) >>".encode()),
    "pdf, link": lambda text: pdf_with(f"<< /URI (https://host/?q={text}) >>".encode()),
    "pdf, wide title": lambda text: pdf_with(
        b"<< /Title (\\376\\377" + text.encode("utf-16-be").replace(b"\0", b"\\000") + b") >>"
    ),
    "pdf, title in hex": lambda text: pdf_with(
        f"<< /Title <FEFF{text.encode('utf-16-be').hex()}> >>".encode()
    ),
    "pdf, field": lambda text: pdf_with(f"<< /V ({text}) >>".encode(), packed=True),
    "pdf, metadata": lambda text: pdf_with(
        f"<< >>\nstream\n<x:xmpmeta>{text}</x:xmpmeta>\nendstream".encode()
    ),
    "text behind the name of a pdf": lambda text: b"%PDF-1.4\n" + text.encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip of two parts": lambda text: gzip.compress(bytes(30)) + gzip.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "zstd": lambda text: zstandard.compress(text.encode()),
    "bzip2 of two parts": lambda text: bz2.compress(bytes(30)) + bz2.compress(text.encode()),
    "xz of two parts": lambda text: (
        lzma.compress(bytes(30)) + bytes(4) + lzma.compress(text.encode())
    ),
    "zstd of two parts": lambda text: (
        zstandard.compress(bytes(30)) + zstandard.compress(text.encode())
    ),
    "gzip that is cut off": lambda text: gzip.compress(
        text.encode() + random.Random(1).randbytes(4_000)
    )[:-900],
    "tar in gzip": lambda text: gzip.compress(unpacked(text)),
    "zip of gzip": lambda text: zipped("app.log.gz", gzip.compress(text.encode())),
    "tar": unpacked,
    "database": database,
    "program": program,
    "utf-16 with a mark": lambda text: f"größer {text}".encode("utf-16"),
    "utf-16 without": lambda text: text.encode("utf-16-le"),
    "utf-32": lambda text: text.encode("utf-32"),
    "a wrong mark of utf-16": lambda text: b"\xff\xfe" + text.encode(),
    "a wrong mark of utf-32": lambda text: b"\xff\xfe\0\0 " + text.encode(),
}


def decide(raw: bytes, treatment: Treatment = Treatment.CONTENT, **settings: str) -> Decision:
    source = {
        "type": "base64",
        "media_type": "application/pdf",
        "data": base64.b64encode(raw).decode(),
    }
    content = dump(
        {"messages": [{"role": "user", "content": [{"type": "document", "source": source}]}]}
    )
    gate = Gate(**settings)
    headers = {"content-type": "application/json"}
    return gate.requests.decide(
        gate.request("anthropic", treatment, content=content, headers=headers)
    )


@pytest.mark.parametrize("name", FILES)
def test_a_secret_in_a_file_is_seen_and_the_request_refused(name: str) -> None:
    decision = decide(FILES[name](f"the key is {KEY}"))
    assert decision.refused
    assert decision.verdict is Verdict.UNREADABLE
    assert "messages[0].content[0].source.data" in decision.message
    assert KEY not in decision.message


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_one_goes_as_it_is(name: str) -> None:
    decision = decide(FILES[name]("nothing to see in here"))
    assert (decision.verdict, decision.content) == (Verdict.CLEAN, None)
    assert decision.counts.scanned > 0


def _source(data: str) -> Any:
    return {"type": "base64", "media_type": "application/pdf", "data": data}


def _blocks(*blocks: Any) -> Any:
    return {"messages": [{"role": "user", "content": [*blocks]}]}


def _fetched(document: Any) -> Any:
    found = {"type": "web_fetch_result", "url": "https://x.example", "content": document}
    return {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_1", "content": found}


def _holding(block: Any) -> Any:
    return {"type": "document", "source": {"type": "content", "content": [block]}}


def _result(*blocks: Any) -> Any:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": [*blocks]}


def _url(data: str) -> str:
    return f"data:application/pdf;base64,{data}"


PLACES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "what was fetched": (
        "anthropic",
        lambda data: _blocks(_fetched({"type": "document", "source": _source(data)})),
    ),
    "a document in a document": (
        "anthropic",
        lambda data: _blocks(_holding({"type": "document", "source": _source(data)})),
    ),
    "the same in a result": (
        "anthropic",
        lambda data: _blocks(_result(_holding({"type": "image", "source": _source(data)}))),
    ),
    "Mistral's chat": (
        "openai-chat",
        lambda data: _blocks({"type": "document_url", "document_url": _url(data)}),
    ),
    "Mistral's reader": (
        "openai-chat",
        lambda data: {"document": {"type": "document_url", "document_url": _url(data)}},
    ),
    "the middle of a text": ("anthropic", lambda data: _blocks(_result(f"here:\n{data}\nend"))),
    "a data URL in a text": ("openai-responses", lambda data: {"input": f"[x]({_url(data)})"}),
    "lines": (
        "anthropic",
        lambda data: {"system": "\n".join(textwrap.wrap(data, 76)), "messages": []},
    ),
    "a resource of MCP": (
        "mcp",
        lambda data: {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {"content": [{"type": "resource", "resource": {"blob": data}}]},
        },
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_file_is_read_wherever_it_may_stand(place: str) -> None:
    dialect, write = PLACES[place]
    for text, refused in ((f"the key is {KEY}", True), ("nothing to see in here", False)):
        content = dump(write(base64.b64encode(pdf(text)).decode()))
        headers = {"content-type": "application/json"}
        gate = Gate()
        decision = gate.requests.decide(gate.request(dialect, content=content, headers=headers))
        assert (decision.verdict is Verdict.CLEAN) is not refused
        assert (decision.refused or decision.reply is not None) is refused
        assert KEY not in decision.message


def _inline(data: str) -> bytes:
    part = {"inlineData": {"data": data, "mime_type": "application/octet-stream"}}
    return dump({"contents": [{"role": "user", "parts": [part]}]})


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_in_the_base64_of_googles_sdks(name: str, padded: bool) -> None:
    """Their alphabet is that of URLs, with or without padding."""
    gate = Gate()
    headers = {"content-type": "application/json"}
    for text, refused in (
        (f"the key is {KEY} \u07ff\u07ff", True),
        ("nothing to see in here", False),
    ):
        data = base64.urlsafe_b64encode(FILES[name](text)).decode()
        content = _inline(data if padded else data.rstrip("="))
        decision = gate.requests.decide(gate.request("gemini", content=content, headers=headers))
        assert decision.refused is refused


@pytest.mark.parametrize("padded", [True, False])
def test_text_in_the_base64_of_urls_stays_in_it(padded: bool) -> None:
    gate = Gate()
    text = f"?~?~?~ {KEY} \u07ff\u07ff~?"
    data = base64.urlsafe_b64encode(text.encode()).decode()
    assert "-" in data or "_" in data
    headers = {"content-type": "application/json"}
    content = _inline(data if padded else data.rstrip("="))
    decision = gate.requests.decide(gate.request("gemini", content=content, headers=headers))
    assert decision.content is not None
    sent = json.loads(decision.content)["contents"][0]["parts"][0]["inlineData"]["data"]
    assert not {"+", "/"} & set(sent)
    assert padded or "=" not in sent
    plain = base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4)).decode()
    assert plain == text.replace(KEY, gate.name(KEY))


def test_a_token_where_base64_belongs_is_a_text() -> None:
    """Its characters are those of base64 for URLs."""
    gate = Gate()
    headers = {"content-type": "application/json"}
    decision = gate.requests.decide(gate.request("gemini", content=_inline(KEY), headers=headers))
    assert decision.content == _inline(gate.name(KEY))


PASTED = ("docx", "gzip", "bzip2", "xz", "zstd", "database", "tar in gzip")


@pytest.mark.parametrize("name", [name for name in FILES if name in PASTED or "zip" in name])
def test_a_file_of_any_length_is_read_in_a_text(name: str) -> None:
    """What base64 leaves over at the end is the end of an archive's directory."""
    for more in range(3):
        for times in (1, 2) if name == "gzip" else (1,):
            data = FILES[name](f"the key is {KEY}{'.' * more}")
            for _ in range(times):
                data = base64.b64encode(data)
            run = data.decode()
            for text in (run, f"data: {run}\nkind: Secret", run.translate({43: "-", 47: "_"})):
                content = dump({"messages": [{"role": "user", "content": text}]})
                gate = Gate()
                headers = {"content-type": "application/json"}
                asked = gate.request("anthropic", content=content, headers=headers)
                assert gate.requests.decide(asked).refused


def test_what_is_learnt_later_is_found_in_a_document_seen_before() -> None:
    """The bytes of the body do not show that the value stands in it."""
    word = "harmless-looking-value"
    shown = base64.b64encode(pdf(f"it says {word}")).decode()
    gate = Gate()
    headers = {"content-type": "application/json"}
    said = [{"role": "user", "content": [{"type": "text", "text": f"see {shown} there"}]}]

    def decide_on(messages: Any) -> Decision:
        content = dump({"messages": messages})
        return gate.requests.decide(gate.request("anthropic", content=content, headers=headers))

    assert decide_on(said).verdict is Verdict.CLEAN
    assert decide_on([*said, {"role": "user", "content": "more"}]).verdict is Verdict.CLEAN
    gate.vault.learn(SCOPE, {word.encode(): "zz-key"})
    assert decide_on([*said, {"role": "user", "content": "more"}]).refused


def test_policy_decides() -> None:
    raw = pdf(f"the key is {KEY}")
    passed = decide(raw, on_unreadable="pass")
    assert not passed.refused
    assert [spot.rule for spot in passed.spots] == ["zz-key"]
    assert not decide(raw, Treatment.OTHER).refused
    blocked = decide(raw, mode="block")
    assert blocked.verdict is Verdict.BLOCKED
    audited = decide(raw, mode="audit")
    assert (audited.verdict, audited.content) == (Verdict.AUDITED, None)


@pytest.mark.parametrize("packed", [True, False])
def test_an_upload_is_a_file_too(packed: bool) -> None:
    gate = Gate()
    head = b'--b0\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    content = head + pdf(KEY, packed) + b"\r\n--b0--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b0"}
    decision = gate.requests.decide(gate.request("anthropic", content=content, headers=headers))
    assert decision.refused
    assert KEY.encode() not in json.dumps(decision.message).encode()
    headers = {"content-type": "application/pdf"}
    whole = gate.requests.decide(gate.request("gemini", content=pdf(KEY, packed), headers=headers))
    assert whole.refused


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "koi8-r", "gbk", "shift-jis"])
def test_text_in_another_encoding_is_text(encoding: str) -> None:
    """A byte that is not UTF-8 does not make a file an image."""
    comment = {"koi8-r": "ключ", "gbk": "密钥", "shift-jis": "鍵"}.get(encoding, "clé").encode(
        encoding
    )
    raw = b"# " + comment + b"\nKEY=" + KEY.encode() + b"\n"
    decision = decide(raw)
    assert decision.content
    source = json.loads(decision.content)["messages"][0]["content"][0]["source"]
    kept, _, value = base64.b64decode(source["data"]).partition(b"\nKEY=")
    assert kept == b"# " + comment
    assert PLACEHOLDER.fullmatch(value.strip())

    gate = Gate()
    head = b'--b0\r\nContent-Disposition: form-data; name="file"; filename=".env"\r\nContent-Type: text/plain\r\n\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b0"}
    content = head + raw + b"\r\n--b0--\r\n"
    uploaded = gate.requests.decide(gate.request("anthropic", content=content, headers=headers))
    expected = raw.replace(KEY.encode(), gate.name(KEY).encode())
    assert uploaded.content == head + expected + b"\r\n--b0--\r\n"


def test_an_image_is_no_document() -> None:
    decision = decide(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + KEY.encode())
    assert decision.verdict is Verdict.CLEAN
    assert decision.counts.bytes > 0
