"""A certificate authority that exists for one run: the identity of servers on loopback."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secretgate_ca.authority import key_usage


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Authority:
    """Signs certificates for one run; its key exists only in this process.

    >>> authority = Authority("Loopback")
    >>> leaf = authority.issue(["api.anthropic.com"], folder / "leaf.pem")
    >>> server_context.load_cert_chain(leaf)
    """

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._issuer_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)
        self._certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(ca=True), critical=True)
            .add_extension(key_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=7))
        )

    @property
    def pem(self) -> bytes:
        """The authority's certificate, for clients that should trust it."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, hosts: Iterable[str], path: Path) -> Path:
        """Write key, certificate and chain for `hosts` to `path`, and return `path`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(host) for host in hosts]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0].value[:64])])
        leaf = (
            self._builder(subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(ca=False), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(self._issuer_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path.touch(mode=0o600)
        path.write_bytes(_pem(key) + leaf.public_bytes(serialization.Encoding.PEM) + self.pem)
        return path
