"""The local CA: created here, stored in mitmproxy's confdir format, limited to the covered hosts.

There are two certificates. The *root*, which is installed in trust stores, signs exactly one
*issuing* CA, whose key mitmproxy signs with; the root's own key is then discarded and never written
to disk. Both carry critical name constraints: the covered DNS subtrees are permitted, IP addresses
are excluded. One tier would not suffice: Java (and so every JVM and JetBrains IDE) ignores the
constraints of a trust anchor and enforces only those further down the chain.

`mitmproxy-ca.pem` (key, issuing CA, root) is the single source: it is written atomically, and the
other files are derived from it, so that a crash, or two processes starting at once, cannot leave
files that do not match.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secretgate_ca import names
from secretgate_ca.files import PRIVATE, PUBLIC, CAError, private_folder, read_private, write_new
from secretgate_ca.files import write as write_file

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CA_FILE = "mitmproxy-ca.pem"
CERT_FILE = "mitmproxy-ca-cert.pem"
CHAIN_FILE = "issuing-ca.pem"
RETIRED = "retired"
LIFETIME = datetime.timedelta(days=365)
BACKDATE = datetime.timedelta(days=2)
"""Backdating of `not_before`, as in mitmproxy, for clients whose clock is slow."""
WRONG_CLOCK = "correct this machine's clock, or: secretgate-ca rotate"
"""What to do about a CA that is not valid yet."""

_EVERY_ADDRESS = tuple(
    x509.IPAddress(ipaddress.ip_network(network)) for network in ("0.0.0.0/0", "::/0")
)


def key_usage(*, ca: bool) -> x509.KeyUsage:
    """Return what the key of a CA, or of a server, may be used for."""
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True)
class Authority:
    """A CA on disk. The key is not kept in memory: `private_key()` reads it for each use."""

    confdir: Path
    root: x509.Certificate = field(repr=False)
    issuing: x509.Certificate = field(repr=False)
    permitted: tuple[str, ...] | None = field(repr=False)
    """The DNS subtrees it may sign for; None if it is unconstrained (a CA not created here)."""

    @property
    def ca_cert(self) -> Path:
        """The file for trust stores and `NODE_EXTRA_CA_CERTS`."""
        return self.confdir / CERT_FILE

    @property
    def chain(self) -> Path:
        """The file with the certificates that a server sends after its leaf."""
        return self.confdir / CHAIN_FILE

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root as trust stores show it, in upper case without colons."""
        return fingerprint(self.root)

    @property
    def expires(self) -> datetime.datetime:
        return min(self.root.not_valid_after_utc, self.issuing.not_valid_after_utc)

    @property
    def begins(self) -> datetime.datetime:
        return max(self.root.not_valid_before_utc, self.issuing.not_valid_before_utc)

    def expired(self, now: datetime.datetime | None = None) -> bool:
        return (now or _now()) >= self.expires

    def premature(self, now: datetime.datetime | None = None) -> bool:
        """Return whether it is not valid yet, because it was made, or is used, with a wrong clock."""
        return (now or _now()) < self.begins

    def valid(self, now: datetime.datetime | None = None) -> bool:
        return not self.expired(now) and not self.premature(now)

    def covers(self, domain: str) -> bool:
        """Return whether it may sign for every host of `domain`, a name or a glob."""
        return self.permitted is None or names.all_permitted(self.permitted, domain)

    def missing(self, domains: Sequence[str]) -> tuple[str, ...]:
        """Return those of `domains` it may not sign for; covering them requires a new CA."""
        return tuple(domain for domain in domains if not self.covers(domain))

    def private_key(self) -> SigningKey:
        return _key(read_private(self.confdir / CA_FILE), self.confdir / CA_FILE)


