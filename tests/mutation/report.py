"""The table in docs/assurance.md: the score of each area, and the survivors that were reviewed."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mutation.areas import AREAS, area
from mutation.run import ROOT, Mutant

PAGE = ROOT / "docs" / "assurance.md"
REVIEWED = Path(__file__).with_name("reviewed.toml")
_BEGIN, _END = "<!-- mutants: written by scripts/mutants -->", "<!-- /mutants -->"
_Z = 1.96


class Review(NamedTuple):
    """Why no test can distinguish a mutant, identified by module and change, from the original."""

    module: str
    change: str
    why: str


def reviews() -> list[Review]:
    entries = tomllib.loads(REVIEWED.read_text()).get("equivalent", [])
    return [Review(each["module"], each["change"].strip(), each["why"]) for each in entries]


def interval(killed: int, tested: int) -> tuple[float, float]:
    """Return the Wilson score interval at 95 %."""
    if not tested:
        return 0.0, 1.0
    share, more = killed / tested, _Z * _Z / tested
    centre = share + more / 2
    spread = _Z * math.sqrt((share * (1 - share) + more / 4) / tested)
    return (centre - spread) / (1 + more), (centre + spread) / (1 + more)


def equivalent(survivors: Iterable[Mutant], changes: Mapping[str, str]) -> dict[str, Review]:
    """Return the survivors that were reviewed as equivalent, by name."""
    known = {(each.module, each.change): each for each in reviews()}
    return {
        mutant.name: known[mutant.module, changes[mutant.name]]
        for mutant in survivors
        if (mutant.module, changes[mutant.name]) in known
    }


def table(mutants: Sequence[Mutant], reviewed: Mapping[str, Review]) -> str:
    """Return the Markdown table of all `mutants`; those with an exit code were tested."""
    lines = [
        "| area | mutants | tested | noticed | equivalent | unnoticed | score | 95 % interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in AREAS:
        here = [mutant for mutant in mutants if area(mutant.module) == name]
        lines.append(_row(name, here, reviewed))
    return "\n".join([*lines, "", *_modules()])


def _modules() -> Iterator[str]:
    """Yield the modules of each area as a list."""
    yield "The modules of each area:\n"
    for name, modules in AREAS.items():
        yield f"* {name}: " + ", ".join(f"`{module}`" for module in modules)


def _row(name: str, mutants: Sequence[Mutant], reviewed: Mapping[str, Review]) -> str:
    tested = [mutant for mutant in mutants if mutant.exit_code is not None]
    killed = sum(mutant.killed for mutant in tested)
    same = sum(mutant.name in reviewed for mutant in tested)
    real = len(tested) - same
    low, high = interval(killed, real)
    whole = len(tested) == len(mutants)
    cells = [
        name,
        str(len(mutants)),
        str(len(tested)),
        str(killed),
        str(same),
        str(real - killed),
        f"{killed / real:.0%}" if real else "",
        "all were tested" if whole else f"{low:.0%} to {high:.0%}",
    ]
    return "| " + " | ".join(cells) + " |"


def write(text: str) -> None:
    page = PAGE.read_text()
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: the marks {_BEGIN} and {_END} are gone; put them back")
    PAGE.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")
