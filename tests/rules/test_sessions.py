"""Secrets that commands print, tables show and people tell, which were missed; and what reads like them."""

from __future__ import annotations

import pytest

from secretgate_rules import Detector


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("$ pass show acme/db\npPk4fO4VENzs0PjA\n", "pPk4fO4VENzs0PjA"),
        ("API_TOKEN=lhrtkxcpucethevldyvpfeqqxfuflgas\n", "lhrtkxcpucethevldyvpfeqqxfuflgas"),
        ('SECRET_TOKEN = "fewedukqnpwjgfsejicjflnngsfdkzeh"', "fewedukqnpwjgfsejicjflnngsfdkzeh"),
        ("smtp_pass is dgghovsuxymhwpgg (gmail app pw)", "dgghovsuxymhwpgg"),
        ('PASSWORD = "$Zephyr07"', "$Zephyr07"),
        ("key for the maps thing: XK5N8iU7ccULSMVSUVL7SqlPOl6lOeYQ", "XK5N8iU7ccULSMVSUVL7SqlPOl6lOeYQ"),
        ("the signing secret I configured is 8eabbe37cfa911a6a85157632ea7269b", "8eabbe37cfa911a6a85157632ea7269b"),
        ("# merge later: prod pw is Ogrod1975#bd", "Ogrod1975#bd"),
        ("secret = puffin1965\n", "puffin1965"),
        ("password_confirmation: 'Walnut#7714'", "Walnut#7714"),
        ("auth: {username: ana, password: Puffin#Badger6}", "Puffin#Badger6"),
        ("+------+----------+\n| Host | Password |\n+======+==========+\n| web1 | hazel1963 |\n+------+----------+\n", "hazel1963"),
        ("ich habe das Kennwort für den Testserver auf gRieyX99% gesetzt", "gRieyX99%"),
    ],
)  # fmt: skip
def test_a_secret_is_found_where_it_was_missed(detector: Detector, text: str, secret: str) -> None:
    assert secret.encode() in {finding.value for finding in detector.find(text.encode())}


@pytest.mark.parametrize(
    "text",
    [
        '"low": "[%key:component::nam::entity::sensor::pm10::state::low%]"',
        'pipe.connect("feedback_prompt_builder.prompt", "feedback_llm.messages")',
        '"GetPasswordData": "ec2:GetPasswordData"',
        "// ibPassword: 2-byte USHORT",
        "spa \"La clave '%-.192s' no existe\"",
        "- save_cache: {key: pypi-token-linux-703980b5505301f2ab6ec1d0d4a51be90d17cd87ab11b7a3c6e2f7b8e1d0c9f4}",
        "password=ENC(mYRkg+4Q4hua1kvpCCI2hg==)",
        "/etc/passwd: 429b225650b912a2ee067b0a4cf1e949",
        "{ key: `Chrome/12\\d\\..+?Mobile` }",
        "the app password has four groups like abcd efgh ijkl mnop",
    ],
)
def test_what_reads_like_one_is_none(detector: Detector, text: str) -> None:
    assert [finding.rule for finding in detector.find(text.encode())] == []
