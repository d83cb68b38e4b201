"""The steps of docs/contributing.md, executed as a newcomer would."""

from __future__ import annotations

import importlib.util
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.commands import PAGES
from harness.families import others
from harness.families.base import events, sse
from secretgate import hosts
from secretgate.bodies.base import Label
from secretgate.bodies.readers import read
from secretgate.hosts import Hosts, Treatment
from secretgate.inbound.responses import Readers, respond
from secretgate.placeholders import Issued, Namer, Template
from secretgate_ca.stores import anchors
from secretgate_rules.check import problems
from secretgate_rules.rulefile import load_file

ROOT = Path(__file__).parents[2]
SHOWN = {
    title: textwrap.dedent(code)
    for title, code in re.findall(
        r'```\w+ title="([^"]+)"\n(.*?)```',
        (ROOT / "docs/contributing.md").read_text("utf-8"),
        re.DOTALL,
    )
}


def test_an_entry_covers_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    table = yaml.safe_load((ROOT / "addon/secretgate/hosts/table.yaml").read_text("utf-8"))
    table["providers"].update(yaml.safe_load(SHOWN["addon/secretgate/hosts/table.yaml"]))
    monkeypatch.setattr(hosts, "_table", lambda: table)
    found = Hosts(hosts.builtin.__wrapped__())
    route = found.route(["api.example-ai.com"], "/v1/chat/completions")
    assert route is not None
    assert (route.provider, route.dialect.name) == ("example", "openai-chat")
    assert route.treatment is Treatment.CONTENT


def test_a_module_describes_a_format(tmp_path: Path) -> None:
    title = "addon/secretgate/providers/example.py"
    file = tmp_path / "example.py"
    file.write_text(SHOWN[title])
    spec = importlib.util.spec_from_file_location("example", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dialect = module.EXAMPLE

    body = read(
        b'{"model":"m","turns":[{"signature":"s","text":"t"}]}', "application/json", dialect
    )
    labels = {slot.label for slot in body.slots}
    assert labels == {Label.OPAQUE, Label.TEXT}

    namer = Namer(Template(), b"k" * 32)
    value = b"made-up value"
    name = namer.name("example", value)
    way = respond(
        {"content-type": "text/event-stream"},
        Readers(dialect, Issued(namer.template, {name: value}), lambda text: None),
        stream=True,
    )
    assert way is not None
    family: dict[str, Any] = dict(vars(others))
    exec(SHOWN["tests/harness/families/others.py"], family)
    head, tail = name[:9].decode(), name[9:].decode()
    written = sse(family["example_events"]([head, tail], ['{"a": "', head + tail + '"}']))
    read_back = family["example_read"](events(way.feed(written) + way.finish()))
    assert read_back == (value.decode(), '{"a": "' + value.decode() + '"}')


def test_a_new_module_is_found_by_being_there() -> None:
    package = ROOT / "addon/secretgate/providers"
    described = {
        name
        for file in package.glob("*.py")
        for name in re.findall(r'\n[A-Z]\w* = \w+\(\n    name="([^"]+)"', file.read_text("utf-8"))
    }
    from secretgate.providers import DIALECTS

    assert described <= set(DIALECTS)
    assert len(described) > 8


@pytest.mark.thorough
def test_a_rule_passes_its_own_examples(tmp_path: Path) -> None:
    file = tmp_path / "pack.yaml"
    file.write_text("rules:\n" + SHOWN["rules/secretgate_rules/packs/saas.yaml"])
    (rule,) = load_file(file)
    assert problems(rule) == []


def test_a_row_is_a_trust_store() -> None:
    title = "certs/secretgate_ca/stores/anchors.py"
    family = eval(SHOWN[title], {"Family": anchors.Family})
    assert isinstance(family, anchors.Family)
    assert family.anchors not in {each.anchors for each in anchors.FAMILIES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = re.findall(
        r"`((?:addon|rules|certs|tests|docs|scripts|examples)/[\w./-]+)`", page.read_text("utf-8")
    )
    examples = set(SHOWN) if page.name == "contributing.md" else set()
    assert [name for name in named if name not in examples and not (ROOT / name).exists()] == []


def test_the_modules_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    files = {str(file.relative_to(ROOT)) for file in ROOT.rglob("*.py") if "/." not in str(file)}
    for name in re.findall(r"`((?:\w+/)*\w+\.py)`", text):
        assert any(f"/{each}".endswith(f"/{name}") for each in files), name
