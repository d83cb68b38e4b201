"""Files that somebody else may have written, for example those of a repository.

They contain values that cannot be built, allowlists and globs that take forever; some are not
regular files or never end. Each is read or refused by name, quickly; none makes a request fail.
"""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from addon.kit import random_text
from harness import effort
from policy.kit import enforced, scope
from secretgate.policy.documents import read
from secretgate.policy.errors import PolicyError
from secretgate.policy.globs import Globs
from secretgate.settings import SettingsError
from secretgate.settings.sources import load
from secretgate_rules import Detector
from secretgate_rules.allow import Allowlist
from secretgate_rules.known import LARGEST, KnownValues, of_file
from secretgate_rules.model import RuleError
from secretgate_rules.users import load_user_file

POSIX = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
swiftly = functools.partial(effort.swiftly, seconds=3.0)


SCALARS = {
    "no date": "2024-13-45",
    "no date by its tag": "!!timestamp x",
    "no number": "!!int ''",
    "no fraction": "!!float x",
    "neither true nor false": "!!bool x",
    "digits without an end": "1" * 100_000,
    "minutes and seconds without an end": "1:" * 200_000 + "1",
    "a fraction of minutes": "1:" * 200_000 + "1.5",
}


@pytest.mark.parametrize("name", SCALARS)
def test_a_value_that_is_not_what_it_seems_is_text(name: str, tmp_path: Path) -> None:
    """In a file with known values, whose other values are still known."""
    value = random_text(name, 30)
    path = tmp_path / "values.yaml"
    path.write_text(
        f"odd: {SCALARS[name]}\nagain: &a {SCALARS[name]}\nalias: *a\napi_key: {value}\n"
    )

    swiftly(lambda: None if value.encode() in of_file(path) else pytest.fail("it is not known"))


