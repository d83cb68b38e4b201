"""`scripts/mutants`: generates mutants, tests a sample of them, and reports the survivors."""

from __future__ import annotations

import argparse

from mutation import defences, report
from mutation.areas import AREAS
from mutation.run import difference, generate, mutants, prepare, sample, test


def main() -> int:
    every = [module for modules in AREAS.values() for module in modules]
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(every))
    parser.add_argument("--sample", type=int, help="so many mutants of each area, not all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--defences", action="store_true", help="what tests/mutation/defences.toml lists, instead"
    )
    options = parser.parse_args()
    if options.defences:
        return defences.main()
    if unknown := sorted({*options.modules} - {*every}):
        parser.error(f"no such module: {', '.join(unknown)}; there are {', '.join(every)}")

    prepare(options.modules or every)
    test(sample(generate(), options.sample, options.seed), options.jobs)

    found = mutants()
    survivors = [each for each in found if each.exit_code is not None and not each.killed]
    changes = {each.name: difference(each.name) for each in survivors}
    reviewed = report.equivalent(survivors, changes)
    text = report.table(found, reviewed)
    size = f"`--sample {options.sample}`" if options.sample else "all mutants"
    text += f"\n\nBy `scripts/mutants`, {size}, `--seed {options.seed}`."
    if not options.modules:
        report.write(text)
    print(text)
    for mutant in survivors:
        if mutant.name not in reviewed:
            print(f"\n{mutant.name}\n{changes[mutant.name]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
