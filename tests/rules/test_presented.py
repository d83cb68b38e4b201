"""Secrets are found as terminals, highlighters, string literals and formatters present them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

import pytest

from secretgate_rules import Detector, disguises

PASSWORD = "Plover" + "#4917x"
TOKEN = "q7Zr2mKp9" + "Xw4Tn8Lc3Vb6Hs1Dg5"
SETTINGS = {
    "JSON": f'{{\n  "user": "ana",\n  "password": "{PASSWORD}",\n  "apiKey": "{TOKEN}"\n}}\n',
    "names and values": f'[\n  {{\n    "name": "API_TOKEN",\n    "value": "{TOKEN}"\n  }}\n]\n',
    "a shell": f"export DB_PASSWORD=\"{PASSWORD}\"\nexport API_TOKEN='{TOKEN}'\n",
    "Terraform": f'variable "db_password" {{\n  type    = string\n  default = "{PASSWORD}"\n}}\n',
    "XML": f'<add key="ApiKey"\n     value="{TOKEN}" />\n',
    "expect": f'expect "password:"\nsend "{PASSWORD}"\n',
}
_STRINGS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_WORDS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|[A-Za-z_][\w.-]*|[:={}\[\],]")


def _painted(on: str, off: str, what: re.Pattern[str] = _STRINGS) -> Callable[[str], str]:
    return lambda text: what.sub(lambda match: f"{on}{match[0]}{off}", text)


TERMINALS: dict[str, Callable[[str], str]] = {
    "strings": _painted("\x1b[32m", "\x1b[0m"),
    "every word": _painted("\x1b[38;5;81m", "\x1b[39m", _WORDS),
    "tput": _painted("\x1b[32m", "\x1b(B\x1b[m"),
    "links": _painted("\x1b]8;;https://docs.example.com/a\x1b\\", "\x1b]8;;\x1b\\"),
    "printed escapes": _painted("^[[32m", "^[[0m"),
    "lost escapes": _painted("[1;32m", "[0m"),
    "escapes in JSON": lambda text: json.dumps({"log": _painted("\x1b[32m", "\x1b[0m")(text)}),
    "HTML": html.escape,
}


def _found(detector: Detector, text: str) -> str:
    """Return what was found, without colours and links."""
    values = b" ".join(finding.value for finding in detector.find(text.encode())).decode()
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;;[^\x1b]*\x1b\\", "", values)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("terminal", TERMINALS.values(), ids=TERMINALS)
def test_colours_and_references_around_values_hide_nothing(
    detector: Detector, settings: str, terminal: Callable[[str], str]
) -> None:
    found = _found(detector, terminal(settings))
    assert [value for value in (PASSWORD, TOKEN) if value in settings and value not in found] == []


def test_brackets_near_colours_are_no_colours() -> None:
    text = b"\x1b[32mok\x1b[0m see [main] and rates[m] of [1;32mtoday[0m and ^[[mlater"
    (piece,) = disguises.pieces(text, disguises.UNICODE, disguises.places(text))
    assert piece.decoded.text == b"ok see [main] and rates[m] of today and later"


TABLES = {
    "CSV": "user,password,email\n" + "".join(f"u{at},{{}},u{at}@example.com\n" for at in range(40)),
    "columns": "NAME        PASSWORD\n" + "".join(f"u{at:<10} {{}}\n" for at in range(40)),
    "Markdown": "| user | password |\n|--|--|\n"
    + "".join(f"| u{at} | {{}} |\n" for at in range(40)),
}
STRINGS: dict[str, Callable[[str], str]] = {
    "JSON": lambda text: json.dumps({"output": text, "exit": 0}),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"output": text})),
    "Python": lambda text: f'data = parse("""{text}""")\n',
    "repr": repr,
    "JavaScript": lambda text: f"const table = `{text.strip()}`;\n",
    "a shell": lambda text: f"echo '{text.strip()}' > users\n",
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("string", STRINGS.values(), ids=STRINGS)
def test_a_table_is_read_in_a_string(
    detector: Detector, table: str, string: Callable[[str], str]
) -> None:
    values = [f"Plover#{number}x" for number in range(4100, 4140)]
    text = string(table.format(*values))
    found = [finding.value.decode() for finding in detector.find(text.encode())]
    assert found == values


@pytest.mark.parametrize("deep", [0, 8, 20])
@pytest.mark.parametrize(
    "lines",
    [
        f"auth:\n  token:\n    {TOKEN}\n",
        f'"password":\n    "{PASSWORD}",\n',
        f'const password =\n  "{PASSWORD}";\n',
        f"INSERT INTO users (name, password)\nVALUES ('ana', '{PASSWORD}');\n",
        f'user.set_password(\n    "{PASSWORD}",\n)\n',
        f'client.with_token(\n    "{TOKEN}"\n)\n',
        f'os.environ.get(\n    "DB_PASSWORD",\n    "{PASSWORD}",\n)\n',
    ],
)
def test_a_value_on_a_line_of_its_own_may_be_indented(
    detector: Detector, lines: str, deep: int
) -> None:
    text = "".join(" " * deep + line for line in lines.splitlines(keepends=True))
    found = [finding.value.decode() for finding in detector.find(text.encode())]
    assert found in ([PASSWORD], [TOKEN])


@pytest.mark.parametrize("end", ["\n", "\r\n", "  \n"])
def test_a_command_goes_on_in_the_next_line(detector: Detector, end: str) -> None:
    text = f"curl -X POST \\{end}  -u ana:{PASSWORD} \\{end}  https://api.example.com{end}"
    assert [finding.value.decode() for finding in detector.find(text.encode())] == [PASSWORD]


TOKENS = {
    "GitHub": "ghp_" + "k3VdQ9sLw2XzR7nTb5YcH8mJf4PgA6uE1oKi",
    "Anthropic": "sk-ant-" + "api03-" + "Q7zRm2Kp9Xw4" * 7 + "Tn8Lc3V-AA",
    "Stripe": "sk_" + "live_" + "9sLw2XzR7nTb5YcH8mJf4PgA",
    "GitLab": "glpat-" + "Xw4Tn8Lc3Vb6Hs1Dg5Qz",
    "AWS": "AKIA" + "4Q7ZRMK2PXWTNLCV",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize(
    "text",
    [
        "Use _{}_ for now.",
        "Use __{}__.",
        "Use *{}*, **not** the other",
        "Use `{}`",
        "@@ -1 +1 @@\n-nothing\n+{}\n",
        "@@ -1 +1 @@\n-{}\n+nothing\n",
    ],
)
def test_marks_of_markdown_and_of_patches_are_no_parts_of_a_token(
    detector: Detector, token: str, text: str
) -> None:
    values = [finding.value.decode() for finding in detector.find(text.format(token).encode())]
    assert [value.rstrip("_") for value in values] == [token]


def test_an_underscore_within_a_name_is_part_of_it(detector: Detector) -> None:
    token = TOKENS["GitHub"]
    assert detector.find(f"see my_{token}_of_old".encode()) == []