@pytest.mark.thorough
@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("kind", ["settings", "rules", "policy"])
def test_a_value_that_is_not_what_it_seems_is_refused_by_name(
    kind: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(
        {"settings": "remember", "rules": "rules", "policy": "scope"}[kind] + f": {SCALARS[name]}\n"
    )
    work: dict[str, Callable[[], object]] = {
        "settings": lambda: load({}, path, explicit_file=True, environment={}),
        "rules": lambda: load_user_file(path, lambda _: None),
        "policy": lambda: read(path).convert(read(path).data, int),
    }

    def refused() -> None:
        with pytest.raises((SettingsError, RuleError, PolicyError)) as caught:
            work[kind]()
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 2000

    swiftly(refused)


def test_a_setting_of_the_environment_that_is_a_bomb_ends() -> None:
    laughs = "[&a [x,x,x,x,x,x,x,x,x]" + "".join(
        f",&{chr(98 + at)} [{','.join(['*' + chr(97 + at)] * 9)}]" for at in range(12)
    )

    def work() -> None:
        with pytest.raises(SettingsError, match="SECRETGATE_HOSTS"):
            load({}, None, environment={"SECRETGATE_HOSTS": laughs + "]"})

    swiftly(work)


@POSIX
def test_a_link_to_a_device_is_no_file_of_known_values(tmp_path: Path) -> None:
    """A repository may contain links; what they point to may have no end."""
    (tmp_path / ".env").symlink_to("/dev/zero")
    with pytest.raises(RuleError, match=r"\.env: not a regular file"):
        of_file(tmp_path / ".env")
    (tmp_path / "other.env").write_text(f"API_KEY={random_text(1, 30)}\n")
    known = KnownValues(under=tmp_path)
    assert [value for value, _ in known.literals.items()] == [random_text(1, 30).encode()]


@POSIX
def test_nobody_waits_for_a_pipe_of_known_values(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    said: list[str] = []

    def work() -> None:
        try:
            of_file(tmp_path / ".env")
        except RuleError as error:
            said.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert said == [f"{tmp_path / '.env'}: not a regular file"]


def test_a_file_that_grew_meanwhile_is_read_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "values.env"
    path.write_text("A=b\n" * LARGEST)
    real = os.fstat

    def small(descriptor: int) -> os.stat_result:
        facts = list(real(descriptor))
        facts[6] = 10
        return os.stat_result(facts)

    monkeypatch.setattr("secretgate_rules.known.os.fstat", small)
    with pytest.raises(RuleError, match="larger than"):
        of_file(path)


ENDLESS = [r"(a+)+$", r"(a|a)*b$", r"(?:a|aa|aaa)+$", r"a*a*a*a*a*a*a*a*b$", r".*a.*a.*a.*a.*b$"]


def _allowing(kind: str, pattern: str, value: str) -> str:
    head = f"id = 'own'\nregex = '''{value[:8]}[A-Za-z0-9!]+'''\n"
    regexes = f"regexes = ['''{pattern}''']\n"
    rule = {"id": "own", "pattern": f"{value[:8]}[A-Za-z0-9!]+"}
    return {
        "yaml": json.dumps({"rules": [rule], "allow": {"regexes": [pattern]}}),
        "gitleaks, for all": f"[[rules]]\n{head}[allowlist]\n{regexes}",
        "gitleaks, for one": f"[[rules]]\n{head}[[rules.allowlists]]\n{regexes}",
        "gitleaks, for matches": f"[[rules]]\n{head}[[rules.allowlists]]\nregexTarget = 'match'\n{regexes}",
    }[kind]


@pytest.mark.thorough
@pytest.mark.parametrize("pattern", ENDLESS)
@pytest.mark.parametrize(
    "kind", ["yaml", "gitleaks, for all", "gitleaks, for one", "gitleaks, for matches"]
)
def test_allowlists_end(kind: str, pattern: str, tmp_path: Path) -> None:
    value = f"{random_text(kind, 3000)}{'a' * 60}!"
    path = tmp_path / ("rules.yaml" if kind == "yaml" else "gitleaks.toml")
    path.write_text(_allowing(kind, pattern, value))
    loaded = load_user_file(path, lambda _: None)
    detector = Detector(loaded.rules, allow=loaded.allow.allows)

    swiftly(lambda: len(detector.find(value.encode())) or pytest.fail("it is not found"))


@pytest.mark.parametrize("kind", ["yaml", "gitleaks, for all", "gitleaks, for one"])
@pytest.mark.parametrize("pattern", ["(", "[z-a]"])
def test_an_allowlist_that_does_not_compile_is_refused_when_it_is_read(
    kind: str, pattern: str, tmp_path: Path
) -> None:
    path = tmp_path / ("rules.yaml" if kind == "yaml" else "gitleaks.toml")
    path.write_text(_allowing(kind, pattern, "x" * 20))
    with pytest.raises(RuleError, match=path.name):
        load_user_file(path, lambda _: None)


def test_an_allowlist_may_use_what_only_python_knows() -> None:
    allowed = Allowlist(regexes=[r"^(?!x)test-\w+\Z"])
    assert allowed.allows("rule", b"test-value")
    assert not allowed.allows("rule", b"test-value!")
    with pytest.raises(RuleError, match="exponential"):
        Allowlist(regexes=[r"(?!x)(a+)+$"])


@pytest.mark.parametrize("glob", ["*a" * 12 + "*b", "*?a*" * 12 + "b", "*" * 200 + "b"])
def test_globs_of_policies_end(glob: str) -> None:
    def work() -> None:
        assert not Globs(glob).match("a" * 5000)
        assert Globs(glob).match("xa" * 100 + "b")

    swiftly(work)


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("[", "]")])
def test_an_expression_nested_without_an_end_is_refused(opening: str, closing: str) -> None:
    when = json.dumps(f"{opening * 5000}true{closing * 5000}")
    with pytest.raises(PolicyError, match=r"test\.yaml"):
        scope(enforced(f"  - {{name: one, action: log, match: {{when: {when}}}}}"))
