"""One PEM file with the system's roots and ours, for tools that accept only a single file.

The roots come from the system (a file on Linux and the BSDs, the keychains on macOS, the
certificate store on Windows), so that what an administrator added stays trusted, and from files
that the user's environment names. `certifi` is used only if the system has none. The content is
compared each time and the file rewritten only if it differs, so it follows system updates.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from secretgate_ca.authority import Authority
from secretgate_ca.environment import inherited_files
from secretgate_ca.files import PUBLIC, CAError
from secretgate_ca.files import write as write_file
from secretgate_ca.runner import Runner, SystemRunner

BUNDLE_FILE = "bundle.pem"
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)
"""Bundle files of various systems; the first that exists is used."""
MACOS_KEYCHAINS = (
    "/System/Library/Keychains/SystemRootCertificates.keychain",
    "/Library/Keychains/System.keychain",
)
_BLOCK = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END"
)


def write_bundle(
    authority: Authority,
    *,
    inherited: Mapping[str, str] | None = None,
    extra: Sequence[Path] = (),
    path: Path | None = None,
    runner: Runner | None = None,
) -> Path:
    """Write or refresh the combined bundle (`bundle.pem` next to the CA); return its path.

    `inherited` is an environment whose CA files are included; `extra` lists further files.
    """
    target = path or authority.confdir / BUNDLE_FILE
    files = [*inherited_files(inherited or {}), *extra]
    write_file(target, bundle_text(authority, files, skip=target, runner=runner), PUBLIC)
    return target


def bundle_text(
    authority: Authority,
    files: Iterable[Path] = (),
    *,
    skip: Path | None = None,
    runner: Runner | None = None,
) -> bytes:
    """Return the content of the bundle: the system's roots, those in `files`, and ours.

    `skip` is the bundle itself, which is ignored if the environment already names it. Raises
    CAError if no roots are found.
    """
    certificates = list(system_roots(runner or SystemRunner())) or list(_certifi())
    if not certificates:
        raise CAError(
            "found no system roots to put into the bundle; install the ca-certificates package, "
            "or name a PEM file with roots in SSL_CERT_FILE"
        )
    ours = [path for path in (skip, authority.ca_cert) if path is not None]
    for file in files:
        if not any(_same(file, own) for own in ours):
            certificates.extend(_from_file(file))
    return combine([*certificates, root_der(authority)])


def combine(certificates: Iterable[bytes]) -> bytes:
    """Return DER certificates as PEM text without duplicates."""
    return b"".join(_pem(der) for der in dict.fromkeys(certificates))


def system_roots(
    runner: Runner, *, platform: str = sys.platform, files: Sequence[str] = SYSTEM_FILES
) -> Iterator[bytes]:
    """Yield the roots that this system trusts, as DER."""
    if platform == "darwin":
        result = runner.run(["/usr/bin/security", "find-certificate", "-a", "-p", *MACOS_KEYCHAINS])
        yield from parse(result.stdout)
    elif platform == "win32":
        for store in ("ROOT", "CA"):
            for der, encoding, trust in ssl.enum_certificates(store):  # type: ignore[attr-defined]
                if encoding == "x509_asn" and (trust is True or _server_auth(trust)):
                    yield der
    else:
        found = next((path for path in map(Path, files) if path.is_file()), None)
        if found is not None:
            yield from _from_file(found)


def parse(pem: bytes) -> Iterator[bytes]:
    """Yield the certificates in a PEM text, as DER; ignore comments and other blocks."""
    for block in _BLOCK.finditer(pem):
        try:
            yield base64.b64decode(b"".join(block[1].split()), validate=True)
        except binascii.Error:
            continue


def root_der(authority: Authority) -> bytes:
    return authority.root.public_bytes(Encoding.DER)


def _server_auth(trust: Iterable[str]) -> bool:
    return "1.3.6.1.5.5.7.3.1" in trust


def _from_file(path: Path) -> Iterator[bytes]:
    try:
        content = path.read_bytes()
    except OSError:
        return
    yield from parse(content)


def _certifi() -> Iterator[bytes]:
    try:
        import certifi
    except ImportError:
        return
    yield from _from_file(Path(certifi.where()))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def _pem(der: bytes) -> bytes:
    body = base64.b64encode(der)
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"\n-----END CERTIFICATE-----\n"
