"""Leaf certificates that the proxy presents: short-lived, strict, and with their own key.

mitmproxy's own leaves reuse the CA's key, so they cannot have a subject key identifier (it would
equal the CA's, which breaks Windows). They also copy every name of the upstream certificate, and a
single name outside the CA's name constraints makes clients reject the whole chain. These leaves
contain only names that the CA may sign for, carry SKI and AKI, and pass strict RFC 5280 checks.

    leaves = Leaves(authority)
    certificate = leaves.leaf(["api.anthropic.com", "*.example.org"])   # the second is left out
    leaves.key                                                          # the key of every leaf
"""

from __future__ import annotations

import datetime
from collections import OrderedDict
from collections.abc import Callable, Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secretgate_ca.authority import BACKDATE, Authority, key_usage
from secretgate_ca.files import CAError

LIFETIME = datetime.timedelta(days=90)
RENEW = datetime.timedelta(days=2)
REMEMBERED = 512
_LONGEST_COMMON_NAME = 64


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Leaves:
    """Signs and caches one leaf per set of names, with a key that exists only in this object."""

    def __init__(
        self, authority: Authority, *, now: Callable[[], datetime.datetime] = _utc_now
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.authority = authority
        self._ca_key = authority.private_key()
        self._now = now
        self._made: OrderedDict[tuple[str, ...], x509.Certificate] = OrderedDict()

    def leaf(self, hosts: Iterable[str]) -> x509.Certificate:
        """Return a certificate for those of `hosts` the CA may sign for; the first is its subject.

        Raises CAError if there is none.
        """
        names = tuple(dict.fromkeys(h for h in hosts if self._may_sign(h)))
        if not names:
            raise CAError(
                "the CA may not sign for any of the requested names; create one that may: "
                "secretgate-ca rotate --domain HOST"
            )
        made = self._made.get(names)
        now = self._now()
        if made is None or self._outdated(made, now):
            made = self._made[names] = self._sign(names, now)
            while len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        self._made.move_to_end(names)
        return made

    def _outdated(self, made: x509.Certificate, now: datetime.datetime) -> bool:
        """Return whether a leaf expires soon, or is not valid yet because a wrong clock was corrected."""
        begin = made.not_valid_before_utc
        early = now < begin and begin > self.authority.issuing.not_valid_before_utc
        return early or made.not_valid_after_utc - now < RENEW

    def _may_sign(self, host: str) -> bool:
        below = host.removeprefix("*.")
        return "*" not in below and bool(below) and self.authority.covers(below)

    def _sign(self, names: tuple[str, ...], now: datetime.datetime) -> x509.Certificate:
        issuing = self.authority.issuing
        common = next((n for n in names if len(n) <= _LONGEST_COMMON_NAME), "secretgate")
        public = self.key.public_key()
        end = self.authority.expires
        begin = min(max(now - BACKDATE, issuing.not_valid_before_utc), end - RENEW)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
            .issuer_name(issuing.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(min(max(now, begin) + LIFETIME, end))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(_authority_key_identifier(issuing), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )


def _authority_key_identifier(issuing: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        found = issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = issuing.public_key()
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)