def default_confdir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the CA's folder: `ca` in `SECRETGATE_HOME` or in the platform's configuration folder."""
    if home := environment.get("SECRETGATE_HOME"):
        return Path(os.path.expanduser(home)).absolute() / "ca"  # noqa: PTH111 - Path's fails
    return Path(platformdirs.user_config_dir("secretgate", appauthor=False)) / "ca"


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex().upper()


def ensure_ca(
    confdir: Path, domains: Sequence[str], *, now: datetime.datetime | None = None
) -> Authority:
    """Return the CA in `confdir`, creating it for `domains` if there is none.

    An existing CA is returned unchanged, even if it does not cover all of `domains` or has expired:
    check `missing()` and `valid()`, and call `rotate` if needed. Raises CAError.

        ca = ensure_ca(default_confdir(), ["api.anthropic.com", "*.githubcopilot.com"])
    """
    private_folder(confdir)
    if not (confdir / CA_FILE).exists():
        write_new(confdir / CA_FILE, _generate(domains, now or _now()), PRIVATE)
    authority = load_ca(confdir)
    if authority is None:
        raise CAError(f"{confdir / CA_FILE} disappeared while it was being created")
    return authority


def rotate(
    confdir: Path, domains: Sequence[str], *, now: datetime.datetime | None = None
) -> Authority:
    """Replace the CA with a new one; keep the old certificate, but not its key, for `uninstall`."""
    private_folder(confdir)
    made = _generate(domains, now or _now())
    for old in {_try_root(confdir / CERT_FILE), _try_root(confdir / CA_FILE)} - {None}:
        if old is not None:
            (confdir / RETIRED).mkdir(mode=0o700, exist_ok=True)
            write_file(confdir / RETIRED / f"{fingerprint(old)}.pem", _pem(old), PUBLIC)
    write_file(confdir / CA_FILE, made, PRIVATE)
    authority = load_ca(confdir)
    if authority is None:
        raise CAError(f"{confdir / CA_FILE} disappeared while it was being created")
    return authority


def load_ca(confdir: Path) -> Authority | None:
    """Return the CA in `confdir`, or None, and update its derived files. Raise CAError."""
    path = confdir / CA_FILE
    try:
        raw = read_private(path)
    except FileNotFoundError:
        return None
    try:
        chain = x509.load_pem_x509_certificates(raw)
    except ValueError:
        raise CAError(
            f"{path} contains no certificate; make a new CA with: secretgate-ca rotate"
        ) from None
    issuing, root = chain[0], chain[-1]
    if issuing.public_key() != _key(raw, path).public_key():
        raise CAError(f"{path}: key and certificate do not match; run: secretgate-ca rotate")
    for name, content in _derived(issuing, root).items():
        target = confdir / name
        if name.endswith(".p12") and _try_p12(target) == root:
            continue
        write_file(target, content, PUBLIC)
    return Authority(confdir, root, issuing, _permitted(issuing))


def retired(confdir: Path) -> list[tuple[Path, x509.Certificate]]:
    """Return the roots of earlier CAs, which may still be in trust stores, with their files."""
    found = ((path, _try_root(path)) for path in sorted((confdir / RETIRED).glob("*.pem")))
    return [(path, root) for path, root in found if root is not None]


def root_on_disk(confdir: Path) -> x509.Certificate | None:
    """Return the current root even if its key is damaged or missing."""
    return _try_root(confdir / CERT_FILE) or _try_root(confdir / CA_FILE)


def _generate(domains: Sequence[str], now: datetime.datetime) -> bytes:
    permitted = names.minimal(domains)
    if not permitted:
        raise CAError("a CA needs at least one covered host: name one with --domain")
    root_key = ec.generate_private_key(ec.SECP256R1())
    issuing_key = ec.generate_private_key(ec.SECP256R1())
    tag = secrets.token_hex(4)
    root_name = _name(f"secretgate local root {tag}")
    root = _ca(root_name, root_key.public_key(), root_name, root_key, 1, permitted, now)
    issuing_name = _name(f"secretgate local CA {tag}")
    issuing = _ca(issuing_name, issuing_key.public_key(), root_name, root_key, 0, permitted, now)
    key = issuing_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return key + _pem(issuing) + _pem(root)


def _ca(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    depth: int,
    permitted: Sequence[str],
    now: datetime.datetime,
) -> x509.Certificate:
    permit = [x509.DNSName(name) for name in permitted]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(key_usage(ca=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.NameConstraints(permit, _EVERY_ADDRESS), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


def _derived(issuing: x509.Certificate, root: x509.Certificate) -> dict[str, bytes]:
    return {
        CERT_FILE: _pem(root),
        "mitmproxy-ca-cert.cer": _pem(root),
        "mitmproxy-ca-cert.p12": pkcs12.serialize_key_and_certificates(
            b"mitmproxy", None, root, None, NoEncryption()
        ),
        CHAIN_FILE: _pem(issuing),
    }


def _permitted(certificate: x509.Certificate) -> tuple[str, ...] | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None
    dns = tuple(n.value for n in found.permitted_subtrees or () if isinstance(n, x509.DNSName))
    return dns or None


def _key(raw: bytes, path: Path) -> SigningKey:
    try:
        key = load_pem_private_key(raw, None)
    except (ValueError, TypeError):
        raise CAError(
            f"{path} contains no usable key; make a new CA with: secretgate-ca rotate"
        ) from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise CAError(f"{path}: unsupported key type; run: secretgate-ca rotate")
    return key


def _try_root(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[-1]
    except (OSError, ValueError):
        return None


def _try_p12(path: Path) -> x509.Certificate | None:
    try:
        return pkcs12.load_key_and_certificates(path.read_bytes(), None)[2][0]
    except (OSError, ValueError, IndexError):
        return None


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "secretgate"),
        ]
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
