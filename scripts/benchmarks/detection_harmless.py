"""Text that looks random and holds no secret: lock files, images, identifiers. What is found there is wrong.

Lock files and images are those that lie under the folders named; of each lock format there is also a made-up
file, its hashes drawn at random and its packages named as packages that have to do with credentials are,
so that a set is never empty. Identifiers are made up too, and taken from this repository's history.
"""

from __future__ import annotations

import base64
import hashlib
import random
import subprocess
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LOCKS = (
    *(
        "package-lock.json",
        ".package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
    ),
    *("poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "Cargo.lock", "go.sum", "Gemfile.lock"),
    *(
        "composer.lock",
        "packages.lock.json",
        "mix.lock",
        "pubspec.lock",
        "Podfile.lock",
        "flake.lock",
        "RECORD",
    ),
)
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".svg", ".woff2")
MOST = 12 << 20
"""Bytes of one kind that are read."""
NAMES = (
    "jsonwebtoken oauth-token secret-storage keyring passport auth0 api-key-auth token-types password-hash session-store "
    "aws-sdk openai stripe twilio slack-sdk github-token vault lodash react requests serde left-pad AFNetworking numpy chalk "
    "rails tokio glob express webpack pandas gin logrus rake symfony monolog libc rand fmt SnapKit"
)
"""Names that have to do with credentials, among others."""


class Set(NamedTuple):
    """Texts of one kind."""

    name: str
    texts: list[bytes]


def sets(folders: Iterable[Path], history: Path) -> list[Set]:
    """Every set: what is found under the folders, what is made up, what git tells of a repository."""
    roots = list(folders)
    return [
        Set(
            "lock files and package records",
            [*_named(roots, LOCKS), *_requirements(roots), *_made_locks()],
        ),
        Set("images and fonts, as they are and as data URIs", list(_images(roots))),
        Set("UUIDs and other identifiers", [_identifiers()]),
        Set("commit ids, logs and diffs of a repository", list(_history(history))),
    ]


def table(found: Iterable[tuple[str, int, int, int]]) -> str:
    """Rows of name, texts, bytes, findings, as Markdown."""
    rows = "".join(
        f"| {name} | {count} | {size / 1e6:.1f} | {wrong} |\n" for name, count, size, wrong in found
    )
    return f"| set | texts | MB | findings |\n|---|---|---|---|\n{rows}"


def _named(roots: list[Path], names: tuple[str, ...]) -> Iterator[bytes]:
    seen: set[bytes] = set()
    left = MOST
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.name not in names or not path.is_file() or left < 0:
                continue
            data = path.read_bytes()
            digest = hashlib.sha256(data).digest()
            if digest not in seen:
                seen.add(digest)
                left -= len(data)
                yield data


def _requirements(roots: list[Path]) -> Iterator[bytes]:
    for root in roots:
        for path in sorted(root.rglob("requirements*.txt")):
            if b"--hash=" in (data := path.read_bytes()):
                yield data


def _hex(source: random.Random, size: int) -> str:
    return source.randbytes(size).hex()


def _b64(source: random.Random, size: int) -> str:
    return base64.b64encode(source.randbytes(size)).decode()


