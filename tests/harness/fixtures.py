"""The provider and proxies of end-to-end tests as a pytest plugin; each is started once, on first use."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from harness.model import echo
from harness.post import Poster
from harness.provider import Provider
from harness.proxy import RUNNING, Proxy
from harness.wires import Access

Launch = Callable[..., Proxy]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the recent output of running proxies to failure reports."""
    report = yield
    if report.failed:
        for proxy in RUNNING:
            if proxy.alive:
                words = proxy.output[-3000:].decode(errors="replace")
                report.sections.append((f"mitmdump on port {proxy.port}", words))
    return report


def _told(problem: BaseException) -> str:
    return "".join(traceback.format_exception(problem))


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    made = Provider(tmp_path_factory.mktemp("provider"))
    yield made
    made.close()
    assert not made.problems, "".join(map(_told, made.problems))


@pytest.fixture
def echoing(provider: Provider) -> Iterator[None]:
    """Have the model repeat what it was told."""
    with provider.manner(script=echo):
        yield


@pytest.fixture(scope="session")
def launch(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """Start a proxy with the given options; all proxies are stopped at the end of the session."""
    mine: list[Proxy] = []

    def start(**arguments: Any) -> Proxy:
        home = arguments.pop("home", None) or tmp_path_factory.mktemp("proxy")
        proxy = Proxy(provider, home, **arguments)
        mine.append(proxy)
        return proxy.start()

    yield start
    for proxy in mine:
        proxy.stop()


@pytest.fixture(scope="session")
def proxy(launch: Launch) -> Proxy:
    """A proxy in redact mode, for tests that neither stop nor reconfigure it."""
    return launch()


@pytest.fixture(scope="session")
def plain(launch: Launch) -> Proxy:
    """mitmdump without the addon, against which the harness itself is tested."""
    return launch(addon=None)


@pytest.fixture(scope="session")
def access(proxy: Proxy) -> Access:
    return Access.through(proxy)


@pytest.fixture(scope="session")
def poster(access: Access, provider: Provider) -> Poster:
    return Poster(access, provider)
