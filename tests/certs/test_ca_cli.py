"""The `secretgate-ca` command, in its own home, with a store that cannot affect the machine."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from cryptography import x509

from secretgate_ca import cli, default_confdir, ensure_ca, load_ca
from secretgate_ca.environment import VARIABLES
from secretgate_ca.stores import java

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    for name in ("SECRETGATE_CONFDIR", "SECRETGATE_HOME", "SUDO_UID", *(v.name for v in VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cli, "_defaults", list)
    monkeypatch.setattr(java, "HOMES", ())

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["secretgate-ca", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out, err

    return call


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return tmp_path / "config/secretgate/ca"


def test_init_makes_a_ca_once_and_prints_no_key(run: Run, confdir: Path) -> None:
    code, out, _ = run("init", "--domain", "api.example.com", "--domain", "*.copilot.example")
    made = load_ca(confdir)
    assert made is not None
    assert code == 0
    assert made.fingerprint in out
    assert made.permitted == ("api.example.com", "copilot.example")
    key = (confdir / "mitmproxy-ca.pem").read_text().splitlines()[1]
    again = run("init", "--domain", "api.example.com")
    assert again[1].startswith("There is a CA already")
    assert key not in out + again[1] + again[2]


def test_without_hosts_it_says_which_option_to_give(run: Run, confdir: Path) -> None:
    code, _, err = run("init")
    assert code == 1
    assert err.startswith("secretgate-ca: no hosts to cover")
    assert "--domain" in err
    assert not confdir.exists()


def test_the_hosts_come_from_the_entry_points_otherwise(
    run: Run, confdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Entry:
        def load(self) -> Callable[[], list[str]]:
            return lambda: ["api.default.example"]

    monkeypatch.undo()
    monkeypatch.setattr(
        cli, "entry_points", lambda group: [Entry()] if "ca.domains" in group else []
    )
    monkeypatch.setenv("SECRETGATE_CONFDIR", str(confdir))
    run("init", "--domain", "api.example.com")
    made = load_ca(confdir)
    assert made is not None
    assert made.permitted == ("api.default.example", "api.example.com")


def test_a_host_outside_the_constraints_is_explained_and_rotate_offered(
    run: Run, confdir: Path
) -> None:
    run("init", "--domain", "api.example.com")
    code, _, err = run("init", "--domain", "api.new.example")
    assert code == 1
    assert "may not sign for api.new.example" in err
    assert "secretgate-ca rotate --domain 'api.new.example'" in err
    many = [part for number in range(9) for part in ("--domain", f"{number}.new.example")]
    assert "may not sign for 0.new.example, 1.new.example, " in (told := run("init", *many)[2])
    assert "4.new.example and 4 more: its hosts" in told
    run("rotate", "--yes", "--domain", "api.new.example")
    made = load_ca(confdir)
    assert made is not None
    assert made.permitted == ("api.example.com", "api.new.example")


def test_rotate_only_forgets_what_was_covered(run: Run, confdir: Path) -> None:
    run("init", "--domain", "api.example.com")
    run("rotate", "--yes", "--only", "--domain", "api.new.example")
    made = load_ca(confdir)
    assert made is not None
    assert made.permitted == ("api.new.example",)


def test_rotate_replaces_a_damaged_ca(run: Run, confdir: Path) -> None:
    run("init", "--domain", "api.example.com")
    (confdir / "mitmproxy-ca.pem").write_text("damage")
    code, _, err = run("path", "--cert")
    assert code == 1
    assert "secretgate-ca rotate" in err
    assert run("rotate", "--yes", "--domain", "api.example.com")[0] == 0
    assert load_ca(confdir) is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["install", "--domain", "api.example.com", "--store", "of-nobody"], "of-nobody"),
        (["install", "--domain", "not a host"], "'not a host'"),
        (["init", "--domain", "https://api.example.com"], "https://api.example.com"),
    ],
)
def test_what_is_asked_wrongly_makes_no_ca(
    run: Run, confdir: Path, words: list[str], said: str
) -> None:
    code, _, err = run(*words)
    assert code == 1
    assert said in err
    assert not confdir.exists()


def test_it_says_its_version_and_shows_its_help_where_nothing_is_asked(run: Run) -> None:
    assert run("--version")[:2] == (0, f"secretgate-ca {version('secretgate-mitmproxy')}\n")
    code, out, _ = run()
    assert code == 2
    assert "secretgate-ca install --dry-run" in out


def test_a_bad_host_changes_nothing(run: Run, confdir: Path) -> None:
    run("init", "--domain", "api.example.com")
    before = (confdir / "mitmproxy-ca.pem").read_bytes()
    code, _, err = run("rotate", "--yes", "--domain", "copilot-api.*.ghe.com")
    assert code == 1
    assert "copilot-api.*.ghe.com" in err
    assert (confdir / "mitmproxy-ca.pem").read_bytes() == before


def test_status_without_a_ca(run: Run) -> None:
    code, _, err = run("status")
    assert code == 1
    assert "secretgate-ca init" in err
    assert json.loads(run("status", "--json")[1])["ca"] is None


def test_status_for_people_is_short_and_aligned(run: Run) -> None:
    many = [part for at in range(9) for part in ("--domain", f"api{at}.example.com")]
    run("init", *many)
    _, out, _ = run("status", "--store", "nss")
    assert "may sign only for 9 domains (--json lists them)" in out
    rows = re.findall(r"(?m)^(  \w+ +variable \w+ +)\S", out)
    assert len(rows) > 9
    assert len({len(row) for row in rows}) == 1
    assert out == re.sub("(?m) +$", "", out)
    run("rotate", "--yes", "--only", "--domain", "api.example.com")
    assert "may sign only for api.example.com\n" in run("status", "--store", "nss")[1]


def test_a_ca_made_with_a_clock_that_was_ahead_is_not_called_valid(run: Run, confdir: Path) -> None:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=400)
    made = ensure_ca(confdir, ["api.example.com"], now=later)
    told = f"not valid before {made.begins:%Y-%m-%d}"
    assert told in run("status", "--store", "nss")[1]
    code, _, error = run("install", "--store", "nss")
    assert code == 1
    assert told in error
    assert "secretgate-ca rotate" in error


def test_status_as_json(run: Run, confdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("init", "--domain", "api.example.com")
    made = load_ca(confdir)
    assert made is not None
    monkeypatch.setenv("SSL_CERT_FILE", str(confdir / "bundle.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(made.ca_cert))
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(made.ca_cert))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(confdir / "gone.pem"))
    code, out, _ = run("status", "--json", "--store", "nss")
    report = json.loads(out)
    assert code == 0
    assert report["ca"]["fingerprint"] == made.fingerprint
    assert report["ca"]["state"] == "valid"
    assert report["bundle"]["state"] == "trusted"
    variables = {row["name"]: row["state"] for row in report["variables"]}
    assert variables["SSL_CERT_FILE"] == variables["NODE_EXTRA_CA_CERTS"] == "trusted"
    assert variables["CURL_CA_BUNDLE"] == "stale"
    assert variables["GIT_SSL_CAINFO"] == "stale"
    assert variables["AWS_CA_BUNDLE"] == "missing"


def test_status_knows_a_variable_that_holds_an_earlier_ca(
    run: Run, confdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init", "--domain", "api.example.com")
    kept = tmp_path / "kept.pem"
    kept.write_bytes((confdir / "bundle.pem").read_bytes())
    run("rotate", "--yes", "--domain", "api.example.com")
    monkeypatch.setenv("PIP_CERT", str(kept))
    report = json.loads(run("status", "--json")[1])
    assert {row["name"]: row["state"] for row in report["variables"]}["PIP_CERT"] == "stale"


def test_path_and_export(run: Run, confdir: Path, tmp_path: Path) -> None:
    run("init", "--domain", "api.example.com")
    assert run("path")[1].strip() == str(confdir)
    assert run("path", "--cert")[1].strip() == str(confdir / "mitmproxy-ca-cert.pem")
    pem = run("export", "-")[1]
    assert pem == (confdir / "mitmproxy-ca-cert.pem").read_text()
    run("export", "--der", str(tmp_path / "ca.der"))
    der = (tmp_path / "ca.der").read_bytes()
    assert x509.load_der_x509_certificate(der) == x509.load_pem_x509_certificate(pem.encode())


def test_export_names_the_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    run("init", "--domain", "api.example.com")
    code, _, said = run("export", str(tmp_path / "none" / "ca.pem"))
    assert code == 1
    assert f"{tmp_path / 'none'}: there is no such folder" in said


def test_bundle_prints_where_it_is(run: Run, confdir: Path, tmp_path: Path) -> None:
    run("init", "--domain", "api.example.com")
    assert run("bundle")[1].strip() == str(confdir / "bundle.pem")
    run("bundle", "--output", str(tmp_path / "b.pem"))
    assert (tmp_path / "b.pem").read_bytes() == (confdir / "bundle.pem").read_bytes()


def test_an_unknown_store_is_answered_with_the_known_ones(run: Run) -> None:
    code, _, err = run("install", "--domain", "api.example.com", "--store", "netscape")
    assert code == 1
    assert "system, macos, windows, nss, java" in err


def test_a_helper_that_is_missing_fails_that_store_with_its_package(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / ".pki/nssdb").mkdir(parents=True)
    (tmp_path / ".pki/nssdb/cert9.db").touch()
    code, _, err = run("install", "--domain", "api.example.com", "--store", "nss")
    assert code == 1
    assert "libnss3-tools" in err


def test_under_sudo_it_explains_why_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "1000")
    code, _, err = run("status")
    assert code == 1
    assert "without sudo" in err


@pytest.mark.thorough
def test_it_is_a_program_and_imports_neither_of_the_other_packages(tmp_path: Path) -> None:
    code = (
        "import sys, secretgate_ca.cli\n"
        "found = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(found & {'secretgate', 'secretgate_rules', 'mitmproxy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_variable_moves_the_ca_with_everything_else(tmp_path: Path) -> None:
    assert default_confdir({"SECRETGATE_HOME": str(tmp_path)}) == tmp_path / "ca"
    assert default_confdir({"SECRETGATE_HOME": "here"}) == Path("here/ca").absolute()
