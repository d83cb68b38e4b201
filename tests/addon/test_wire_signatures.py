"""Signed bodies: signed again after redaction, or refused with a reason."""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from wire_support import Gate, dump, secret

from secretgate.outbound import signatures
from secretgate.outbound.requests import Decision, Verdict
from secretgate.outbound.signatures import Unsignable, adjusted

KEY = secret(1)
URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude%3A0/converse"
BODY = dump({"messages": [{"role": "user", "content": [{"text": f"it is {KEY}"}]}]})
OURS = Credentials("AKID" + "0" * 16, "of the test", "token of the test")


def signed(body: bytes, url: str = URL, credentials: Any = OURS, **more: str) -> dict[str, str]:
    """Return the headers that botocore sends."""
    headers = {"content-type": "application/json", **more}
    request = AWSRequest(method="POST", url=url, headers=headers, data=body)
    SigV4Auth(credentials, "bedrock", "us-east-1").add_auth(request)
    return {name.lower(): str(value) for name, value in request.headers.items()}


def verified(body: bytes, headers: dict[str, str], url: str = URL) -> bool:
    """Return whether AWS would accept the request: signing it again gives the same signature."""
    if headers.get("x-amz-content-sha256", digest := hashlib.sha256(body).hexdigest()) != digest:
        return False
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest(
        method="POST", url=url, headers={n: headers[n] for n in names if n in headers}, data=body
    )
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(OURS, "bedrock", "us-east-1")
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    return headers["authorization"].endswith(f"Signature={signature}")


@pytest.fixture
def with_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_credentials", OURS.get_frozen_credentials)


def decide(gate: Gate, headers: dict[str, str], body: bytes = BODY, url: str = URL) -> Decision:
    given = {"headers": headers, "content": body, "url": url, "path": url.partition(".com")[2]}
    return gate.requests.decide(gate.request("bedrock", **given))


def test_a_clean_signed_body_passes_untouched() -> None:
    body = BODY.replace(KEY.encode(), b"nothing")
    decision = decide(Gate(), signed(body), body)
    assert (decision.verdict, decision.content, decision.headers) == (Verdict.CLEAN, None, {})


@pytest.mark.usefixtures("with_credentials")
@pytest.mark.parametrize(
    "more", [{}, {"x-amzn-trace": "1"}, {"x-amz-content-sha256": hashlib.sha256(BODY).hexdigest()}]
)
def test_a_changed_body_is_signed_anew_by_the_same_key(more: dict[str, str]) -> None:
    gate = Gate()
    headers = signed(BODY, **more)
    assert verified(BODY, headers)
    decision = decide(gate, headers)
    assert decision.content == BODY.replace(KEY.encode(), gate.name(KEY).encode())
    assert not verified(decision.content, headers)
    after = {**headers, **decision.headers}
    assert verified(decision.content, after)
    before, now = (
        h["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        for h in (headers, after)
    )
    assert before == now


@pytest.mark.usefixtures("with_credentials")
def test_another_key_is_not_signed_for() -> None:
    other = Credentials("AKID" + "1" * 16, "of another")
    decision = decide(Gate(), signed(BODY, credentials=other))
    assert decision.refused
    assert "another key" in decision.message


def test_without_credentials_it_is_refused_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signatures, "_credentials", lambda: None)
    decision = decide(Gate(), signed(BODY))
    assert decision.refused
    assert decision.content is None
    for word in ("SigV4", "AWS_BEARER_TOKEN_BEDROCK", "[bedrock]", "zz-key", "messages[0]"):
        assert word in decision.message
    assert KEY not in decision.message


def test_the_default_chain_is_botocores_and_keeps_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", OURS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OURS.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", OURS.token)
    signatures._session.cache_clear()
    try:
        gate = Gate()
        decision = decide(gate, signed(BODY))
    finally:
        signatures._session.cache_clear()
    assert decision.content is not None
    assert verified(decision.content, {**signed(BODY), **decision.headers})
    assert not logging.getLogger("botocore.auth").isEnabledFor(logging.DEBUG)


def test_a_bearer_token_signs_nothing() -> None:
    decision = decide(
        Gate(), {"authorization": "Bearer of-the-test", "content-type": "application/json"}
    )
    assert decision.verdict is Verdict.REDACTED
    assert decision.headers == {}


BEFORE, AFTER = b"before", b"after, and longer"


def test_digests_are_made_anew() -> None:
    def encoded(name: str) -> str:
        return base64.b64encode(hashlib.new(name, AFTER).digest()).decode()

    headers = {
        "content-md5": "x",
        "digest": "SHA-256=x,md5=y",
        "content-digest": "sha-512=:x:",
        "x-amz-content-sha256": "x",
    }
    assert adjusted("PUT", "https://x.example/", headers, BEFORE, AFTER) == {
        "content-md5": encoded("md5"),
        "digest": f"SHA-256={encoded('sha256')}, md5={encoded('md5')}",
        "content-digest": f"sha-512=:{encoded('sha512')}:",
        "x-amz-content-sha256": hashlib.sha256(AFTER).hexdigest(),
    }


def test_an_unsigned_payload_stays_unsigned() -> None:
    headers = {**signed(BEFORE), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    assert adjusted("PUT", URL, headers, BEFORE, AFTER) == {}


@pytest.mark.parametrize(
    ("url", "headers", "reason"),
    [
        ("https://s3.example/x?X-Amz-Signature=abc", {}, "URL is signed"),
        ("https://x.example/", {"digest": "crc32c=x"}, "crc32c"),
        ("https://x.example/", {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, "each chunk"),
        ("https://x.example/", {"authorization": "AWS4-ECDSA-P256-SHA256 Credential=x"}, "cannot renew"),
        ("https://x.example/", {"signature-input": 'sig=("content-digest")', "signature": "sig=:x:"}, "digest is signed"),
        ("https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=1", {"x-goog-upload-offset": "0"}, "size was declared"),
        ("https://api.openai.com/v1/uploads/upload_1/parts", {}, "size was declared"),
        ("https://x.example/", {"content-range": "bytes 0-5/6"}, "size was declared"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_true_again_is_refused(
    url: str, headers: dict[str, str], reason: str
) -> None:
    with pytest.raises(Unsignable, match=reason):
        adjusted("POST", url, headers, BEFORE, AFTER)


def test_a_declared_size_that_holds_is_fine() -> None:
    url = "https://api.openai.com/v1/uploads/upload_1/parts"
    assert adjusted("POST", url, {}, b"123456", b"abcdef") == {}
