"""`scripts/fuzz`: runs the targets in turn for a number of minutes."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from fuzz.engine import Failure, fuzz, keep
from fuzz.targets import TARGETS

TURN = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="keep what reached new code")
    options = parser.parse_args()
    if unknown := sorted({*options.targets} - {*TARGETS}):
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    names = options.targets or list(TARGETS)
    turn = min(TURN, options.minutes * 60 / len(names))
    end = time.monotonic() + options.minutes * 60
    seed, failed = options.seed, 0
    while names and time.monotonic() < end:
        for name in list(names):
            kept = 0
            try:
                for data in fuzz(name, TARGETS[name], turn, seed):
                    kept += 1
                    if options.keep:
                        keep(name, data)
            except Failure as failure:
                failed += 1
                traceback.print_exception(failure)
                print(f"{name}: kept as {keep(name, failure.data, 'crash-')}")
                # It would fail at once again for this input.
                names.remove(name)
            print(f"{name}: seed {seed}, {kept} inputs reached new code", flush=True)
        seed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
