"""The PAC file: covered hosts use the proxy, everything else connects directly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

PAGE_HOST = "secretgate.internal"
MEDIA_TYPE = "application/x-ns-proxy-autoconfig"


def pac(names: Iterable[str], proxy: str) -> str:
    """Return a PAC file for `names` (hosts and globs) and `proxy` (HOST:PORT).

    There is no fallback for covered hosts: if the proxy is down, their connections fail.
    """
    exact = {PAGE_HOST: 1}
    suffixes, globs = [], []
    for name in sorted(names):
        if "*" not in name:
            exact[name] = 1
        elif re.fullmatch(r"\*\.[^*]+", name):
            suffixes.append(name[1:])
        else:
            globs.append(name)
    return f"""// Made by secretgate: covered hosts go through it, all others past it.
var exact = {json.dumps(exact, indent=1)};
var suffixes = {json.dumps(suffixes, indent=1)};
var globs = {json.dumps(globs, indent=1)};

function FindProxyForURL(url, host) {{
  host = host.toLowerCase().replace(/\\.$/, "");
  var covered = exact.hasOwnProperty(host), i;
  for (i = 0; !covered && i < suffixes.length; i++)
    covered = host.slice(-suffixes[i].length) === suffixes[i];
  for (i = 0; !covered && i < globs.length; i++)
    covered = shExpMatch(host, globs[i]);
  return covered ? {json.dumps(f"PROXY {proxy}")} : "DIRECT";
}}
"""
