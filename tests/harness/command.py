"""Runs `secretgate` as a person would: a real process, a temporary home, a corporate proxy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secretgate_rules import cache

CLI = [sys.executable, "-c", "from secretgate.cli import main; main()"]
_KEPT = ("PATH", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH")
ASK = """
import json, os, ssl, sys, urllib.request
body = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": sys.argv[2]}]})
request = urllib.request.Request(sys.argv[1], body.encode(), {"content-type": "application/json"})
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""
"""A program that asks the URL of its first argument what its second one says."""
MESSAGES = "https://api.anthropic.com/v1/messages"
Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""The fixture `run`: runs a command behind `secretgate run`."""


def environment(home: Path, **more: str) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "HOME": str(home),
        "SECRETGATE_HOME": str(home / "secretgate"),
        "SECRETGATE_CACHE_DIR": str(cache.folder()),
        **more,
    }


def secretgate(
    arguments: Sequence[str], env: Mapping[str, str], cwd: Path, **options: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *arguments],
        env=dict(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=options.pop("timeout", 60),
        check=False,
        **options,
    )
