"""The account that a request is made for: the same while tokens and signatures change."""

from __future__ import annotations

import base64
import json

import pytest

from secretgate.outbound.credentials import account

SIGNED = "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature={}"
WHOSE = "QNZGKIQY56JQ7WML"
ONE, OTHER = f"ASIA{WHOSE}", "ASIA" + "SP2TPHJSQH3FJRUX"


def jwt(**claims: str) -> str:
    head, body = (base64.urlsafe_b64encode(json.dumps(each).encode()) for each in ({}, claims))
    return f"Bearer {head.decode()}.{body.decode().rstrip('=')}.c2lnbmF0dXJl"


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
    "tokens with a subject": (jwt(iss="i", sub="me", exp="1"), jwt(iss="i", sub="me", exp="2")),
}
APART = {
    "AWS accounts": (SIGNED.format(ONE, "ab" * 32), SIGNED.format(OTHER, "ab" * 32)),
    "users of Copilot": ("Bearer tid=0123;exp=1:0abc", "Bearer tid=4567;exp=1:0abc"),
    "keys": ("Bearer sk-one", "Bearer sk-two"),
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
