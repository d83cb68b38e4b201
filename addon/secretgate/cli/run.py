"""`secretgate run`: one command behind a proxy of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence

from secretgate.cli import addon_path
from secretgate.launch.command import run as launch
from secretgate.launch.command import say_on_stderr
from secretgate.launch.plan import Wishes


def run(
    command: Sequence[str],
    mode: str = "",
    config: str = "",
    hosts: Sequence[str] = (),
    verbose: bool = False,
    isolate: bool = False,
) -> int:
    wishes = Wishes(mode, config, tuple(hosts), verbose, isolate)
    return launch(command, wishes, addon_path(), say_on_stderr, os.environ)
