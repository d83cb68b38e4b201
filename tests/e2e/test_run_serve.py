"""`secretgate serve`: base URLs work like interception, and the local page is private."""

from __future__ import annotations

import http.client
import http.server
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.command import CLI, environment, secretgate
from harness.corporate import CorporateProxy
from harness.post import CHAT, MESSAGES, ask
from harness.programs import free_port
from harness.provider import UNCOVERED, Provider
from harness.secrets import Planted

PAGE = "http://secretgate.internal"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Served:
    def __init__(self, port: int, home: Path, corporate: CorporateProxy) -> None:
        self.port = port
        self.corporate = corporate
        self.home = home
        self.host = f"127.0.0.1:{port}"

    def ask(
        self, method: str, target: str, body: bytes = b"", **headers: str
    ) -> tuple[int, Any, bytes]:
        """Send an unmodified request to the proxy's own port."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        sent.setdefault("host", target.split("/")[2] if "://" in target else self.host)
        if body:
            sent |= {"content-length": str(len(body)), "content-type": "application/json"}
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        try:
            return response.status, response.headers, response.read()
        finally:
            connection.close()


class Local(http.server.BaseHTTPRequestHandler):
    """A model server on this machine."""

    received: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append((self.path, body))
        said = json.loads(body)["messages"][0]["content"]
        answer = json.dumps({"message": {"role": "assistant", "content": said}, "done": True})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def local() -> Iterator[http.server.ThreadingHTTPServer]:
    handler = type("Handler", (Local,), {"received": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def served(
    provider: Provider,
    local: http.server.ThreadingHTTPServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("serve")
    with CorporateProxy(provider.port) as corporate:
        env = environment(home, HTTPS_PROXY=corporate.url, SSL_CERT_FILE=str(provider.trusted))
        made = Served(free_port(), home, corporate)
        command = [*CLI, "serve", "--port", str(made.port), "--base-url"]
        command += ["--provider", f"here=ollama+http://127.0.0.1:{local.server_port}"]
        command += ["--provider", f"other=openai-chat+https://{UNCOVERED}/v1"]
        with (home / "output").open("wb") as output:
            process = subprocess.Popen(command, env=env, cwd=home, stdout=output, stderr=output)
        for _ in range(600):
            try:
                if made.ask("GET", "/healthz")[0] == 200:
                    break
            except OSError:
                assert process.poll() is None, (home / "output").read_text()
                time.sleep(0.1)
        yield made
        process.send_signal(signal.SIGINT)
        process.wait(15)


def test_a_base_url_gets_what_an_intercepted_request_gets(
    served: Served, provider: Provider, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    body = ask(MESSAGES, f"keep {planted.env}")
    with provider.recording() as arrived:
        code, _, answer = served.ask("POST", "/anthropic/v1/messages?beta=true", body)
    assert code == 200
    (received,) = arrived
    assert (received.host, received.path) == ("api.anthropic.com", "/v1/messages?beta=true")
    assert token.encode() not in received.raw
    assert token.encode() in answer


def test_the_version_may_be_part_of_the_base_url_or_not(served: Served, provider: Provider) -> None:
    with provider.recording() as arrived:
        for path in ("/openai/chat/completions", "/openai/v1/chat/completions"):
            assert served.ask("POST", path, ask(CHAT, "hello"))[0] == 200
    assert [(each.host, each.path) for each in arrived] == [CHAT] * 2


def test_a_misspelt_base_url_is_told_which_there_are(served: Served, provider: Provider) -> None:
    with provider.recording() as arrived:
        for path in ("/antropic/v1/messages", "/v1/messages", "/azure/"):
            code, _, body = served.ask("POST", path, ask(MESSAGES, "x"))
            assert code == 404
            said = json.loads(body)["error"]["message"]
            assert "/anthropic, " in said
            assert "/azure/RESOURCE, " in said
            assert "/other" in said
    assert not arrived


def test_a_provider_of_the_users_is_read_although_no_host_table_has_it(
    served: Served, provider: Provider, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    with provider.recording() as arrived:
        code, _, answer = served.ask(
            "POST", "/other/chat/completions", ask(CHAT, f"keep {planted.env}")
        )
    assert code == 200
    assert (arrived[0].host, arrived[0].path) == (UNCOVERED, "/v1/chat/completions")
    assert token.encode() not in arrived[0].raw
    assert token.encode() in answer


def test_a_model_on_this_machine_is_not_sought_behind_the_companys_proxy(
    served: Served, local: Any, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    body = json.dumps(
        {"model": "m", "stream": False, "messages": [{"role": "user", "content": token}]}
    )
    code, _, answer = served.ask("POST", "/here/api/chat", body.encode())
    assert code == 200, answer
    path, received = local.RequestHandlerClass.received[-1]
    assert path == "/api/chat"
    assert token.encode() not in received
    assert json.loads(answer)["message"]["content"] == token


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"sec_fetch_site": "cross-site"},
    ],
)
def test_pages_of_other_sites_get_nothing(
    served: Served, provider: Provider, headers: dict[str, str]
) -> None:
    with provider.recording() as arrived:
        assert served.ask("POST", "/anthropic/v1/messages", ask(MESSAGES, "x"), **headers)[0] == 403
        assert served.ask("GET", f"{PAGE}/status.json", **headers)[0] == 403
        assert served.ask("GET", "/proxy.pac", **headers)[0] == 403
        linked = {"referer": "http://evil.example/x"}
        assert served.ask("GET", f"{PAGE}/status.json", **linked)[0] == 403
    assert not arrived


def test_a_name_that_resolves_to_us_is_not_us(served: Served, provider: Provider) -> None:
    """DNS rebinding: a page's own name, with our port."""
    with provider.recording() as arrived:
        host = f"evil.example:{served.port}"
        code, _, body = served.ask("POST", "/anthropic/v1/messages", ask(MESSAGES, "x"), host=host)
        assert code >= 400
        assert served.ask("GET", f"{PAGE}/", host="evil.example")[0] == 403
    assert not arrived
    assert b"Covered" not in body


