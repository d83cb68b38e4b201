"""The CA on disk: constrained, private, written atomically, and without the root's key."""

from __future__ import annotations

import datetime
import errno
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secretgate_ca import Authority, CAError, ensure_ca, load_ca, rotate
from secretgate_ca.authority import retired, root_on_disk

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("which", "depth"), [("root", 1), ("issuing", 0)])
def test_both_certificates_are_constrained_and_fit_rfc_5280(
    authority: Authority, which: str, depth: int
) -> None:
    extensions = getattr(authority, which).extensions
    constraints = extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert [n.value for n in constraints.value.permitted_subtrees] == [
        "api.example.com",
        "copilot.example",
    ]
    assert [str(n.value) for n in constraints.value.excluded_subtrees] == ["0.0.0.0/0", "::/0"]
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, depth)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    own = authority.root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    signer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert signer.key_identifier == own.digest
    authority.issuing.verify_directly_issued_by(authority.root)


def test_it_lives_a_year(confdir: Path) -> None:
    made = ensure_ca(confdir, ["api.example.com"], now=NOW)
    assert made.expires == NOW + datetime.timedelta(days=365)
    assert not made.expired(NOW)
    assert made.expired(NOW + datetime.timedelta(days=365))
    assert made.valid(NOW)
    assert not made.valid(NOW + datetime.timedelta(days=365))


def test_one_made_in_the_future_is_not_valid_yet(confdir: Path) -> None:
    """A machine without a clock of its own starts in another year."""
    made = ensure_ca(confdir, ["api.example.com"], now=NOW + datetime.timedelta(days=10))
    assert made.premature(NOW)
    assert not made.valid(NOW)
    assert not made.expired(NOW)
    assert made.valid(NOW + datetime.timedelta(days=9))


def test_it_is_valid_as_long_as_both_of_its_certificates_are(tmp_path: Path) -> None:
    early = ensure_ca(tmp_path / "early", ["api.example.com"], now=NOW)
    late = ensure_ca(tmp_path / "late", ["api.example.com"], now=NOW + datetime.timedelta(days=30))
    for root, issuing in ((early, late), (late, early)):
        mixed = Authority(tmp_path, root.root, issuing.issuing, None)
        assert (mixed.begins, mixed.expires) == (late.begins, early.expires)


def test_the_roots_key_is_nowhere_on_disk(authority: Authority) -> None:
    keys = [file for file in authority.confdir.rglob("*") if b"PRIVATE KEY" in file.read_bytes()]
    assert [file.name for file in keys] == ["mitmproxy-ca.pem"]
    raw = keys[0].read_bytes()
    assert raw.count(b"BEGIN EC PRIVATE KEY") == 1
    held = load_pem_private_key(raw, None).public_key()
    assert held == authority.issuing.public_key()
    assert held != authority.root.public_key()


def test_the_key_is_in_no_repr(authority: Authority) -> None:
    secret = (authority.confdir / "mitmproxy-ca.pem").read_text().splitlines()[1]
    assert secret not in repr(authority)
    assert secret not in str(vars(authority))


@posix_only
def test_the_folder_and_the_key_are_the_users_alone(tmp_path: Path) -> None:
    """And the folders that are made above them, in which the state may be kept."""
    confdir = tmp_path / "config" / "secretgate" / "ca"
    before = os.umask(0)
    try:
        made = ensure_ca(confdir, ["api.example.com"])
    finally:
        os.umask(before)
    assert [mode(each) for each in (confdir, *confdir.parents[:2])] == [0o700] * 3
    assert mode(confdir / "mitmproxy-ca.pem") == 0o600
    assert mode(made.ca_cert) == 0o644


def test_the_files_are_what_mitmproxy_reads(authority: Authority) -> None:
    confdir = authority.confdir
    chain = x509.load_pem_x509_certificates((confdir / "mitmproxy-ca.pem").read_bytes())
    assert chain == [authority.issuing, authority.root]
    pem = (confdir / "mitmproxy-ca-cert.pem").read_bytes()
    assert x509.load_pem_x509_certificate(pem) == authority.root
    assert (confdir / "mitmproxy-ca-cert.cer").read_bytes() == pem
    key, _, certs = pkcs12.load_key_and_certificates(
        (confdir / "mitmproxy-ca-cert.p12").read_bytes(), None
    )
    assert (key, certs) == (None, [authority.root])


def test_a_second_call_returns_the_same_ca_and_writes_nothing(authority: Authority) -> None:
    before = {f: (f.stat().st_mtime_ns, f.stat().st_ino) for f in authority.confdir.iterdir()}
    again = ensure_ca(authority.confdir, ["other.example"])
    assert again.fingerprint == authority.fingerprint
    assert before == {f: (f.stat().st_mtime_ns, f.stat().st_ino) for f in before}
    assert again.missing(["api.example.com", "other.example"]) == ("other.example",)


def test_starts_at_the_same_time_agree_on_one_ca(confdir: Path) -> None:
    found: list[str] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        found.append(ensure_ca(confdir, ["api.example.com"]).fingerprint)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert not [file for file in confdir.iterdir() if file.name.startswith(".")]


def test_derived_files_are_mended(authority: Authority) -> None:
    authority.ca_cert.write_bytes(b"half a certif")
    authority.chain.unlink()
    load_ca(authority.confdir)
    assert x509.load_pem_x509_certificate(authority.ca_cert.read_bytes()) == authority.root
    assert x509.load_pem_x509_certificate(authority.chain.read_bytes()) == authority.issuing


def test_covers(authority: Authority) -> None:
    assert authority.covers("api.example.com")
    assert authority.covers("eu.api.example.com")
    assert authority.covers("*.copilot.example")
    assert not authority.covers("example.com")
    assert not authority.covers("notapi.example.com")
    assert not authority.covers("*.example.com")
    assert not authority.covers("*")


