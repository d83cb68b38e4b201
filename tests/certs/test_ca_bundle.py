"""The combined bundle, and the variables that refer to it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from secretgate_ca import (
    VARIABLES,
    Authority,
    CAError,
    ensure_ca,
    environment,
    rotate,
    write_bundle,
)
from secretgate_ca import bundle as module
from secretgate_ca.bundle import parse, system_roots
from secretgate_ca.runner import Result


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with a single root certificate."""
    other = ensure_ca(tmp_path / "public", ["public.example"])
    file = tmp_path / "system-roots.crt"
    file.write_bytes(b"# a comment\n" + other.ca_cert.read_bytes())

    def roots(runner: object) -> list[bytes]:
        return list(parse(file.read_bytes()))

    monkeypatch.setattr(module, "system_roots", roots)
    return file


def held(path: Path) -> list[bytes]:
    return list(parse(path.read_bytes()))


def der(authority: Authority) -> bytes:
    return authority.root.public_bytes(Encoding.DER)


def test_the_systems_roots_and_ours(authority: Authority, system: Path) -> None:
    path = write_bundle(authority)
    assert path == authority.confdir / "bundle.pem"
    assert held(path) == [*held(system), der(authority)]
    context = ssl.create_default_context(cafile=str(path))
    assert {der(authority), *held(system)} == set(context.get_ca_certs(binary_form=True))


def test_it_is_written_only_when_it_would_differ(authority: Authority, system: Path) -> None:
    path = write_bundle(authority)
    inode = path.stat().st_ino
    write_bundle(authority)
    assert path.stat().st_ino == inode


def test_no_roots_at_all_is_an_error_that_names_the_package(
    authority: Authority, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.write_bytes(b"")
    monkeypatch.setattr(module, "_certifi", lambda: iter(()))
    with pytest.raises(CAError, match="ca-certificates"):
        write_bundle(authority)


def test_it_follows_the_system_and_the_ca(
    authority: Authority, system: Path, tmp_path: Path
) -> None:
    path = write_bundle(authority)
    more = ensure_ca(tmp_path / "more", ["more.example"])
    system.write_bytes(system.read_bytes() + more.ca_cert.read_bytes())
    new = rotate(authority.confdir, ["api.example.com"])
    write_bundle(new)
    assert der(more) in held(path)
    assert der(new) in held(path)
    assert der(authority) not in held(path)


def test_files_that_the_environment_names_stay_trusted(
    authority: Authority, system: Path, tmp_path: Path
) -> None:
    corporate = ensure_ca(tmp_path / "corporate", ["corp.example"])
    before = {"SSL_CERT_FILE": str(corporate.ca_cert), "PIP_CERT": str(tmp_path / "not-there")}
    path = write_bundle(authority, inherited=before)
    assert held(path) == [*held(system), der(corporate), der(authority)]


def test_an_environment_of_ours_adds_nothing(authority: Authority, system: Path) -> None:
    path = write_bundle(authority)
    rotated = rotate(authority.confdir, ["api.example.com"])
    before = environment(path, authority.ca_cert)
    assert held(write_bundle(rotated, inherited=before)) == [*held(system), der(rotated)]


def test_each_certificate_is_there_once(authority: Authority, system: Path) -> None:
    path = write_bundle(authority, extra=[system, authority.ca_cert, system])
    assert len(held(path)) == len(set(held(path))) == 2


def test_the_first_system_file_that_exists_counts(authority: Authority, tmp_path: Path) -> None:
    files = [str(tmp_path / "no"), str(authority.ca_cert), str(authority.chain)]
    roots = list(system_roots(_Answers(b""), platform="linux", files=files))
    assert roots == [der(authority)]


def test_macos_is_asked_for_its_keychains(authority: Authority) -> None:
    runner = _Answers(authority.ca_cert.read_bytes())
    assert list(system_roots(runner, platform="darwin")) == [der(authority)]
    assert runner.asked == [
        [
            "/usr/bin/security",
            "find-certificate",
            "-a",
            "-p",
            "/System/Library/Keychains/SystemRootCertificates.keychain",
            "/Library/Keychains/System.keychain",
        ]
    ]


def test_what_is_no_certificate_is_passed_over() -> None:
    text = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\nwords\n"
    assert list(parse(text + b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----")) == [
        b"ABC"
    ]


def test_what_replaces_roots_gets_the_bundle_and_what_adds_gets_the_ca() -> None:
    made = environment(Path("/b.pem"), Path("/ca.pem"))
    assert set(made) == {v.name for v in VARIABLES}
    assert made["NODE_EXTRA_CA_CERTS"] == made["CODEX_CA_CERTIFICATE"] == "/ca.pem"
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"):
        assert made[name] == "/b.pem"


def test_a_users_own_addition_is_not_lost() -> None:
    before = {"NODE_EXTRA_CA_CERTS": "/corp.pem", "DENO_CERT": "/ca.pem"}
    made = environment(Path("/b.pem"), Path("/ca.pem"), before)
    assert made["NODE_EXTRA_CA_CERTS"] == "/b.pem"
    assert made["DENO_CERT"] == "/ca.pem"


class _Answers:
    def __init__(self, stdout: bytes) -> None:
        self.stdout = stdout
        self.asked: list[list[str]] = []

    def which(self, program: str) -> str | None:
        return program

    def run(self, command: object, *, stdin: bytes = b"") -> Result:
        self.asked.append(list(command))  # type: ignore[call-overload]
        return Result(0, self.stdout)

    def change(self, command: object, *, root: str = "", stdin: bytes = b"") -> Result:
        raise AssertionError("a bundle changes no store")
