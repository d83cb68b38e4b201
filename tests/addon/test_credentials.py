"""The account that a request is made for: the same while tokens and signatures change."""

from __future__ import annotations

import base64
import json

import pytest

from secretgate.outbound.credentials import account, values

SIGNED = "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature={}"
WHOSE = "QNZGKIQY56JQ7WML"
ONE, OTHER = f"ASIA{WHOSE}", "ASIA" + "SP2TPHJSQH3FJRUX"


def jwt(**claims: str) -> str:
    head, body = (base64.urlsafe_b64encode(json.dumps(each).encode()) for each in ({}, claims))
    return f"Bearer {head.decode()}.{body.decode().rstrip('=')}.c2lnbmF0dXJl"


def bedrock_key(signer: str, signature: str) -> str:
    """Return a key for twelve hours, as AWS's generators make them: a signed URL in base64."""
    url = (
        "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential={signer}%2F20260101%2Fus-east-1%2Fbedrock%2Faws4_request"
        f"&X-Amz-Signature={signature * 32}&Version=1"
    )
    return f"Bearer bedrock-api-key-{base64.b64encode(url.encode()).decode()}"


SAME = {
    "signatures of AWS": (SIGNED.format(ONE, "ab" * 32), SIGNED.format(ONE, "cd" * 32)),
    "keys of one AWS account": (
        SIGNED.format(ONE, "ab" * 32),
        SIGNED.format(f"AKIA{WHOSE}", "cd" * 32),
    ),
    "tokens of Copilot": (
        "Bearer tid=0123;exp=1700000000;sku=x:0abc",
        "Bearer tid=0123;ol=4;exp=1700001500;sku=x:1def",
    ),
    "keys of Bedrock for a day": (bedrock_key(ONE, "ab"), bedrock_key(f"ASIA{WHOSE}", "cd")),
    "a key of Bedrock and a signature": (bedrock_key(ONE, "ab"), SIGNED.format(ONE, "ab" * 32)),
    "tokens of Claude Code's log-in": (
        "Bearer sk-ant-oat01-" + "Qm7T" * 20,
        "Bearer sk-ant-oat01-" + "r2Wx" * 20,
    ),
    "tokens of Kiro's log-in": ("Bearer aoaAAAAAG" + "Qm7T" * 20, "Bearer aoaAAAAAG" + "r2Wx" * 20),
    "tokens of Google's log-in": ("Bearer ya29." + "a0Af" * 20, "bearer ya29.c." + "b0Ag" * 20),
    "tokens with a subject": (jwt(iss="i", sub="me", exp="1"), jwt(iss="i", sub="me", exp="2")),
}
APART = {
    "AWS accounts": (SIGNED.format(ONE, "ab" * 32), SIGNED.format(OTHER, "ab" * 32)),
    "users of Copilot": ("Bearer tid=0123;exp=1:0abc", "Bearer tid=4567;exp=1:0abc"),
    "keys": ("Bearer sk-one", "Bearer sk-two"),
    "accounts that made keys of Bedrock": (bedrock_key(ONE, "ab"), bedrock_key(OTHER, "ab")),
    "broken keys of Bedrock": ("Bearer bedrock-api-key-a", "Bearer bedrock-api-key-b"),
    "a log-in and a key": ("Bearer sk-ant-oat01-" + "Qm7T" * 20, "Bearer sk-ant-api03-one"),
}


@pytest.mark.parametrize("what", SAME)
def test_an_account_outlives_its_tokens_and_signatures(what: str) -> None:
    """Otherwise each of them would begin with nothing known, and what the model wrote is secret."""
    one, other = ({"authorization": each} for each in SAME[what])
    assert account(one, "https://host/") == account(other, "https://host/")


@pytest.mark.parametrize("what", APART)
def test_accounts_are_told_apart(what: str) -> None:
    one, other = ({"authorization": each} for each in APART[what])
    assert account(one, "https://host/") != account(other, "https://host/")


def test_projects_are_told_apart_by_the_path() -> None:
    """A token of Google does not say whose it is, but the provider checks the project it is for."""
    headers = {"authorization": "Bearer ya29." + "a0Af" * 20}
    url = "https://aiplatform.googleapis.com/v1/projects/{}/locations/eu/x:predict"
    assert account(headers, url.format("one")) != account(headers, url.format("two"))


def test_a_key_among_the_protocols_of_a_websocket_is_one() -> None:
    """Browsers cannot give a WebSocket headers."""
    offered = "realtime, openai-insecure-api-key.{}, openai-beta.realtime-v1"
    one, other = ({"sec-websocket-protocol": offered.format(f"sk-{n}-key")} for n in ("one", "two"))
    assert account(one, "https://host/") != account(other, "https://host/")
    assert values(one, "https://host/") == {b"sk-one-key"}
