"""The stores with the real programs, in a temporary home and a private view of the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from secretgate_ca import Authority, ensure_ca, rotate
from secretgate_ca.authority import retired
from secretgate_ca.installation import Installation
from secretgate_ca.runner import SystemRunner
from secretgate_ca.stores import Machine, Root, State
from secretgate_ca.stores.java import Java
from secretgate_ca.stores.nss import Nss

pytestmark = pytest.mark.e2e


def need(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed; it is in {package}")
    return found


def lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


class Only(SystemRunner):
    """Runs all commands, but finds only the given programs."""

    def __init__(self, *programs: str) -> None:
        super().__init__()
        self._programs = programs

    def which(self, program: str) -> str | None:
        return super().which(program) if program in self._programs else None


def installation(machine: Machine, authority: Authority, store: type[Nss | Java]) -> Installation:
    old = [Root.of(cert, path) for path, cert in retired(authority.confdir)]
    return Installation(machine, Root.of(authority.root, authority.ca_cert), old, stores=[store])


def states(places: object) -> set[State]:
    found = list(places)  # type: ignore[call-overload]
    assert all(not place.detail for place in found), found
    return {place.state for place in found}


def test_nss_in_every_profile(authority: Authority, tmp_path: Path) -> None:
    certutil = need("certutil", "libnss3-tools")
    home = tmp_path / "home"
    folders = [
        home / ".mozilla/firefox/ab.default",
        home / "snap/firefox/common/.mozilla/firefox/cd.default",
        home / ".var/app/org.mozilla.firefox/.mozilla/firefox/ef.default",
        home / ".pki/nssdb",
    ]
    foreign = ensure_ca(tmp_path / "foreign", ["foreign.example"])
    for folder in folders:
        folder.mkdir(parents=True)
        subprocess.run([certutil, "-N", "-d", f"sql:{folder}", "--empty-password"], check=True)
        command = [certutil, "-A", "-d", f"sql:{folder}", "-t", "C,,", "-n", "theirs"]
        subprocess.run([*command, "-i", str(foreign.ca_cert)], check=True)
    before = [lines(certutil, "-L", "-d", f"sql:{folder}") for folder in folders]
    machine = Machine(Only("certutil"), home, {}, "linux", tmp_path)
    ours = installation(machine, authority, Nss)
    assert states(ours.survey()) == {State.MISSING}
    assert states(ours.install()) == {State.TRUSTED}
    once = [lines(certutil, "-L", "-d", f"sql:{folder}") for folder in folders]
    assert states(ours.install()) == {State.TRUSTED}
    assert once == [lines(certutil, "-L", "-d", f"sql:{folder}") for folder in folders]
    new = installation(machine, rotate(authority.confdir, ["api.example.com"]), Nss)
    assert states(new.survey()) == {State.STALE}
    assert states(new.install()) == {State.TRUSTED}
    assert states(new.uninstall()) == {State.MISSING}
    assert before == [lines(certutil, "-L", "-d", f"sql:{folder}") for folder in folders]


def test_nss_leaves_a_stranger_of_the_same_name_alone(
    authority: Authority, root: Root, tmp_path: Path
) -> None:
    certutil = need("certutil", "libnss3-tools")
    folder = tmp_path / "home/.pki/nssdb"
    folder.mkdir(parents=True)
    foreign = ensure_ca(tmp_path / "foreign", ["foreign.example"])
    subprocess.run([certutil, "-N", "-d", f"sql:{folder}", "--empty-password"], check=True)
    command = [certutil, "-A", "-d", f"sql:{folder}", "-t", "C,,", "-n", root.name]
    subprocess.run([*command, "-i", str(foreign.ca_cert)], check=True)
    before = lines(certutil, "-L", "-d", f"sql:{folder}")
    store = Nss(Machine(Only("certutil"), tmp_path / "home", {}, "linux", tmp_path))
    assert store.check(str(folder), [root]) == frozenset()
    store.uninstall(str(folder), root)
    assert lines(certutil, "-L", "-d", f"sql:{folder}") == before


def test_nss_does_not_call_an_untrusted_certificate_trusted(root: Root, tmp_path: Path) -> None:
    certutil = need("certutil", "libnss3-tools")
    folder = tmp_path / "home/.pki/nssdb"
    folder.mkdir(parents=True)
    subprocess.run([certutil, "-N", "-d", f"sql:{folder}", "--empty-password"], check=True)
    command = [certutil, "-A", "-d", f"sql:{folder}", "-t", "p,p,p", "-n", root.name]
    subprocess.run([*command, "-i", str(root.path)], check=True)
    store = Nss(Machine(Only("certutil"), tmp_path / "home", {}, "linux", tmp_path))
    assert store.check(str(folder), [root]) == frozenset()
    store.install(str(folder), root)
    assert store.check(str(folder), [root]) == {root.sha256}


def test_java(authority: Authority, tmp_path: Path) -> None:
    keytool = need("keytool", "default-jre-headless")
    home = tmp_path / "jdk"
    cacerts = home / "lib/security/cacerts"
    cacerts.parent.mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "bin/keytool").symlink_to(keytool)
    foreign = ensure_ca(tmp_path / "foreign", ["foreign.example"])
    command = [keytool, "-importcert", "-noprompt", "-alias", "theirs", "-storepass", "changeit"]
    command += ["-keystore", str(cacerts), "-file", str(foreign.ca_cert)]
    subprocess.run(command, check=True, capture_output=True)
    listing = (keytool, "-list", "-keystore", str(cacerts), "-storepass", "changeit")
    before = lines(*listing)
    machine = Machine(Only(), tmp_path, {"JAVA_HOME": str(home)}, "linux", tmp_path)
    ours = installation(machine, authority, Java)
    assert states(ours.install()) == {State.TRUSTED}
    once = lines(*listing)
    assert states(ours.install()) == {State.TRUSTED}
    assert once == lines(*listing)
    assert states(ours.uninstall()) == {State.MISSING}
    assert lines(*listing) == before


SCRIPT = """
set -eu
mkdir "$WORK/ssl" "$WORK/local"
cp -a /etc/ssl/. "$WORK/ssl"
mount --bind "$WORK/ssl" /etc/ssl
mount --bind "$WORK/local" /usr/local/share/ca-certificates
update-ca-certificates --fresh >/dev/null 2>&1
state() { (cd /etc/ssl/certs; ls -l --time-style=+ | grep -v java; cat ca-certificates.crt) | sha256sum; }
before=$(state)
ca() { "$PYTHON" -c 'from secretgate_ca.cli import main; main()' --confdir "$CA" "$@"; }
ca install --store system
curl -sS --proxy "$PROXY" "$URL"; echo
ca install --store system
ca status --store system | grep 'trusted *system'
ca uninstall --store system
curl -sS --proxy "$PROXY" "$URL" || echo "curl refuses it"
[ "$before" = "$(state)" ] && echo "as before" || ls -l /etc/ssl/certs | grep secretgate
"""


def test_the_systems_own_store(tmp_path: Path) -> None:
    from ca_verifiers import HOST, URL
    from test_ca_verifiers import start

    need("update-ca-certificates", "ca-certificates")
    need("curl", "curl")
    unshare = [need("unshare", "util-linux"), *([] if os.geteuid() == 0 else ["-r"]), "-m"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespaces")
    authority = ensure_ca(tmp_path / "ca", [HOST])
    process, proxy = start(authority, leaves=True)
    try:
        done = subprocess.run(
            [*unshare, "sh", "-c", SCRIPT],
            env={
                "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
                "HOME": str(tmp_path),
                "WORK": str(tmp_path),
                "PYTHON": sys.executable,
                "CA": str(authority.confdir),
                "PROXY": proxy.url,
                "URL": URL,
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    finally:
        process.terminate()
        process.wait(10)
    place = "system   Debian, Ubuntu, Alpine: /etc/ssl/certs/ca-certificates.crt"
    assert done.stdout.splitlines() == [
        f"trusted  {place}",
        "intercepted",
        f"trusted  {place}",
        f"  trusted  {place}",
        f"missing  {place}",
        "curl refuses it",
        "as before",
    ], done.stderr
