"""Figures of the detector: recall, false positives, throughput, memory, start-up; peers beside it.

    python scripts/bench_detection.py [--corpora FOLDER] [--negatives FOLDER ...] [--peers]

`--corpora` is a folder of `*.jsonl` (fields `text`, `label`, `span`, `quality`, `strength`,
`source`); `--negatives` are folders of files that hold no secrets (the interpreter's own library,
where none is named). `--peers` installs `detect-secrets`, `secretgate` 0.8.1 from PyPI and
`kingfisher-secret-scanner`, each into an environment of its own, and scans the same files.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

SAMPLE = 20 << 20
PATIENCE = 600
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
    scan = best(lambda: detector._reader([joined]))
    count = sum(rules.values())
    print(f"\n{len(files)} files, {size:.1f} MB: {count} findings, {count / size:.2f} a MB")
    print(f"most frequent: {dict(rules.most_common(8))}")
    print("\n| | MB/s |\n|---|---|")
    for name, seconds in (
        ("database scan", scan),
        ("`Detector.find`, one text", whole),
        ("`Detector.find`, a text a file", each),
        ("`Detector.find_many`", many),
    ):
        print(f"| {name} | {size / seconds:.0f} |")


def footprint() -> None:
    """Start-up and memory, each in a process of its own."""
    code = (
        "import time; from pathlib import Path\n"
        "import secretgate_rules\n"
        "held = lambda: int(Path('/proc/self/statm').read_text().split()[1]) * 4 / 1024\n"
        "a = held(); t = time.perf_counter()\n"
        "d = secretgate_rules.load_default(); d.find(b'x')\n"
        "print(time.perf_counter() - t, held() - a)"
    )
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
    seconds, memory = map(float, done.stdout.split())
    print(
        f"\nStart-up after the first: {seconds * 1e3:.0f} ms; memory of the engine: {memory:.0f} MB"
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


class Scanner(NamedTuple):
    """A scanner beside this one: how it is installed, called, and how a finding shows in its output."""

    packages: tuple[str, ...]
    command: tuple[str, ...]
    finding: str
    batch: int = 0
    """Files named in one call; 0: the folder is."""


PEERS = {
    "detect-secrets": Scanner(
        ("detect-secrets",),
        ("detect-secrets", "scan", "--all-files", "--no-verify"),
        r'"filename": "[^"]*?([pn]\d{5})\.',
    ),
    "secretgate 0.8.1 (PyPI)": Scanner(
        ("secretgate==0.8.1",), ("secretgate", "scan"), r"([pn]\d{5})\.[a-z]+:\d+", 200
    ),
    "kingfisher": Scanner(
        ("kingfisher-bin",),
        ("kingfisher", "scan", "--no-validate", "--format", "json"),
        r'"path":\s*"[^"]*?([pn]\d{5})\.',
    ),
}
OURS = Scanner(
    (),
    (sys.executable, "-c", "from secretgate.cli import main; main()", "scan", "--format", "json"),
    r'"file": "[^"]*?([pn]\d{5})\.',
)


def peers(files: list[Path], corpora: Path | None, limit: int) -> list[dict[str, Any]]:
    """The peers on the same files, each in an environment of its own.

    Recall is told by file: a positive counts where the scanner reports anything in its file.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        positives, negatives = place / "positives", place / "negatives"
        count = _spread(positives, corpora) if corpora else 0
        size = _copy(negatives, files, limit)
        rows: list[dict[str, Any]] = []
        for name, scanner in {"this": OURS, **PEERS}.items():
            command = list(scanner.command)
            if scanner.packages:
                home = place / name.split()[0]
                venv.create(home, with_pip=True)
                install = [str(home / "bin/pip"), "install", "-q", *scanner.packages]
                if subprocess.run(install, capture_output=True, check=False).returncode:
                    rows.append({"scanner": name, "error": "could not be installed"})
                    continue
                command[0] = str(home / "bin" / command[0])
            try:
                found, _ = _run(command, scanner, positives) if count else ([], 0.0)
                wrong, seconds = _run(command, scanner, negatives)
            except subprocess.TimeoutExpired:
                rows.append({"scanner": name, "error": f"not done after {PATIENCE} s"})
                continue
            rows.append(
                {
                    "scanner": name,
                    "recall": round(len({*found}) / count, 3) if count else None,
                    "findings_per_mb": round(len(wrong) / size, 2),
                    "mb_per_s": round(size / seconds, 2),
                }
            )
    return rows


def _spread(folder: Path, corpora: Path) -> int:
    folder.mkdir()
    count = 0
    for file in sorted(corpora.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["label"] == "pos" and row["quality"] == "random":
                text = row["text"].encode("utf-8", "surrogatepass")
                (folder / f"p{count:05}.txt").write_bytes(text)
                count += 1
    return count


def _copy(folder: Path, files: list[Path], limit: int) -> float:
    folder.mkdir()
    size = 0
    for index, path in enumerate(files):
        data = path.read_bytes()
        (folder / f"n{index:05}{path.suffix}").write_bytes(data)
        size += len(data)
        if size > limit:
            break
    return size / 1e6


def _run(command: list[str], scanner: Scanner, folder: Path) -> tuple[list[str], float]:
    names = sorted(path.name for path in folder.iterdir())
    calls = (
        [names[at : at + scanner.batch] for at in range(0, len(names), scanner.batch)]
        if scanner.batch
        else [["."]]
    )
    found: list[str] = []
    begun = time.perf_counter()
    for call in calls:
        done = subprocess.run(
            [*command, *call], cwd=folder, capture_output=True, check=False, timeout=PATIENCE
        )
        found += re.findall(scanner.finding, done.stdout.decode("utf-8", "replace"))
    return found, time.perf_counter() - begun


_MARKS = ("<!-- peers: written by scripts/bench_detection.py --peers -->", "<!-- end of peers -->")


def document(rows: list[dict[str, Any]], page: Path) -> None:
    """Write the peers' table into the documentation, between its marks."""
    table = "\n### Beside other scanners\n\n| scanner | recall, by file | findings a MB of source | MB/s, start-up included |\n"
    table += "|---|---|---|---|\n"
    for row in rows:
        told = [
            row.get("error") or row.get("recall"),
            row.get("findings_per_mb"),
            row.get("mb_per_s"),
        ]
        table += f"| {row['scanner']} | {' | '.join('' if x is None else str(x) for x in told)} |\n"
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(_MARKS[0])
    _, _, tail = rest.partition(_MARKS[1])
    page.write_text(f"{head}{_MARKS[0]}\n{table}\n{_MARKS[1]}{tail}", encoding="utf-8")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--negatives", type=Path, nargs="*", default=[])
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a quarter of the files")
    parser.add_argument("--json", action="store_true", help="the peers' rows alone, as JSON")
    options = parser.parse_args()
    folders = options.negatives or [Path(sysconfig.get_paths()["stdlib"])]
    files = sample(folders, SAMPLE // (4 if options.quick else 1))
    if options.json:
        print(json.dumps(peers(files, options.corpora, (1 if options.quick else 4) << 20)))
        return
    print("# Detection")
    if options.corpora and options.corpora.is_dir():
        recall(options.corpora)
    else:
        print("\nNo corpora: name their folder with --corpora.")
    negatives(files)
    literals()
    footprint()
    if options.peers:
        rows = peers(files, options.corpora, (1 if options.quick else 4) << 20)
        document(rows, Path(__file__).parents[1] / "docs" / "detection.md")
        print("\n" + "\n".join(json.dumps(row) for row in rows))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of this run: {peak:.0f} MB")


if __name__ == "__main__":
    main()
