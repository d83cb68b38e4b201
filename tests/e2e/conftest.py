"""End-to-end tests: a real mitmdump, real TLS, real clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.command import Run, environment, secretgate
from harness.corporate import CorporateProxy
from harness.provider import Provider


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture
def corporate(provider: Provider) -> Iterator[CorporateProxy]:
    with CorporateProxy(provider.port) as made:
        yield made


@pytest.fixture
def env(tmp_path: Path, provider: Provider, corporate: CorporateProxy) -> dict[str, str]:
    return environment(tmp_path, HTTPS_PROXY=corporate.url, SSL_CERT_FILE=str(provider.trusted))


@pytest.fixture
def run(tmp_path: Path, env: dict[str, str]) -> Run:
    def start(*command: str, options: tuple[str, ...] = (), **changes: str):
        return secretgate(["run", *options, "--", *command], {**env, **changes}, tmp_path)

    return start
