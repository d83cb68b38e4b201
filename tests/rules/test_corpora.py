"""Recall and false positives on the development corpora, which are not in this repository.

They are in the folder named by `SECRETGATE_CORPORA`, otherwise next to the repository.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from secretgate_rules import Detector

pytestmark = pytest.mark.thorough

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "corpora"
CORPUS = Path(os.environ.get("SECRETGATE_CORPORA") or BESIDE) / "dev.jsonl"
LEAST = {
    "truefoundry-table": 0.98,
    "promptshield-table": 0.99,
    "gitleaks": 0.98,
    "betterleaks": 0.97,
}


@pytest.mark.skipif(not CORPUS.is_file(), reason="the development corpora are not here")
def test_recall_and_silence(detector: Detector) -> None:
    found: dict[str, list[bool]] = defaultdict(list)
    strong = 0
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = row["text"].encode("utf-8", "surrogatepass")
        findings = detector.find(text)
        if row["label"] == "neg":
            strong += len(findings) if row["strength"] == "strong" else 0
        elif row["quality"] == "random":
            start = len(row["text"][: row["span"][0]].encode("utf-8", "surrogatepass"))
            end = start + len(row["secret"].encode("utf-8", "surrogatepass"))
            covered = {
                place for f in findings for place in range(max(start, f.start), min(end, f.end))
            }
            found[row["source"]].append(len(covered) >= 0.8 * (end - start))
    assert strong <= 4
    recall = {source: sum(hits) / len(hits) for source, hits in found.items()}
    assert {source: value for source, value in recall.items() if value < LEAST[source]} == {}
