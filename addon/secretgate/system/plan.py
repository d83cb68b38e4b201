"""The changes to make on this machine, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from secretgate.launch.environment import DEFAULTS, LOCAL, PROXY_VARIABLES
from secretgate.system.changes import Step
from secretgate_ca.runner import Runner


@dataclass(frozen=True)
class Account:
    """The account for which steps are planned; tests provide their own."""

    home: Path
    config: Path
    """The folder of our configuration."""
    platform: str
    uid: int
    port: int
    command: tuple[str, ...]
    """The command that runs the proxy."""
    trust: Mapping[str, str]
    """The CA variables."""
    upstream: str = field(default="", repr=False)
    """The upstream proxy that ours connects through."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Variables that the proxy itself needs."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pac(self) -> str:
        return f"{self.url}/proxy.pac"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for all programs."""
        proxies = dict.fromkeys(PROXY_VARIABLES, self.url)
        lower = {name.lower(): value for name, value in proxies.items()}
        past = ",".join(LOCAL)
        names = {"NO_PROXY": past, "no_proxy": past}
        if self.platform == "win32":
            lower, names = {}, {"NO_PROXY": past}
        return {**proxies, **lower, **names, **DEFAULTS, **self.trust}

    @property
    def service_variables(self) -> dict[str, str]:
        """The environment variables of the proxy's service."""
        return {**self.own, **({"HTTPS_PROXY": self.upstream} if self.upstream else {})}


def steps(account: Account, runner: Runner) -> Iterator[Step]:
    """Yield the steps in order. `runner` is used only to query the current state."""
    from secretgate.system import editors, linux, macos, shells, windows

    systems = {"darwin": macos.steps, "win32": windows.steps}
    yield from systems.get(account.platform, linux.steps)(account, runner)
    yield from shells.steps(account, runner)
    yield from editors.steps(account)
