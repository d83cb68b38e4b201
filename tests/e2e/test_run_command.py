"""`secretgate run`: a command behind its own proxy behaves as without it, and fails closed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import pytest

from harness.command import ASK, CLI, MESSAGES, Run, environment, secretgate
from harness.corporate import CorporateProxy
from harness.provider import UNCOVERED, Provider
from harness.secrets import Planted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and terminals")


def logged(home: Path) -> str:
    return "".join(log.read_text() for log in (home / "secretgate" / "logs").iterdir())


def test_a_request_is_redacted_and_its_answer_restored(
    run: Run, provider: Provider, planted: Planted, tmp_path: Path
) -> None:
    with provider.recording() as arrived:
        done = run(sys.executable, "-c", ASK, MESSAGES, f"keep {planted.env}")
    assert done.returncode == 0, done.stderr
    (received,) = arrived
    assert received.host == "api.anthropic.com"
    token = planted.values["GITHUB_TOKEN"]
    assert token not in received.raw.decode()
    assert token in done.stdout
    (line,) = done.stderr.splitlines()
    assert re.match(
        r"secretgate: 1 request, \d secrets redacted \(.*github-pat.*\), \d+ restored", line
    )
    assert line.endswith("0 refused")
    everything = done.stderr + logged(tmp_path)
    assert not [name for name, value in planted.secrets.items() if value in everything]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_trusts_both_what_is_intercepted_and_what_is_not(run: Run, provider: Provider) -> None:
    with provider.recording() as arrived:
        done = run("curl", "-sS", "-f", MESSAGES, f"https://{UNCOVERED}/tunnelled")
    assert done.returncode == 0, done.stderr
    assert [each.host for each in arrived] == ["api.anthropic.com", UNCOVERED]


def test_it_goes_out_through_the_proxy_of_the_environment(
    run: Run, corporate: CorporateProxy
) -> None:
    assert run(sys.executable, "-c", ASK, MESSAGES, "hello").returncode == 0
    probe, asked = corporate.asked
    assert probe.startswith("GET http://secretgate.internal/"), "is it one of ours?"
    assert asked == "CONNECT api.anthropic.com:443 HTTP/1.1"


def test_without_an_upstream_proxy_it_goes_out_itself(
    provider: Provider, planted: Planted, tmp_path: Path
) -> None:
    """Only the proxy's process resolves the name to the provider, so bypassing it would fail."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import socket, sys
real = socket.getaddrinfo
def led(host, port, *more, **named):
    if host not in ("api.anthropic.com", b"api.anthropic.com"):
        return real(host, port, *more, **named)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", {provider.port}))]
if "secretgate.launch.mitm" in sys.orig_argv:
    socket.getaddrinfo = led
""")
    env = environment(tmp_path, SSL_CERT_FILE=str(provider.trusted))
    env["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{env.get('PYTHONPATH', '')}"
    command = [sys.executable, "-c", ASK, MESSAGES, f"keep {planted.env}"]
    with provider.recording() as arrived:
        done = secretgate(["run", "--", *command], env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert planted.values["GITHUB_TOKEN"] not in arrived[0].raw.decode()
    assert planted.values["GITHUB_TOKEN"] in done.stdout


def test_a_run_inside_a_run_joins_its_proxy(run: Run, provider: Provider, planted: Planted) -> None:
    inner = [*CLI, "run", "--", sys.executable, "-c", ASK, MESSAGES, planted.env]
    with provider.recording() as arrived:
        done = run(*inner)
    assert done.returncode == 0, done.stderr
    assert len(arrived) == 1
    joined, summary = done.stderr.splitlines()
    assert joined.startswith("secretgate: using the proxy already running at http://127.0.0.1:")
    assert summary.startswith("secretgate: 1 request, ")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_node_trusts_the_ca_and_is_told_of_the_proxy(run: Run, provider: Provider) -> None:
    """Node before 22.21 does not know proxy variables, so the test creates the tunnel itself."""
    script = """
    const http = require("http"), tls = require("tls"), proxy = new URL(process.env.HTTPS_PROXY);
    const connect = http.request({host: proxy.hostname, port: proxy.port, method: "CONNECT", path: "api.anthropic.com:443"});
    connect.on("connect", (_, socket) => {
      const secure = tls.connect({socket, servername: "api.anthropic.com"}, () => {
        console.log(process.env.NODE_USE_ENV_PROXY, secure.authorized, secure.getPeerCertificate().issuer.O);
        process.exit(0);
      });
    });
    connect.end();
    """
    done = run("node", "-e", script)
    assert done.stdout.strip() == "1 true secretgate", done.stderr


def test_the_upstream_proxy_gets_its_credentials(
    run: Run, provider: Provider, tmp_path: Path
) -> None:
    with CorporateProxy(provider.port, "jo:p@ss word") as corporate:
        url = corporate.url.replace("//", "//jo:p%40ss%20word@")
        watch = "import subprocess; print(subprocess.run(['ps', '-eo', 'args'], capture_output=True).stdout)"
        done = run(sys.executable, "-c", f"{watch}\n{ASK}", MESSAGES, "hello", HTTPS_PROXY=url)
        assert done.returncode == 0, done.stderr
        assert corporate.denied == 0
    assert "p@ss" not in done.stdout + done.stderr + logged(tmp_path)


def test_a_proxy_of_this_machine_that_is_gone_is_told_of(run: Run) -> None:
    """Variables outlive the proxy that they were set for."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    done = run("true", HTTPS_PROXY=f"http://127.0.0.1:{port}")
    assert f"HTTPS_PROXY names a proxy on this machine where nothing listens (port {port})" in (
        done.stderr
    )
    assert done.returncode == 0


