"""Figures of the detector: recall, false positives, throughput, memory, start-up; peers beside it.

    scripts/bench detection [--corpora FOLDER] [--negatives FOLDER ...] [--harmless FOLDER ...] [--peers]

`--corpora` is a folder of `*.jsonl` (fields `text`, `label`, `span`, `quality`, `strength`,
`source`); `--negatives` are folders of files that hold no secrets (the interpreter's own library,
where none is named). `--peers` installs `detect-secrets`, `secretgate` 0.8.1 from PyPI and
`kingfisher-secret-scanner`, each into an environment of its own, and scans the same files.
`--harmless` are folders that are searched for lock files and images, on which nothing may be found; what is made up
goes with them. Prints Markdown, and with `--peers` and `--harmless` writes their tables into `docs/detection.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import sysconfig
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import detection_harmless, detection_peers
from secretgate_rules import Detector
from secretgate_rules.database import Database

SAMPLE = 20 << 20
PLAIN = {".py", ".js", ".ts", ".md", ".txt", ".rst", ".c", ".h", ".html", ".json", ".toml", ".cfg"}


def sample(folders: Iterable[Path], limit: int = SAMPLE) -> list[Path]:
    """Up to `limit` bytes of text files, the same ones every time."""
    files = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in PLAIN and path.is_file() and path.stat().st_size < 2 << 20
    )
    random.Random(1).shuffle(files)
    taken, total = [], 0
    for path in files:
        if total >= limit:
            break
        taken.append(path)
        total += path.stat().st_size
    return taken


def best(action: object, times: int = 3) -> float:
    """The shortest of several runs, in seconds of processor time: others may share the machine."""
    shortest = float("inf")
    for _ in range(times):
        begun = time.process_time()
        action()  # type: ignore[operator]
        shortest = min(shortest, time.process_time() - begun)
    return shortest


def recall(corpora: Path) -> None:
    """Recall on positives, findings on strong negatives."""
    from secretgate_rules import load_default

    detector = load_default()
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    strong = 0
    for file in sorted(corpora.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            text = row["text"].encode("utf-8", "surrogatepass")
            findings = detector.find(text)
            if row["label"] == "neg":
                strong += len(findings) if row.get("strength") == "strong" else 0
                continue
            start = len(row["text"][: row["span"][0]].encode("utf-8", "surrogatepass"))
            end = start + len(row["secret"].encode("utf-8", "surrogatepass"))
            covered = {
                place for f in findings for place in range(max(start, f.start), min(end, f.end))
            }
            counts = found[row["source"], row["quality"]]
            counts[0] += len(covered) >= 0.8 * (end - start)
            counts[1] += 1
    print("\n| corpus | values | found | of | recall |\n|---|---|---|---|---|")
    for (source, quality), (good, every) in sorted(found.items()):
        print(f"| {source} | {quality} | {good} | {every} | {good / every:.3f} |")
    print(f"\nFindings on strong negatives: {strong}")


def harmless(folders: list[Path], page: Path) -> None:
    """Findings on text that only looks random."""
    from secretgate_rules import load_default

    detector = load_default()
    rows = []
    for one in detection_harmless.sets(folders, page.parents[1]):
        found = [f.rule for some in detector.find_many(one.texts).values() for f in some]
        rows.append((one.name, len(one.texts), sum(map(len, one.texts)), len(found)))
        if found:
            print(f"\n{one.name}: {Counter(found).most_common(8)}")
    table = detection_harmless.table(rows)
    print(f"\n{table}")
    detection_peers.replace_between(page, "harmless", f"\n{table}")


def negatives(files: list[Path]) -> None:
    """Findings and speed on files without secrets."""
    from secretgate_rules import load_default

    detector = load_default()
    texts = [path.read_bytes() for path in files]
    size = sum(map(len, texts)) / 1e6
    rules = Counter(f.rule for text in texts for f in detector.find(text))
    each = best(lambda: [detector.find(text) for text in texts])
    joined = b"\n".join(texts)
    whole = best(lambda: detector.find(joined))
    many = best(lambda: detector.find_many(texts))
    stages = best(lambda: detector._reader([joined]))
    scan = min(databases(detector, joined) for _ in range(3))
    count = sum(rules.values())
    print(f"\n{len(files)} files, {size:.1f} MB: {count} findings, {count / size:.2f} a MB")
    print(f"most frequent: {dict(rules.most_common(8))}")
    print("\n| | MB/s |\n|---|---|")
    for name, seconds in (
        ("both databases", scan),
        ("both stages: the databases, and what chooses the windows of the second", stages),
        ("`Detector.find`, one text", whole),
        ("`Detector.find`, a text a file", each),
        ("`Detector.find_many`", many),
    ):
        print(f"| {name} | {size / seconds:.0f} |")


def databases(detector: Detector, text: bytes) -> float:
    """Return the seconds of processor time that both databases take for a text."""
    spent = 0.0
    scan = Database.scan

    def timed(database: Database, *asked: Any) -> list[tuple[int, int]]:
        nonlocal spent
        begun = time.process_time()
        found = scan(database, *asked)
        spent += time.process_time() - begun
        return found

    Database.scan = timed  # type: ignore[method-assign]
    try:
        detector._reader([text])
    finally:
        Database.scan = scan  # type: ignore[method-assign]
    return spent


def footprint() -> None:
    """Start-up and memory with a warm cache, each time in a process of its own; the best of five."""
    code = (
        "import time, pathlib\n"
        "held = lambda: int(pathlib.Path('/proc/self/statm').read_text().split()[1]) * 4 / 1024\n"
        "bare = held(); begun = time.perf_counter()\n"
        "import secretgate_rules\n"
        "imported = time.perf_counter()\n"
        "detector = secretgate_rules.load_default()\n"
        "loaded = time.perf_counter(); detector.find(b'x')\n"
        "print(imported - begun, loaded - imported, time.perf_counter() - loaded, held() - bare)"
    )
    runs = []
    for _ in range(6):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append([float(part) for part in done.stdout.split()])
    imported, loaded, first, memory = map(min, zip(*runs[1:], strict=True))
    print(
        f"\nStart-up after the first: {loaded * 1e3:.0f} ms for rules and databases, {first * 1e3:.1f} ms "
        f"for the first text, {imported * 1e3:.0f} ms to import the package and what it needs before that."
        f"\nResident memory, imports and databases: {memory:.0f} MB."
    )


def literals() -> None:
    """The cost of known values."""
    from secretgate_rules import Literals

    text = os.urandom(1 << 20).hex().encode()
    print("\n| known values | made, ms | first search of 2 MB, ms | next, ms |\n|---|---|---|---|")
    for count in (1, 10, 100, 1000, 5000):
        source = random.Random(count)
        values = {source.randbytes(20).hex().encode(): "x" for _ in range(count)}
        made = best(lambda values=values: Literals(values), 1)
        known = Literals(values)
        first = best(lambda known=known: known.find(text), 1)
        again = best(lambda known=known: known.find(text))
        print(f"| {count} | {made * 1e3:.2f} | {first * 1e3:.1f} | {again * 1e3:.1f} |")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--negatives", type=Path, nargs="*", default=[])
    parser.add_argument("--harmless", type=Path, nargs="*")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a quarter of the files")
    parser.add_argument("--json", action="store_true", help="the peers' rows alone, as JSON")
    options = parser.parse_args()
    folders = options.negatives or [Path(sysconfig.get_paths()["stdlib"])]
    files = sample(folders, SAMPLE // (4 if options.quick else 1))
    if options.json:
        print(json.dumps(detection_peers.compare(files, options.corpora, options.quick)))
        return
    print("# Detection")
    if options.corpora and options.corpora.is_dir():
        recall(options.corpora)
    else:
        print("\nNo corpora: name their folder with --corpora.")
    negatives(files)
    literals()
    footprint()
    page = Path(__file__).parents[2] / "docs" / "detection.md"
    if options.harmless is not None:
        harmless(options.harmless, page)
    if options.peers:
        rows = detection_peers.compare(files, options.corpora, options.quick)
        detection_peers.document(rows, page)
        print("\n" + "\n".join(json.dumps(row) for row in rows))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of this run: {peak:.0f} MB")


if __name__ == "__main__":
    main()
