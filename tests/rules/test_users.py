"""Users' rule files: three formats, and errors with file, line and reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rules.conftest import github_token, made_up
from secretgate_rules import RuleError, load_default
from secretgate_rules.allow import Allowlist
from secretgate_rules.users import load_user_file

pytestmark = pytest.mark.usefixtures("few_packs")

ACME = "acme-" + made_up(20, 70, "0123456789abcdef").decode()

OURS = r"""
rules:
  - id: acme-key
    description: ACME key
    pattern: '\b(acme-[0-9a-f]{20})\b'
allow:
  rules: [github-*]
"""
SIGNATURES = r"""
- ACME:
    - Key: "acme-[0-9a-f]{20}"
    - Other Key: "acmo-[0-9a-f]{20}"
- Else:
    - Token: "els_[a-z]{12}"
"""
GITLEAKS = r"""
title = "mine"
[extend]
useDefault = true
disabledRules = ["github-pat"]
[[rules]]
id = "acme-key"
description = "ACME"
regex = '''(?i)\b(acme-(?P<body>[[:alnum:]]{20}))(?:[\x60'"\s;]|\\[nr]|$)'''
secretGroup = 1
entropy = 2
keywords = ["acme-"]
[[rules.allowlists]]
regexes = ['''0000$''']
stopwords = ["letmein"]
[[rules]]
id = "paths-only"
path = '''\.p12$'''
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("mine.yaml", OURS, "acme-key"),
        ("signatures.yaml", SIGNATURES, "acme-key"),
        ("gitleaks.toml", GITLEAKS, "acme-key"),
    ],
)
def test_each_form_is_read(tmp_path: Path, name: str, text: str, rule: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    told: list[str] = []
    detector = load_default(rule_files=[path], notice=told.append)
    assert [(f.rule, f.value) for f in detector.find(f"x = {ACME}\n".encode())] == [
        (rule, ACME.encode())
    ]
    assert bool(told) == (name == "gitleaks.toml")
    if name != "signatures.yaml":
        assert detector.find(b"x " + github_token()) == []
    assert detector.digest != load_default().digest


AIMED = """
[[allowlists]]
targetRules = ["acme-key", "of-nobody"]
regexes = ['^acme-']
[[allowlists]]
condition = "AND"
paths = ['docs/']
regexes = ['beta']
[[rules]]
id = "acme-key"
regex = '(acme-[a-z]{8})'
[[rules]]
id = "beta-key"
regex = '(acme-[a-z]{8}|beta-[a-z]{8})'
"""


def test_an_allowlist_of_gitleaks_holds_for_its_own_rules_and_paths_alone(tmp_path: Path) -> None:
    path = tmp_path / "gitleaks.toml"
    path.write_text(AIMED)
    told: list[str] = []
    found = load_user_file(path, told.append)
    (acme, beta), allow = found.rules, found.allow
    assert acme.allow == ("^acme-",)
    assert beta.allow == ()
    assert not allow.allows("beta-key", b"beta-abcdefgh")
    assert any("of-nobody" in line for line in told)
    assert any("must hold together" in line for line in told)


BASE = r"""
[extend]
useDefault = true
[[rules]]
id = "acme-key"
regex = '(acme-[0-9a-f]{20})'
keywords = ["acme"]
[[rules.allowlists]]
regexes = ['0000$']
[[rules]]
id = "dropped"
regex = '(drop-[0-9a-f]{20})'
[[allowlists]]
regexes = ['1111$']
"""
EXTENDING = r"""
[extend]
path = "base.toml"
disabledRules = ["dropped"]
[[rules]]
id = "acme-key"
description = "ours"
[[rules.allowlists]]
regexes = ['2222$']
[[rules]]
id = "github-pat"
[[rules.allowlists]]
stopwords = ["letmein"]
[[allowlists]]
targetRules = ["npm-access-token", "of-nobody"]
regexes = ['3333$']
"""


@pytest.fixture
def extending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that extends another one, given relative to the working directory."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "conf" / "own.toml").write_text(EXTENDING)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "conf" / "own.toml"


@pytest.mark.thorough
def test_a_gitleaks_toml_extends_another(extending: Path) -> None:
    told: list[str] = []
    detector = load_default(rule_files=[extending], notice=told.append)

    def found(text: str) -> list[tuple[str, str]]:
        return [(f.rule, f.description) for f in detector.find(text.encode())]

    assert found(f"x = {ACME}") == [("acme-key", "ours")]
    for ending in ("0000", "1111", "2222"):
        assert found(f"x = {ACME[:-4]}{ending}") == []
    assert found(f"x = {ACME.replace('acme', 'drop')}") == []
    token = github_token().decode()
    assert [rule for rule, _ in found(f"x = {token}")] == ["github-pat"]
    assert found(f"x = {token[:-7]}letmein") == []
    npm = "npm_" + made_up(36, 75).decode()
    assert [rule for rule, _ in found(f"x = {npm}")] == ["npm-access-token"]
    assert found(f"x = {npm[:-4]}3333") == []
    assert [line for line in told if "of-nobody" in line]
    assert len(told) == 1


@pytest.mark.thorough
def test_an_exception_for_the_tokens_of_known_issuers_is_one_for_these_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.toml").write_text(
        "[extend]\nuseDefault = true\n[[rules]]\nid = 'issuer-prefixed-token'\n"
        "[[rules.allowlists]]\nregexes = ['7777$']\n"
    )
    detector = load_default(rule_files=[tmp_path / "own.toml"])

    def found(value: bytes) -> list[str]:
        return [finding.rule for finding in detector.find(b"x = " + value)]

    short = github_token()[:-9]
    assert found(short + b"7") == ["issuer-prefixed-token"]
    assert found(short + b"7777") == []
    assert found(github_token()[:-4] + b"7777") == ["github-pat"]


