"""Reads git data for a scan: a diff on standard input, and what is staged.

Removed lines and context of a diff are not scanned, because the committer can do nothing about
them. Everything else is, including the message above a patch.
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
from collections.abc import Iterator

from secretgate.cli.scan_files import AddedLine, Source, binary, from_bytes

_DIFF = re.compile(rb"(?m)^--- .*\n\+\+\+ .*\n@@ -")
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_HEAD = (b"diff --git ", b"index ", b"--- ")


def read_stdin(data: bytes) -> Source:
    """Return the source for standard input; of a diff, only what it adds is scanned."""
    return diff(data) if _DIFF.search(data) else from_bytes("-", data)


def staged() -> Iterator[Source]:
    """Yield what is staged; files that git treats as binary (such as UTF-16 text) are read whole."""
    form = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
    _git("rev-parse", "--git-dir")  # fails with a one-line message if there is no repository
    yield diff(_git("diff", "--cached", "-U3", *form))
    for row in _git("diff", "--cached", "--numstat", "--no-renames", "--diff-filter=d", "-z").split(
        b"\0"
    ):
        if row.startswith(b"-\t-\t"):
            name = os.fsdecode(row[4:])
            source = from_bytes(name, _git("cat-file", "blob", f":{name}"))
            if not binary(source.text):
                yield source


def _git(*arguments: str) -> bytes:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise ValueError(f"git {' '.join(arguments[:2])}: {reason}")
    return done.stdout


def diff(data: bytes) -> Source:
    """Parse a unified diff."""
    source = Source("-", data)
    name, number, offset = "-", 0, 0
    old = new = 0
    for index, raw in enumerate(data.split(b"\n"), 1):
        start, offset = offset, offset + len(raw) + 1
        hunk = None if old > 0 or new > 0 else _HUNK.match(raw)
        if old > 0 or new > 0:
            sign = raw[:1]
            if sign == b"+":
                source.added.append(AddedLine(start, start + 1, offset, name, number))
            old -= sign not in (b"+", b"\\")
            new -= sign not in (b"-", b"\\")
            number += sign not in (b"-", b"\\")
        elif hunk:
            old, new = (int(count) if count is not None else 1 for count in (hunk[1], hunk[3]))
            number = int(hunk[2])
        elif raw.startswith(b"+++ "):
            name = _name(raw[4:])
        elif not raw.startswith(_HEAD):
            source.added.append(AddedLine(start, start, offset, "-", index))
    return source


def _name(raw: bytes) -> str:
    quoted = raw.rstrip(b"\t\r\n")
    if quoted.startswith(b'"') and quoted.endswith(b'"'):
        quoted = codecs.escape_decode(quoted[1:-1])[0]
    else:
        quoted = quoted.split(b"\t")[0]
    return quoted.decode("utf-8", "replace").removeprefix("b/")