def test_the_page_tells_rules_and_no_values(served: Served, planted: Planted) -> None:
    served.ask("POST", "/anthropic/v1/messages", ask(MESSAGES, planted.env))
    code, headers, page = served.ask("GET", f"{PAGE}/")
    assert code == 200
    assert b"github-pat" in page
    assert "default-src 'none'" in headers["content-security-policy"]
    told = json.loads(served.ask("GET", f"{PAGE}/status.json")[2])
    assert told["counters"]["redacted"]["github-pat"] == 1
    everything = page + json.dumps(told).encode() + (served.home / "output").read_bytes()
    assert not [name for name, value in planted.secrets.items() if value.encode() in everything]


def test_the_page_gives_the_certificate_and_not_the_key(served: Served) -> None:
    _, _, certificate = served.ask("GET", f"{PAGE}/ca.crt")
    (folder,) = (served.home / "secretgate").glob("ca*")
    assert certificate == (folder / "mitmproxy-ca-cert.pem").read_bytes()
    assert b"PRIVATE" not in certificate


def test_past_the_proxy_there_is_no_page(served: Served) -> None:
    assert served.ask("GET", "/status.json")[0] == 404
    assert served.ask("GET", "/healthz")[2] == b"ok\n"
    assert f'"PROXY {served.host}"'.encode() in served.ask("GET", "/proxy.pac")[2]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_changed(served: Served, method: str) -> None:
    assert served.ask(method, f"{PAGE}/", b'{"mode": "audit"}')[0] == 405


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("scheme", [0, 1])
def test_chromium_shows_the_page_through_the_pac(
    served: Served, scheme: int, tmp_path: Path
) -> None:
    picture = tmp_path / "page.png"
    done = chromium(
        served,
        tmp_path,
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=900,1200",
        f"--screenshot={picture}",
        f"{PAGE}/",
    )
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", done.stderr
    assert picture.stat().st_size > 30_000


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.skipif(shutil.which("certutil") is None, reason="needs certutil")
def test_chromium_opens_a_covered_host_through_the_pac(
    served: Served, provider: Provider, tmp_path: Path
) -> None:
    database = tmp_path / ".pki" / "nssdb"
    database.mkdir(parents=True)
    (folder,) = (served.home / "secretgate").glob("ca*")
    base = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*base, "-N", "--empty-password"], check=True)
    add = [*base, "-A", "-n", "ours", "-t", "C,,", "-i", str(folder / "mitmproxy-ca-cert.pem")]
    subprocess.run(add, check=True)
    with provider.recording() as arrived:
        done = chromium(served, tmp_path, "--dump-dom", "https://api.anthropic.com/v1/models")
    assert "/v1/models" in done.stdout, done.stderr
    assert {each.host for each in arrived} == {"api.anthropic.com"}


