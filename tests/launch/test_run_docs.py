"""docs/run.md agrees with the program."""

from __future__ import annotations

import re
from pathlib import Path

from secretgate.base_urls import BUILTIN
from secretgate.launch import daemons
from secretgate.launch.command import KEPT_LOGS
from secretgate.launch.environment import DEFAULTS, PROXY_VARIABLES
from secretgate.web.site import OPEN, PATHS
from secretgate_ca import VARIABLES

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "run.md").read_text("utf-8")


def test_every_base_url_is_there() -> None:
    for base in BUILTIN:
        row = next(line for line in TEXT.splitlines() if f"`{base.variable}`" in line)
        assert f"/{base.name}{'/RESOURCE' if base.per_resource else ''}`" in row


def test_every_variable_is_there() -> None:
    for name in (*PROXY_VARIABLES, *DEFAULTS, *daemons.VARIABLES):
        assert f"`{name}`" in TEXT
    for program, option in daemons.OPTIONS.items():
        assert f"`{program}`" in TEXT
        assert f"`{option}`" in TEXT
    assert f"and [{len(VARIABLES) - 2} more]" in TEXT
    assert f"the last {KEPT_LOGS} are kept" in TEXT


def test_every_path_of_the_page_is_there() -> None:
    for path in set(PATHS) - {"/", "/style.css"}:
        assert f"`{path}`" in TEXT
    (row,) = [line for line in TEXT.splitlines() if "also at the proxy's own address" in line]
    assert sorted(re.findall(r"`(/[a-z.]+)`", row)) == sorted(OPEN)


def test_links_lead_somewhere() -> None:
    for file, anchor in re.findall(r"\]\(([a-z]+\.md)?(?:#([a-z-]+))?\)", TEXT):
        text = (DOCS / file).read_text("utf-8") if file else TEXT
        heads = [head.lower().replace(" ", "-") for head in re.findall(r"(?m)^#+ (.+)$", text)]
        assert not anchor or anchor in heads, (file, anchor)
