"""The provider and the proxies of end-to-end tests, as a plugin of pytest; each is started once, when a test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from harness.post import Poster
from harness.provider import Provider
from harness.proxy import RUNNING, Proxy
from harness.wires import Access

Launch = Callable[..., Proxy]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure comes with the last words of the proxies that run."""
    report = yield
    if report.failed:
        for proxy in RUNNING:
            if proxy.alive:
                words = proxy.output[-3000:].decode(errors="replace")
                report.sections.append((f"mitmdump on port {proxy.port}", words))
    return report


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    made = Provider(tmp_path_factory.mktemp("provider"))
    yield made
    made.close()
    assert not made.problems


@pytest.fixture(scope="session")
def launch(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """Starts a proxy with the given options; all of them end with the session."""
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
    """In redact mode; for all tests that neither stop it nor set it up otherwise."""
    return launch()


@pytest.fixture(scope="session")
def plain(launch: Launch) -> Proxy:
    """mitmdump without the addon: what the harness itself is tested against."""
    return launch(addon=None)


@pytest.fixture(scope="session")
def access(proxy: Proxy) -> Access:
    return Access.through(proxy)


@pytest.fixture(scope="session")
def poster(access: Access, provider: Provider) -> Poster:
    return Poster(access, provider)