@pytest.mark.thorough
def test_gitleaks_files_are_extended_two_in_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(5):
        text = f"[[rules]]\nid = 'r{number}'\nregex = '(acm{number}-[a-z]{{9}})'\n"
        (tmp_path / f"{number}.toml").write_text(f"[extend]\npath = '{number + 1}.toml'\n{text}")
    told: list[str] = []
    loaded = load_user_file(tmp_path / "0.toml", told.append)
    assert {rule.id for rule in loaded.rules} == {"r0", "r1", "r2"}
    (notice,) = told
    assert notice.startswith("2.toml: extend.path is not followed")


def test_a_rule_allowlist_of_gitleaks(tmp_path: Path) -> None:
    path = tmp_path / "gitleaks.toml"
    path.write_text(GITLEAKS)
    detector = load_default(rule_files=[path], notice=lambda _: None)
    assert detector.find(f"x {ACME[:-4]}0000 ".encode()) == []


@pytest.mark.thorough
def test_a_rule_of_gitleaks_that_could_take_too_long_is_left_out(tmp_path: Path) -> None:
    rules = tmp_path / "gitleaks.toml"
    rules.write_text(
        "[[rules]]\nid = \"slow\"\nregex = '''curl(?:.*?(?:[\\r\\n]{1,2}.*?){1,5}) -u (\\w+)'''\n"
        "[[rules]]\nid = \"ends-open\"\nregex = '''\\bacme-((?i)[a-z0-9]{20}[a-z0-9]*)'''\n"
    )
    notices: list[str] = []
    detector = load_default(rule_files=[rules], notice=notices.append)
    assert [finding.rule for finding in detector.find(ACME.encode())] == ["ends-open"]
    (notice,) = notices
    assert notice.startswith(f"{rules}:2: slow: ")
    assert "the rule is not used" in notice


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "a.yaml",
            "rules:\n  - id: a\n    pattern: '(a'\n",
            "a.yaml:2: a: pattern does not compile",
        ),
        ("a.yaml", "rules:\n  - id: a\n    pattern: 'a(b+)+c'\n", "a repeat inside a repeat"),
        ("a.yaml", "rules:\n  - id: a\n    patern: 'abc'\n", "unknown field `patern`"),
        ("a.yaml", "rules:\n  - id: a\n    pattern: 'abc'\n    secret: 3\n", "no group 3"),
        ("a.yaml", "rules:\n  - id: a\n    pattern: 'a*'\n", "matches the empty string"),
        ("a.yaml", "rules: [\n", "a.yaml:"),
        ("a.yaml", "rules:\n\t- id: a\n", "a.yaml:2: a tab, which YAML"),
        ("a.yaml", "\trules: []\n", "a.yaml:1: a tab, which YAML does not take for indentation"),
        ("a.yaml", "rules:\n  - id: a\n    pattern: %a\n", "a.yaml:3: a value that begins with %"),
        (
            "a.yaml",
            "rules:\n  - id: a\n    pattern: a1\n    pattern: b1\n",
            "a.yaml:4: 'pattern' is",
        ),
        ("a.yaml", "hello", "neither rules"),
        ("a.yaml", "- ACME:\n    - Key: 7\n", "a.yaml:2: ACME: Key: expected a regex"),
        ("a.toml", "[[rules]\n", "not valid TOML"),
        ("a.toml", "[[rules]]\nid = 'q'\nregex = '(a'\n", "a.toml:2: q: pattern does not compile"),
        ("a.toml", "[[rules]]\nid='q'\nregex='ab'\n[[rules]]\nid='q'\nregex='cd'\n", "two rules"),
        ("a.toml", "[extend]\npath = 'not-there.toml'\n", "extend.path: not-there.toml: cannot"),
        ("a.toml", "[extend]\npath = 'a'\nuseDefault = true\n", "exclude each other"),
        (
            "a.toml",
            "[[rules]]\nid='q'\nregex='ab'\nkeywords='ab'\n",
            "a.toml:2: q: keywords: expected a",
        ),
        ("a.toml", "[[rules]]\nid='q'\nregex=7\n", "a.toml:2: q: regex: expected a string"),
        ("a.toml", "[[rules]]\nid='q'\nregex='ab'\nentropy='3'\n", "q: entropy: expected a number"),
        ("a.toml", "[[rules]]\nid='q'\nregex='ab'\nsecretGroup=-1\n", "number of a group"),
        ("a.toml", "[[rules]]\nregex='ab'\n", "None is not the id of a rule"),
        ("a.toml", "[rules]\nid='q'\n", "rules: expected tables, written [[rules]]"),
        ("a.toml", "[allowlist]\nstopwords='abc'\n", "allowlist: stopwords: expected a list"),
        ("a.toml", "[[allowlists]]\nregexes=[3]\n", "allowlists: regexes: expected a list"),
        ("a.toml", "[allowlist]\ncondition='XOR'\n", "condition: expected one of AND, OR"),
        ("a.toml", "[extend]\ndisabledRules='a'\n", "extend: disabledRules: expected a list"),
        ("a.yaml", "allow:\n  hashes: [abc]\n", "not a SHA-256"),
        ("a.yaml", "allow:\n  rules: []\n  regexs: [a]\n", "a.yaml:3: allow: unknown key `regexs`"),
        ("a.yaml", "allow:\n  rules: []\n  paths: a\n", "a.yaml:3: allow: paths: expected a list"),
        ("a.yaml", "rules: []\nallowlist: {}\n", "a.yaml:2: unknown key `allowlist`; known: rules"),
        ("a.yaml", "allow: {}\nrulse: []\n", "a.yaml:2: unknown key `rulse`"),
        ("a.yaml", "rules:\n  - id: a\n    pattern: 'a1'\n    secret: -5\n", "0 or more"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(RuleError) as caught:
        load_default(rule_files=[path])
    assert told in str(caught.value)


@pytest.mark.thorough
def test_allowlist() -> None:
    token = github_token(71)
    text = b"x " + token
    digest = hashlib.sha256(token).hexdigest()
    for allow in (
        Allowlist(rules=["github-pat"]),
        Allowlist(regexes=["^ghp_"]),
        Allowlist(hashes=[digest]),
        Allowlist(stopwords=[token[8:20].decode()]),
    ):
        assert load_default(allow=allow).find(text) == []
    assert load_default(allow=Allowlist(regexes=["^gho_"])).find(text)
    assert Allowlist(paths=["*.lock"]).allows_path("a/b.lock")


@pytest.mark.thorough
def test_rules_can_be_switched_off_and_on() -> None:
    text = b"x " + github_token()
    told: list[str] = []
    assert load_default(disable=["github-pat"], enable=(), notice=told.append).find(text) == []
    assert load_default().find(text)
    assert told == []


def test_an_id_that_no_rule_has_is_told() -> None:
    told: list[str] = []
    load_default(disable=["github-pt", "gitlab-pat"], enable=["of-nobody"], notice=told.append)
    assert told == [
        "of-nobody cannot be switched on: no rule has that id",
        "github-pt cannot be switched off: no rule has that id; did you mean github-pat?",
    ]


def test_an_id_that_is_allowed_and_that_no_rule_has_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("allow:\n  rules: [github-pt, github-*, gone-*]\n")
    told: list[str] = []
    load_default(rule_files=[path], enable=(), notice=told.append)
    assert told == [
        "github-pt cannot be allowed: no rule has that id; did you mean github-pat?",
        "gone-* cannot be allowed: no rule has that id",
    ]


@pytest.mark.parametrize("condition", ["AND", "and", "&&"])
@pytest.mark.parametrize("more", ["paths = ['test']", "stopwords = ['zzzz']"])
def test_an_allowlist_whose_conditions_must_all_hold_allows_nothing_by_one(
    tmp_path: Path, condition: str, more: str
) -> None:
    path = tmp_path / "gitleaks.toml"
    path.write_text(f"[allowlist]\ncondition = '{condition}'\nregexes = ['acme-']\n{more}\n")
    told: list[str] = []
    assert not load_user_file(path, told.append).allow.allows("acme-key", ACME.encode())
    assert any("must hold together" in line for line in told)