def test_a_socks_proxy_is_refused_with_a_way_out(run: Run) -> None:
    done = run("true", HTTPS_PROXY="socks5://127.0.0.1:1080")
    assert done.returncode == 2
    assert "HTTPS_PROXY names a socks5 proxy" in done.stderr


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_commands(run: Run, code: int) -> None:
    assert run("sh", "-c", f"exit {code}").returncode == code


def test_a_command_ended_by_a_signal_ends_as_a_shell_says(run: Run) -> None:
    assert run("sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_a_command_that_is_not_there_is_told_at_once(run: Run, tmp_path: Path) -> None:
    done = run("no-such-command")
    assert (done.returncode, done.stderr) == (
        127,
        "secretgate: no-such-command: command not found\n",
    )
    assert not (tmp_path / "secretgate").exists()


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [("#!/no/such/interpreter\n", 127, "interpreter"), ("\x7fELF", 126, "format")],
)
def test_a_command_that_the_system_cannot_run_is_told(
    run: Run, tmp_path: Path, text: str, code: int, told: str
) -> None:
    program = tmp_path / "program"
    program.write_text(text)
    program.chmod(0o755)
    done = run(str(program))
    assert done.returncode == code
    assert done.stderr.startswith(f"secretgate: {program}: ")
    assert told in done.stderr


def test_no_command_is_told_as_one_that_is_not_there(run: Run) -> None:
    assert run("").returncode == 127


def test_a_relative_folder_is_told_to_the_command_in_full(run: Run, tmp_path: Path) -> None:
    done = run("sh", "-c", "cd / && cat $NODE_EXTRA_CA_CERTS $SSL_CERT_FILE", SECRETGATE_HOME="own")
    assert done.returncode == 0, done.stderr
    assert "BEGIN CERTIFICATE" in done.stdout


def test_a_wrong_setting_is_told_and_nothing_runs(run: Run) -> None:
    done = run("echo", "ran", options=("--mode", "encrypt"))
    assert done.returncode == 2
    assert "ran" not in done.stdout
    assert "encrypt" in done.stderr


def test_what_only_the_proxy_finds_wrong_is_told_in_one_line(run: Run) -> None:
    done = run("echo", "ran", SECRETGATE_RULES="/of/nobody.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "secretgate: /of/nobody.yaml: cannot be read: No such file or directory\n"


def test_block_refuses_and_the_summary_says_so(
    run: Run, provider: Provider, planted: Planted
) -> None:
    with provider.recording() as arrived:
        done = run(sys.executable, "-c", ASK, MESSAGES, planted.env, options=("--mode", "block"))
    assert not arrived
    assert done.returncode == 1
    assert re.search(r"secretgate: 1 request, \d+ secrets found .*, 1 refused\. Log: ", done.stderr)


def test_a_host_outside_the_cas_constraints_gets_a_ca_of_the_run(
    run: Run, provider: Provider, planted: Planted, tmp_path: Path
) -> None:
    url = f"https://{UNCOVERED}/v1/messages"
    done = run("true")
    usual = (tmp_path / "secretgate" / "ca" / "mitmproxy-ca-cert.pem").read_bytes()
    with provider.recording() as arrived:
        done = run(
            *(sys.executable, "-c", ASK, url, planted.env),
            options=("--host", f"{UNCOVERED}=anthropic"),
        )
    assert done.returncode == 0, done.stderr
    assert planted.values["GITHUB_TOKEN"] not in arrived[0].raw.decode()
    assert (tmp_path / "secretgate" / "ca" / "mitmproxy-ca-cert.pem").read_bytes() == usual
    assert (tmp_path / "secretgate" / "ca-run" / "mitmproxy-ca-cert.pem").read_bytes() != usual


def test_no_exception_of_the_users_leads_a_covered_host_past(run: Run) -> None:
    done = run("sh", "-c", "echo $NO_PROXY", NO_PROXY="intra.corp,.anthropic.com,10.0.0.0/8")
    assert done.stdout.strip() == "localhost,127.0.0.1,::1,intra.corp,10.0.0.0/8"
    assert "bypass the proxy: .anthropic.com" in done.stderr


def test_its_files_are_its_owners(run: Run, tmp_path: Path) -> None:
    run("true")
    (log,) = (tmp_path / "secretgate" / "logs").iterdir()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_nothing_is_imported_from_the_folder_it_is_started_in(run: Run, tmp_path: Path) -> None:
    for name in ("mitmproxy", "json", "secretgate"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from here')")
    environment = {"PYTHONSAFEPATH": "1"}
    assert run("true", **environment).returncode == 0


def test_it_is_quick(env: dict[str, str], tmp_path: Path) -> None:
    """Start and stop of command and proxy with warm caches; the limit allows for a busy machine."""
    took = []
    for _ in range(3):
        start = time.monotonic()
        assert secretgate(["run", "--", "true"], env, tmp_path).returncode == 0
        took.append(time.monotonic() - start)
    assert min(took) < 5
