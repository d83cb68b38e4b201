"""Requests that vouch for their own body: signatures, digests and declared sizes.

If a body has to change, what the request states about it must be made true again, or the request
must not be sent. A plain digest is recomputed. A signature of AWS (SigV4) covers the digest, so it
is renewed with credentials of this machine (the extra `bedrock`: botocore and its default chain),
and only for the very key that signed the request: any other would act under an identity that is not
the client's. A size declared to the provider before the upload cannot be taken back; nor can a
signature in the URL, or one that cannot be made here. Those are `Unsignable`.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

_SIGV4: Final = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/, ]+)/\d{8}/([^/, ]+)/([^/, ]+)/aws4_request, *SignedHeaders=([^, ]+)"
)
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_DIGESTS: Final[Mapping[str, str]] = {
    "md5": "md5",
    "sha": "sha1",
    "sha-256": "sha256",
    "sha-512": "sha512",
}
_DECLARED: Final = ("x-goog-upload-offset", "content-range", "upload-offset", "x-ms-blob-type")
_DECLARED_PATHS: Final = re.compile(r"/uploads/[^/]+/parts\b|/backend-api/files/")
_HEX_DIGEST: Final = "x-amz-content-sha256"


class Unsignable(Exception):
    """Raised if a body cannot change without invalidating what the request states about it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def adjusted(
    method: str, url: str, headers: Mapping[str, str], before: bytes, after: bytes
) -> dict[str, str]:
    """Return the headers to set so that `after` may replace `before`. Raises `Unsignable`.

    `headers` have lower-case names; both bodies are as on the wire.
    """
    if "x-amz-signature=" in url.lower():
        raise Unsignable("its URL is signed, so its body cannot be redacted")
    if len(before) != len(after) and _declared(url, headers):
        raise Unsignable(
            "its size was declared to the provider in advance, so it cannot be redacted; take the secret "
            "out of the file"
        )
    changed = _digested(headers, after)
    authorization = headers.get("authorization", "")
    signed = _SIGV4.match(authorization)
    if headers.get(_HEX_DIGEST) == _UNSIGNED:
        return changed
    if signed:
        changed |= _resigned(signed, method, url, {**headers, **changed}, after)
    elif authorization.startswith("AWS4-"):
        raise Unsignable("its signature is of a kind that secretgate cannot renew")
    elif "signature" in headers and "digest" in headers.get(
        "signature-input", headers["signature"]
    ):
        raise Unsignable("its digest is signed, so its body cannot be redacted")
    return changed


def is_upload(headers: Mapping[str, str]) -> bool:
    """Return whether the body is a file, or a part of one, whose size was declared beforehand."""
    return any(name in headers for name in _DECLARED)


def _declared(url: str, headers: Mapping[str, str]) -> bool:
    return is_upload(headers) or bool(_DECLARED_PATHS.search(url))


def _digested(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Return the digest headers of a request, recomputed over its new body."""
    changed: dict[str, str] = {}
    if "content-md5" in headers:
        changed["content-md5"] = _base64("md5", body)
    if _HEX_DIGEST in headers and headers[_HEX_DIGEST] != _UNSIGNED:
        if headers[_HEX_DIGEST].startswith("STREAMING-"):
            raise Unsignable("each chunk of its body is signed, so it cannot be redacted")
        changed[_HEX_DIGEST] = hashlib.sha256(body).hexdigest()
    for name, spelled in (
        ("digest", "{}={}"),
        ("content-digest", "{}=:{}:"),
        ("repr-digest", "{}=:{}:"),
    ):
        if name in headers:
            changed[name] = ", ".join(_each(headers[name], body, spelled))
    return changed


def _each(value: str, body: bytes, spelled: str) -> list[str]:
    out = []
    for item in value.split(","):
        algorithm = item.strip().partition("=")[0]
        if algorithm.lower() not in _DIGESTS:
            raise Unsignable(f"it has a digest of an unsupported kind: {algorithm[:20]!r}")
        out.append(spelled.format(algorithm, _base64(_DIGESTS[algorithm.lower()], body)))
    return out


def _base64(algorithm: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, body, usedforsecurity=False).digest()).decode()


def _resigned(
    signed: re.Match[str], method: str, url: str, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    """Return a signature of the same headers with the same key, over the new body."""
    key, region, service, names = signed.groups()
    credentials = _credentials()
    if credentials is None:
        raise Unsignable(
            "it is signed for AWS (SigV4), and redacting it breaks the signature. Give the proxy the AWS "
            "credentials of the client and the extra `secretgate-mitmproxy[bedrock]`, or use a Bedrock API key "
            "(AWS_BEARER_TOKEN_BEDROCK) in the client"
        )
    if credentials.access_key != key:
        raise Unsignable(
            "it is signed for AWS (SigV4) with another key than the one that the proxy has; give both "
            "the same credentials, or use a Bedrock API key (AWS_BEARER_TOKEN_BEDROCK) in the client"
        )
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    kept = {name: headers[name] for name in names.split(";") if name in headers}
    kept.pop("x-amz-date", None)
    kept.pop("x-amz-security-token", None)
    kept.pop("content-length", None)
    if "content-length" in names.split(";"):
        kept["content-length"] = str(len(body))
    request = AWSRequest(method=method, url=url, headers=kept, data=body)
    SigV4Auth(credentials, service, region).add_auth(request)
    wanted = ("authorization", "x-amz-date", "x-amz-security-token")
    out = {name.lower(): str(value) for name, value in request.headers.items()}
    return {name: out[name] for name in wanted if name in out}


def _credentials() -> Any:
    """Return the credentials found by botocore's default chain, or None."""
    session = _session()
    credentials = session.get_credentials() if session is not None else None
    return credentials.get_frozen_credentials() if credentials is not None else None


@cache
def _session() -> Any:
    try:
        from botocore.session import Session
    except ImportError:
        return None
    # At DEBUG level it logs what it signs, including session tokens.
    logging.getLogger("botocore").setLevel(logging.INFO)
    return Session()
