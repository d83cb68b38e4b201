"""A hook of mkdocs: the README is the site's first page, so that there is one text and not two."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    text = (ROOT / "README.md").read_text("utf-8").replace("](docs/", "](")
    pages = {"index.md": text, "changelog.md": (ROOT / "CHANGELOG.md").read_text("utf-8")}
    if (ROOT / "SECURITY.md").exists():
        pages["security.md"] = (ROOT / "SECURITY.md").read_text("utf-8").replace("](docs/", "](")
    pages["index.md"] = f"---\nhide: [toc]\n---\n{pages['index.md']}".replace(
        "](CHANGELOG.md)", "](changelog.md)"
    ).replace("](SECURITY.md)", "](security.md)")
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files
