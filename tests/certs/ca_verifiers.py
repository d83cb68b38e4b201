"""Real TLS clients, each of which reports whether it accepts the certificate of a proxy.

A verifier returns "accepted", or "refused" if the client gave the certificate as the reason.
Anything else is an error of the test, so that a network fault does not count as a refusal.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from secretgate_ca import environment

HOST = "api.anthropic.com"
URL = f"https://{HOST}/v1/messages"
TOOLS = Path(os.environ.get("SECRETGATE_TEST_TOOLS", "/nonexistent"))
"""A folder with programs that are not on PATH (bun, uv)."""


@dataclass(frozen=True)
class Proxy:
    port: int
    ca_cert: Path
    bundle: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environ(self, home: Path) -> dict[str, str]:
        """Return the environment that `secretgate run` would give a child."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HTTPS_PROXY": self.url,
            "https_proxy": self.url,
            **environment(self.bundle, self.ca_cert),
        }


def need(program: str, package: str) -> str:
    found = shutil.which(program) or shutil.which(program, path=str(TOOLS))
    if found is None:
        pytest.skip(f"{program} is not installed; it is in {package}")
    return found


def run(proxy: Proxy, home: Path, *command: str, stdin: str = "", **more: str) -> str:
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=home,
        env=proxy.environ(home) | more,
    )
    return done.stdout + done.stderr


def verdict(output: str, accepted: str, refused: str) -> str:
    if re.search(accepted, output):
        return "accepted"
    if re.search(refused, output, re.IGNORECASE):
        return "refused"
    raise AssertionError(f"neither accepted nor refused: {output[-600:]}")


def curl(proxy: Proxy, home: Path) -> str:
    output = run(proxy, home, need("curl", "curl"), "-sS", URL)
    return verdict(output, "intercepted", "SSL certificate problem|certificate verif")


def gnutls(proxy: Proxy, home: Path) -> str:
    wget = need("wget", "wget")
    output = run(proxy, home, wget, "-O-", f"--ca-certificate={proxy.bundle}", URL)
    return verdict(output, "intercepted", "certificate .*not trusted|cannot verify")


def openssl(proxy: Proxy, home: Path) -> str:
    command = [need("openssl", "openssl"), "s_client", "-proxy", f"127.0.0.1:{proxy.port}"]
    command += ["-connect", f"{HOST}:443", "-servername", HOST, "-x509_strict"]
    output = run(proxy, home, *command, "-CAfile", str(proxy.bundle))
    return verdict(output, r"Verify return code: 0 \(ok\)", "permitted subtree violation")


def python_strict(proxy: Proxy, home: Path) -> str:
    code = (
        "import ssl, urllib.request as u\n"
        "c = ssl.create_default_context(); c.verify_flags |= ssl.VERIFY_X509_STRICT\n"
        f"print(u.urlopen({URL!r}, context=c, timeout=30).read())"
    )
    output = run(proxy, home, sys.executable, "-c", code)
    return verdict(output, "intercepted", "CERTIFICATE_VERIFY_FAILED")


def httpx(proxy: Proxy, home: Path) -> str:
    code = f"import httpx; print(httpx.get({URL!r}, timeout=30).text)"
    output = run(proxy, home, sys.executable, "-c", code)
    return verdict(output, "intercepted", "CERTIFICATE_VERIFY_FAILED")


NODE = """
const http = require('http'), tls = require('tls'), proxy = new URL(process.env.HTTPS_PROXY);
http.request({host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: 'HOST:443'})
  .on('connect', (_, socket) => {
    const t = tls.connect({socket, servername: 'HOST', ALPNProtocols: ['http/1.1']}, () => {
      t.write('GET / HTTP/1.1\\r\\nhost: HOST\\r\\nconnection: close\\r\\n\\r\\n');
    });
    t.on('data', d => { process.stdout.write(d); t.destroy(); })
      .on('error', e => { console.log('REFUSED', e.message); t.destroy(); });
  }).end();
""".replace("HOST", HOST)


def node(proxy: Proxy, home: Path) -> str:
    output = run(proxy, home, need("node", "nodejs"), "-e", NODE, SSL_CERT_FILE="")
    return verdict(output, "200 OK", "REFUSED .*(permitted subtree|verify|UNSPECIFIED|error)")


def bun(proxy: Proxy, home: Path) -> str:
    program = need("bun", "the npm package bun")
    code = f"fetch('{URL}').then(r => r.text()).then(console.log, e => console.log('REFUSED', e))"
    output = run(proxy, home, program, "-e", code)
    return verdict(output, "intercepted", "REFUSED.*(certificate|subtree|verif)")