def chromium(served: Served, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={home / 'profile'}"]
    command += [f"--proxy-pac-url=http://{served.host}/proxy.pac", *arguments]
    env = {**environment(home), "XDG_CONFIG_HOME": str(home / "config")}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_doctor_proves_the_gate_without_leaving_the_machine(
    served: Served, provider: Provider
) -> None:
    (folder,) = (served.home / "secretgate").glob("ca*")
    env = environment(served.home, HTTPS_PROXY=f"http://{served.host}", NO_PROXY=".openai.com")
    env |= {"SSL_CERT_FILE": str(folder / "bundle.pem")}
    asked = len(served.corporate.asked)
    before = json.loads(served.ask("GET", f"{PAGE}/status.json")[2])["counters"]
    done = secretgate(["doctor", "--json"], env, served.home)
    assert done.returncode == 1, "NO_PROXY lets a covered host past"
    findings = json.loads(done.stdout)["findings"]
    tests = [each for each in findings if each["subject"] == "self-test"]
    assert [each["level"] for each in tests] == ["good", "good"], done.stdout
    assert [each["fix"] for each in findings if each["message"].startswith("NO_PROXY makes")] == [
        "export NO_PROXY="
    ]
    assert len(served.corporate.asked) == asked
    assert json.loads(served.ask("GET", f"{PAGE}/status.json")[2])["counters"] == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--provider", "corp=nonsense"), "--provider: corp: must look like"),
        (("--mode", "encrypt"), "'--mode': 'encrypt' is none of: redact, block, audit"),
    ],
)
def test_a_wrong_option_is_told(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = secretgate(["serve", *options], environment(tmp_path), tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5


def test_an_invalid_rule_file_is_told_in_one_line_by_whatever_starts_the_proxy(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "bad.yaml"
    rules.write_text('rules:\n  - id: odd\n    description: x\n    pattern: "("\n')
    env = environment(tmp_path, SECRETGATE_RULES=str(rules))
    port = str(free_port())
    for command in (["serve", "--port", port], ["proxy", "--", "-p", port], ["run", "--", "true"]):
        done = secretgate(command, env, tmp_path)
        told = done.stdout + done.stderr
        assert done.returncode
        assert told.count(f"{rules}:2: odd: pattern does not compile") == 1
        assert "Traceback" not in told


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "models"])
def test_a_host_that_no_ca_can_name_does_not_stop_a_run(tmp_path: Path, address: str) -> None:
    command = ["run", "--host", f"{address}=ollama", "--", "true"]
    done = secretgate(command, environment(tmp_path), tmp_path)
    assert done.returncode == 0
    assert f"only plain HTTP to this host is covered: {address}: " in done.stderr


def test_a_closed_terminal_ends_it_in_order(tmp_path: Path) -> None:
    command = [*CLI, "serve", "--port", str(free_port())]
    env = environment(tmp_path, PYTHONUNBUFFERED="1")
    # Under nohup the signal is ignored, and stays so.
    as_usual = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "preexec_fn": as_usual}
    with subprocess.Popen(command, env=env, cwd=tmp_path, text=True, **both) as process:
        assert process.stdout
        assert any("ready " in line for line in process.stdout)
        process.send_signal(signal.SIGHUP)
        assert process.wait(15) == 0
