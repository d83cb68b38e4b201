"""Leaf certificates: strictly valid, only for permitted names, renewed in time."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from secretgate_ca import Authority, CAError, Leaves, ensure_ca
from secretgate_ca.authority import BACKDATE


def names(leaf: x509.Certificate) -> list[str]:
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


def handshake(authority: Authority, leaf: x509.Certificate, leaves: Leaves, host: str) -> None:
    """Do a TLS handshake in memory, with the strictest checks of Python."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = authority.confdir / "server.pem"
    key = leaves.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(key + leaf.public_bytes(Encoding.PEM) + authority.chain.read_bytes())
    server.load_cert_chain(chain)
    client = ssl.create_default_context(cafile=str(authority.ca_cert))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=host)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    here.do_handshake()


def test_a_leaf_passes_strict_verification(authority: Authority) -> None:
    leaves = Leaves(authority)
    handshake(authority, leaves.leaf(["api.example.com"]), leaves, "api.example.com")


def test_python_refuses_the_same_leaf_under_a_ca_for_another_domain(tmp_path: Path) -> None:
    other = ensure_ca(tmp_path / "other", ["other.example"])
    leaves = Leaves(other)
    forged = leaves._sign(("api.example.com",), datetime.datetime.now(datetime.UTC))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(other, forged, leaves, "api.example.com")


def test_a_leaf_carries_ski_and_aki_and_its_own_key(authority: Authority) -> None:
    leaf = Leaves(authority).leaf(["api.example.com"])
    own = leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    above = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    issuer = authority.issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert above.key_identifier == issuer.digest
    assert own != issuer.digest
    assert leaf.public_key() != authority.issuing.public_key()


def test_names_the_ca_may_not_sign_for_are_left_out(authority: Authority) -> None:
    asked = ["www.example.com", "api.example.com", "*.api.example.com", "*.example.com", "10.0.0.1"]
    leaf = Leaves(authority).leaf(asked)
    assert names(leaf) == ["api.example.com", "*.api.example.com"]


def test_no_leaf_without_a_name(authority: Authority) -> None:
    with pytest.raises(CAError, match="--domain"):
        Leaves(authority).leaf(["www.example.com", "*", "a*.api.example.com"])


def test_a_host_too_long_for_a_common_name_gets_a_leaf(authority: Authority) -> None:
    host = "x" * 60 + ".api.example.com"
    leaves = Leaves(authority)
    handshake(authority, leaves.leaf([host]), leaves, host)


def test_a_leaf_is_made_once_and_renewed_before_it_expires(authority: Authority) -> None:
    moment = authority.root.not_valid_before_utc + BACKDATE
    leaves = Leaves(authority, now=lambda: moment)
    first = leaves.leaf(["api.example.com"])
    assert leaves.leaf(["api.example.com"]) is first
    moment = first.not_valid_after_utc - datetime.timedelta(hours=1)
    second = leaves.leaf(["api.example.com"])
    assert second is not first
    assert second.not_valid_after_utc > first.not_valid_after_utc


def test_no_leaf_outlives_the_ca(authority: Authority) -> None:
    leaves = Leaves(authority, now=lambda: authority.expires - datetime.timedelta(days=5))
    assert leaves.leaf(["api.example.com"]).not_valid_after_utc == authority.expires


def test_memory_is_bounded(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secretgate_ca.leaves.REMEMBERED", 3)
    leaves = Leaves(authority)
    for number in range(6):
        leaves.leaf([f"h{number}.api.example.com"])
    assert len(leaves._made) == 3