def rustls(proxy: Proxy, home: Path) -> str:
    program = need("uv", "the PyPI package uv")
    command = [program, "pip", "install", "--no-cache", "--target", str(home / "nothing")]
    output = run(proxy, home, *command, "--index-url", f"https://{HOST}/simple", "no-such-package")
    return verdict(
        output,
        "Received some unexpected HTML|text/plain|not found in the package registry",
        "invalid peer certificate|NameConstraint",
    )


GO = f"""package main
import ("fmt"; "io"; "net/http")
func main() {{
  r, err := http.Get("{URL}")
  if err != nil {{ fmt.Println("REFUSED", err); return }}
  b, _ := io.ReadAll(r.Body); fmt.Println(string(b))
}}
"""


def go(proxy: Proxy, home: Path) -> str:
    program = need("go", "golang-go")
    (home / "main.go").write_text(GO)
    cache = {"GOCACHE": str(home.parent / "go-cache"), "GO111MODULE": "off", "GOFLAGS": "-mod=mod"}
    output = run(proxy, home, program, "run", "main.go", **cache)
    return verdict(output, "intercepted", "REFUSED .*not permitted by any constraint")


JAVA = f"""import java.io.*; import java.net.*;
public class Main {{ public static void main(String[] a) throws Exception {{
  try {{ System.out.println(new String(new URL("{URL}").openStream().readAllBytes())); }}
  catch (javax.net.ssl.SSLException e) {{ System.out.println("REFUSED " + e.getMessage()); }}
}} }}
"""


def java(proxy: Proxy, home: Path) -> str:
    program = need("java", "default-jdk-headless")
    keytool = need("keytool", "default-jre-headless")
    store = home / "trust.p12"
    command = [keytool, "-importcert", "-noprompt", "-alias", "secretgate", "-file"]
    command += [str(proxy.ca_cert), "-keystore", str(store), "-storepass", "changeit"]
    run(proxy, home, *command)
    (home / "Main.java").write_text(JAVA)
    options = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    options += ["-Dhttps.proxyHost=127.0.0.1", f"-Dhttps.proxyPort={proxy.port}"]
    output = run(proxy, home, program, *options, str(home / "Main.java"))
    return verdict(output, "intercepted", "REFUSED .*name constraints")


def nss_database(proxy: Proxy, home: Path) -> Path:
    certutil = need("certutil", "libnss3-tools")
    database = home / ".pki/nssdb"
    database.mkdir(parents=True, exist_ok=True)
    at = ["-d", f"sql:{database}"]
    run(proxy, home, certutil, "-N", *at, "--empty-password")
    run(proxy, home, certutil, "-A", *at, "-t", "C,,", "-n", "ours", "-i", str(proxy.ca_cert))
    return database


def nss(proxy: Proxy, home: Path) -> str:
    """Verify the proxy's certificate chain with NSS, as Firefox does."""
    program = need("vfychain", "libnss3-tools")
    database = nss_database(proxy, home)
    command = [need("openssl", "openssl"), "s_client", "-proxy", f"127.0.0.1:{proxy.port}"]
    shown = run(proxy, home, *command, "-connect", f"{HOST}:443", "-servername", HOST, "-showcerts")
    chain = re.findall(r"-----BEGIN CERT.*?-----END CERTIFICATE-----\n", shown, re.DOTALL)
    files = [home / f"shown-{number}.pem" for number in range(2)]
    for file, pem in zip(files, chain, strict=False):
        file.write_text(pem)
    command = [program, "-d", f"sql:{database}", "-pp", "-u", "1", "-a", *map(str, files)]
    return verdict(run(proxy, home, *command), "Chain is good", "Chain is bad")


def chromium(proxy: Proxy, home: Path) -> str:
    program = need("chromium", "chromium")
    nss_database(proxy, home)
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--proxy-server={proxy.url}", f"--user-data-dir={home / 'chromium'}"]
    output = run(proxy, home, *command, "--virtual-time-budget=5000", URL)
    return verdict(output, "intercepted", "ERR_CERT|privacy error|not private")


VERIFIERS: tuple[Callable[[Proxy, Path], str], ...] = (
    curl,
    gnutls,
    openssl,
    python_strict,
    httpx,
    node,
    bun,
    rustls,
    go,
    java,
    nss,
    chromium,
)
