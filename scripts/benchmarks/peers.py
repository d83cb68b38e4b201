"""Other products on the same traffic, each in its own environment in the cache folder.

    PYTHONPATH=scripts python -m benchmarks.peers [--quick] [--json]

`secretgate` 0.8.1 from PyPI runs as forward proxy, `llm-redact-proxy` through its base URL.
Provider and client are those of `benchmarks.proxy`; "direct" is the client without any proxy.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.loopback import HOST, Client, context
from benchmarks.measuring import Row, main
from benchmarks.proxy import SIZES, fresh, lane, percentile, provider, turns
from secretgate_rules import cache

SECRETGATE, LLM_REDACT = "secretgate==0.8.1", "llm-redact-proxy==1.12.1"
_COUNTS = {"2 kB": 60, "200 kB": 10, "2 MB": 3}
_PATIENCE = 120.0
"""Seconds allowed for one request of a peer; slower cases are abandoned."""


def environment(package: str) -> Path:
    """Install a package in its own environment; return the folder of its programs."""
    folder = cache.folder() / "benchmark-peers" / package.partition("==")[0]
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(binaries / "python"), "-m", "pip", "install", "--quiet", package]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        (folder / "done").touch()
    return binaries


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def running(command: list[str | Path], home: Path, port: int, roots: Path) -> Iterator[None]:
    """Run a peer with all its files below `home`; yield once it accepts connections."""
    log = (home / "output.log").open("wb")
    process = subprocess.Popen(
        command,
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "SSL_CERT_FILE": str(roots)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                raise RuntimeError((home / "output.log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)
        log.close()


Connect = Callable[[], Client]


@contextlib.contextmanager
def secretgate_081(home: Path, secure: int, plain: int, roots: Path) -> Iterator[Connect]:
    program = environment(SECRETGATE) / "secretgate"
    port, certificates = free_port(), home / "certs"
    command: list[str | Path] = [
        *(program, "serve", "--mode", "redact", "--port", str(free_port())),
        *("--forward-proxy-port", str(port), "--certs-dir", certificates, "--log-level", "error"),
    ]
    with running(command, home, port, roots):
        trusted = certificates / "ca.crt"
        yield lambda: Client(port, context(str(trusted)), "localhost", secure, False)


@contextlib.contextmanager
def llm_redact(home: Path, secure: int, plain: int, roots: Path) -> Iterator[Connect]:
    program = environment(LLM_REDACT) / "llm-redact"
    port = free_port()
    file = home / "config.toml"
    file.write_text(f'[providers.anthropic]\nupstream_base_url = "https://localhost:{secure}"\n')
    command: list[str | Path] = [program, "serve", "--config", file, "--port", str(port)]
    with running(command, home, port, roots):
        yield lambda: Client(None, None, "127.0.0.1", port, False)


@contextlib.contextmanager
def ours(home: Path, secure: int, plain: int, roots: Path) -> Iterator[Connect]:
    started = lane("secretgate", home, secure, roots)
    try:
        yield started.client
    finally:
        started.proxy.stop()


@contextlib.contextmanager
def direct(home: Path, secure: int, plain: int, roots: Path) -> Iterator[Connect]:
    yield lambda: Client(None, context(str(roots)), HOST, secure, False)


LANES = {
    "direct": direct,
    "this project": ours,
    SECRETGATE.replace("==", " ") + " (PyPI)": secretgate_081,
    LLM_REDACT.replace("==", " ") + " (base URL)": llm_redact,
}


def _times(connect: Connect, bodies: Iterator[bytes], count: int) -> list[float] | str:
    times = []
    try:
        with connect() as client:
            client.timeout(_PATIENCE)
            for number in range(count + 1):
                _, taken = client.post(next(bodies))
                if number:
                    times.append(taken)
    except (OSError, ssl.SSLError) as error:
        return f"failed: {str(error)[:80] or type(error).__name__}"
    return times


def _row(name: str, case: str, times: list[float] | str) -> Row:
    row: dict[str, object] = {"part": "peers", "peer": name, "case": case}
    if isinstance(times, str):
        return {**row, "result": times}
    return {
        **row,
        "p50 ms": statistics.median(times) * 1e3,
        "p99 ms": percentile(times, 0.99) * 1e3,
        "requests": len(times),
    }


def measure(quick: bool = False) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, provider(Path(folder)) as (secure, plain, roots):
        for number, (name, way) in enumerate(LANES.items()):
            home = Path(folder) / str(number)
            home.mkdir()
            with way(home, secure, plain, roots) as connect:
                for label, size in SIZES.items():
                    count = max(2, _COUNTS[label] // (4 if quick else 1))
                    rows.append(
                        _row(name, f"{label}, first seen", _times(connect, fresh(size), count))
                    )
                rows.append(
                    _row(name, "2 MB, next turn", _times(connect, turns(2_000_000, 20_000), 3))
                )
    return rows


if __name__ == "__main__":
    main(measure, __doc__ or "")