@pytest.mark.parametrize("excluded", [None, [x509.DNSName("internal.example")]])
def test_one_that_was_not_made_here_may_be_unconstrained(
    confdir: Path, excluded: list[x509.GeneralName] | None
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own CA")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW.replace(year=2031))
    if excluded:
        made = made.add_extension(x509.NameConstraints(None, excluded), critical=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    confdir.mkdir(mode=0o700)
    file = confdir / "mitmproxy-ca.pem"
    file.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    file.chmod(0o600)
    found = load_ca(confdir)
    assert found is not None
    assert found.permitted is None
    assert found.covers("api.example.com")
    assert found.missing(["*.example", "other.example"]) == ()


@pytest.mark.parametrize("damaged", ["mitmproxy-ca.pem", "mitmproxy-ca-cert.pem"])
def test_rotation_keeps_the_certificate_of_a_damaged_ca(authority: Authority, damaged: str) -> None:
    """It is still in the trust stores, and has to come out of them."""
    (authority.confdir / damaged).write_bytes(b"")
    assert root_on_disk(authority.confdir) == authority.root
    rotate(authority.confdir, ["other.example"])
    assert [root for _, root in retired(authority.confdir)] == [authority.root]


def test_rotation_keeps_the_old_certificate_and_no_old_key(authority: Authority) -> None:
    old_key = authority.private_key().public_key()
    new = rotate(authority.confdir, ["other.example"])
    assert new.fingerprint != authority.fingerprint
    assert new.permitted == ("other.example",)
    assert [root for _, root in retired(authority.confdir)] == [authority.root]
    for file in authority.confdir.rglob("*"):
        if file.is_file() and b"PRIVATE KEY" in file.read_bytes():
            assert load_pem_private_key(file.read_bytes(), None).public_key() != old_key


@posix_only
def test_a_link_in_the_keys_place_is_refused_and_never_followed(
    confdir: Path, tmp_path: Path
) -> None:
    ensure_ca(confdir, ["api.example.com"])
    elsewhere = tmp_path / "elsewhere"
    (confdir / "mitmproxy-ca.pem").rename(elsewhere)
    (confdir / "mitmproxy-ca.pem").symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    with pytest.raises(CAError, match="symbolic link"):
        load_ca(confdir)
    rotate(confdir, ["api.example.com"])
    assert elsewhere.read_bytes() == before
    assert not (confdir / "mitmproxy-ca.pem").is_symlink()


@posix_only
def test_links_in_the_places_of_other_files_are_replaced(
    authority: Authority, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("mitmproxy-ca-cert.pem", "mitmproxy-ca-cert.p12", "issuing-ca.pem"):
        (authority.confdir / name).unlink()
        (authority.confdir / name).symlink_to(victim)
    load_ca(authority.confdir)
    assert victim.read_text() == "precious"
    assert not authority.ca_cert.is_symlink()


@posix_only
@pytest.mark.parametrize("others", [0o040, 0o020, 0o004])
def test_a_key_that_others_can_read_is_refused(authority: Authority, others: int) -> None:
    (authority.confdir / "mitmproxy-ca.pem").chmod(0o600 | others)
    with pytest.raises(CAError, match=f"mode {0o600 | others:04o}"):
        load_ca(authority.confdir)


@posix_only
def test_a_folder_of_another_user_is_refused(
    confdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confdir.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(confdir, 4321, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(CAError, match="belongs to another user"):
        ensure_ca(confdir, ["api.example.com"])


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CAError, match=r"ca cannot be created: .*choose another folder"):
        ensure_ca(tmp_path / "file" / "ca", ["api.example.com"])


def test_a_disk_that_is_full_is_told_and_leaves_nothing_half_written(
    confdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CAError, match=r"mitmproxy-ca\.pem cannot be written: No space left"):
        ensure_ca(confdir, ["api.example.com"])
    assert [*confdir.iterdir()] == []


@posix_only
@pytest.mark.parametrize("make", [ensure_ca, rotate])
@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_folder_that_others_can_write_to_is_refused(
    confdir: Path, mode: int, make: Callable[[Path, Sequence[str]], Authority]
) -> None:
    confdir.mkdir()
    confdir.chmod(mode)
    with pytest.raises(CAError, match="chmod 700"):
        make(confdir, ["api.example.com"])
    assert [*confdir.iterdir()] == []


@pytest.mark.parametrize("damage", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_damaged_ca_is_reported_with_the_way_out(authority: Authority, damage: bytes) -> None:
    (authority.confdir / "mitmproxy-ca.pem").write_bytes(damage)
    with pytest.raises(CAError, match="rotate"):
        load_ca(authority.confdir)


def test_a_key_of_another_certificate_is_noticed(authority: Authority, tmp_path: Path) -> None:
    other = ensure_ca(tmp_path / "other", ["api.example.com"])
    mine = authority.confdir / "mitmproxy-ca.pem"
    key = (other.confdir / "mitmproxy-ca.pem").read_bytes().split(b"-----BEGIN CERT")[0]
    mine.write_bytes(key + authority.chain.read_bytes() + authority.ca_cert.read_bytes())
    with pytest.raises(CAError, match="do not match"):
        load_ca(authority.confdir)


def test_no_ca_is_made_for_no_hosts(confdir: Path) -> None:
    with pytest.raises(CAError, match="--domain"):
        ensure_ca(confdir, [])
    assert not (confdir / "mitmproxy-ca.pem").exists()


def test_there_is_none_where_none_was_made(tmp_path: Path) -> None:
    assert load_ca(tmp_path) is None