_LINES: dict[str, Callable[[random.Random, str], str]] = {
    "package-lock.json": lambda r, p: (
        f'    "node_modules/{p}": {{\n      "version": "1.2.3",\n      "resolved": "https://registry.npmjs.org/{p}/-/{p}-1.2.3.tgz",\n'
        f'      "integrity": "sha512-{_b64(r, 64)}"\n    }},\n'
    ),
    "yarn.lock": lambda r, p: (
        f'{p}@^1.2.3:\n  version "1.2.3"\n  resolved "https://registry.yarnpkg.com/{p}/-/{p}-1.2.3.tgz#{_hex(r, 20)}"\n  integrity sha1-{_b64(r, 20)}\n\n'
    ),
    "yarn.lock, berry": lambda r, p: (
        f'"{p}@npm:^1.2.3":\n  version: 1.2.3\n  resolution: "{p}@npm:1.2.3"\n  checksum: 10c0/{_hex(r, 64)}\n  languageName: node\n\n'
    ),
    "pnpm-lock.yaml": lambda r, p: (
        f"  {p}@1.2.3:\n    resolution: {{integrity: sha512-{_b64(r, 64)}}}\n    engines: {{node: '>=18'}}\n\n"
    ),
    "poetry.lock": lambda r, p: (
        f'[[package]]\nname = "{p}"\nversion = "1.2.3"\nfiles = [\n    {{file = "{p}-1.2.3.tar.gz", hash = "sha256:{_hex(r, 32)}"}},\n]\n\n'
    ),
    "uv.lock": lambda r, p: (
        f'[[package]]\nname = "{p}"\nsdist = {{ url = "https://files.pythonhosted.org/packages/{_hex(r, 1)}/{_hex(r, 1)}/{_hex(r, 30)}/{p}-1.2.3.tar.gz", '
        f'hash = "sha256:{_hex(r, 32)}", size = 12345 }}\n\n'
    ),
    "Pipfile.lock": lambda r, p: (
        f'        "{p}": {{\n            "hashes": [\n                "sha256:{_hex(r, 32)}"\n            ],\n            "version": "==1.2.3"\n        }},\n'
    ),
    "requirements.txt": lambda r, p: (
        f"{p}==1.2.3 \\\n    --hash=sha256:{_hex(r, 32)} \\\n    --hash=sha256:{_hex(r, 32)}\n"
    ),
    "Cargo.lock": lambda r, p: (
        f'[[package]]\nname = "{p}"\nversion = "1.2.3"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "{_hex(r, 32)}"\n\n'
    ),
    "go.sum": lambda r, p: (
        f"github.com/x/{p} v1.2.3 h1:{_b64(r, 32)}\ngithub.com/x/{p} v1.2.3/go.mod h1:{_b64(r, 32)}\n"
    ),
    "Gemfile.lock": lambda r, p: (
        f"    {p} (1.2.3) sha256={_hex(r, 32)}\n  revision: {_hex(r, 20)}\n"
    ),
    "composer.lock": lambda r, p: (
        f'            "name": "x/{p}",\n            "source": {{"type": "git", "url": "https://github.com/x/{p}.git", "reference": "{_hex(r, 20)}"}},\n'
        f'            "dist": {{"type": "zip", "reference": "{_hex(r, 20)}", "shasum": "{_hex(r, 20)}"}},\n'
    ),
    "packages.lock.json": lambda r, p: (
        f'      "{p}": {{\n        "type": "Direct",\n        "resolved": "1.2.3",\n        "contentHash": "{_b64(r, 64)}"\n      }},\n'
    ),
    "mix.lock": lambda r, p: (
        f'  "{p}": {{:hex, :{p.replace("-", "_")}, "1.2.3", "{_hex(r, 32)}", [:mix], [], "hexpm", "{_hex(r, 32)}"}},\n'
    ),
    "pubspec.lock": lambda r, p: (
        f'  {p}:\n    dependency: transitive\n    description:\n      name: {p}\n      sha256: "{_hex(r, 32)}"\n'
    ),
    "Podfile.lock": lambda r, p: f"  {p}: {_hex(r, 20)}\n",
    "flake.lock": lambda r, p: (
        f'    "{p}": {{"locked": {{"narHash": "sha256-{_b64(r, 32)}", "rev": "{_hex(r, 20)}", "type": "github"}}}},\n'
    ),
    "RECORD": lambda r, p: (
        f"{p.replace('-', '_')}/token.py,sha256={_b64(r, 32).replace('+', '-').replace('/', '_').rstrip('=')},1234\n"
    ),
}


def _made_locks() -> Iterator[bytes]:
    names = NAMES.split()
    for name, line in _LINES.items():
        source = random.Random(name)
        packages = [
            f"{source.choice(names)}{source.choice(('', '-core', '-utils'))}" for _ in range(600)
        ]
        yield "".join(line(source, package) for package in packages).encode()


def _images(roots: list[Path]) -> Iterator[bytes]:
    left = MOST
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.suffix not in IMAGES or not path.is_file() or left < 0:
                continue
            data = path.read_bytes()
            if len(data) > 1 << 20:
                continue
            left -= len(data)
            yield data
            if path.suffix != ".svg":
                kind = path.suffix[1:].replace("jpg", "jpeg")
                said = base64.b64encode(data).decode()
                yield f'<img alt="api key" src="data:image/{kind};base64,{said}">'.encode()


def _identifiers() -> bytes:
    source = random.Random(7)
    names = (
        "id",
        "request_id",
        "trace_id",
        "session id",
        "user",
        "order",
        "message",
        "etag",
        "parent",
        "X-Request-Id",
    )
    lines = []
    for _ in range(6000):
        made = uuid.UUID(bytes=source.randbytes(16), version=4)
        spelt = source.choice((str(made), str(made).upper(), f"{{{made}}}", f"urn:uuid:{made}"))
        name = source.choice(names)
        lines.append(
            source.choice(
                (f"{name}: {spelt}", f'"{name}": "{spelt}",', f"{spelt}", f"{name}={spelt}")
            )
        )
    return "\n".join(lines).encode()


def _history(repository: Path) -> Iterator[bytes]:
    for command in (
        ("log", "--format=fuller", "--stat", "-n", "1000"),
        ("log", "--oneline", "--no-abbrev-commit", "-n", "3000"),
        (
            "log",
            "--raw",
            "--no-abbrev",
            "-n",
            "400",
            "--format=commit %H%nparent %P%ntree %T%nMerge of token and password %h",
        ),
        ("ls-tree", "-r", "HEAD"),
        ("rev-list", "--objects", "--all", "-n", "3000"),
    ):
        told = subprocess.run(
            ["git", "-C", str(repository), *command], capture_output=True, check=False
        )
        if told.stdout:
            yield told.stdout
