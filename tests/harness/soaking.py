"""`scripts/soak`: the long soak, sample by sample; exits with 1 if anything was lost, leaked or grew."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from harness.filling import fill
from harness.provider import Provider
from harness.proxy import Proxy
from harness.soak import Soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument(
        "--pause", type=float, default=0, help="seconds between two rounds of a client"
    )
    parser.add_argument(
        "--fill",
        type=int,
        metavar="CONVERSATIONS",
        help="no proxy: what is held after so many conversations that were never seen before",
    )
    options = parser.parse_args()
    if options.fill:
        fill(options.fill, lambda seen, held: print(f"{seen:8d} {held:7.1f} MB", flush=True))
        return 0
    seconds = options.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        provider = Provider(Path(folder))
        home = Path(folder) / "proxy"
        home.mkdir()
        proxy = Proxy(provider, home).start()
        soak = Soak(proxy, provider, options.clients, options.pause)
        soak.run(seconds, max(1.0, seconds / 60), lambda sample: print(sample, flush=True))
        proxy.stop()
        provider.close()
    for problem in soak.problems():
        print(problem)
    return 1 if soak.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
