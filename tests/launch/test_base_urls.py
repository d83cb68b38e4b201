"""Prefixes of providers: a table, and functions on paths."""

from __future__ import annotations

import pytest

from secretgate.base_urls import ALL, BaseURLError, chosen, route_for, served_at, target
from secretgate.hosts import Hosts, Treatment, builtin

HOSTS = Hosts(builtin())
BASES = chosen([ALL, "corp=openai-chat+https://llm.corp:8443/api/v1"])


@pytest.mark.parametrize(
    ("path", "host", "sent"),
    [
        ("/anthropic/v1/messages?beta=true", "api.anthropic.com", "/v1/messages?beta=true"),
        ("/openai/chat/completions", "api.openai.com", "/v1/chat/completions"),
        ("/openai/v1/responses", "api.openai.com", "/v1/responses"),
        ("/ollama/api/chat", "127.0.0.1", "/api/chat"),
        ("/ollama", "127.0.0.1", "/"),
        (
            "/gemini/v1beta/models/m:generateContent?key=a/b",
            "generativelanguage.googleapis.com",
            "/v1beta/models/m:generateContent?key=a/b",
        ),
        (
            "/azure/My-Res/openai/deployments/d/chat/completions",
            "my-res.openai.azure.com",
            "/openai/deployments/d/chat/completions",
        ),
        ("/openrouter/chat/completions", "openrouter.ai", "/api/v1/chat/completions"),
        ("/openrouter/v1/messages", "openrouter.ai", "/api/v1/messages"),
        ("/openrouter/api/v1/models", "openrouter.ai", "/api/v1/models"),
        ("/groq/chat/completions", "api.groq.com", "/openai/v1/chat/completions"),
        ("/corp/chat/completions", "llm.corp", "/api/v1/chat/completions"),
        ("/corp/api/v1/models", "llm.corp", "/api/v1/models"),
    ],
)
def test_where_a_path_goes(path: str, host: str, sent: str) -> None:
    found = target(BASES, path)
    assert found is not None
    assert (found.host, found.path) == (host, sent)


@pytest.mark.parametrize(
    ("asked", "url", "path"),
    [
        ("/anthropic/v1/messages", "https://api.anthropic.com/v1/x/?b=1#c", "/anthropic/v1/x/?b=1#c"),
        ("/openai/responses", "https://api.openai.com:443/v1/responses/", "/openai/v1/responses/"),
        ("/groq/chat", "https://api.groq.com/openai/v1/models", "/groq/openai/v1/models"),
        ("/azure/my-res/openai/x", "https://my-res.openai.azure.com/openai/y", "/azure/my-res/openai/y"),
        ("/corp/models", "https://llm.corp:8443/api/v1/y", "/corp/api/v1/y"),
        ("/ollama/api/chat", "http://127.0.0.1:11434", "/ollama/"),
        ("/anthropic/v1/messages", "https://api.openai.com/v1/x", None),
        ("/anthropic/v1/messages", "http://api.anthropic.com/v1/x", None),
        ("/anthropic/v1/messages", "https://api.anthropic.com:port/", None),
        ("/azure/my-res/openai/x", "https://other.openai.azure.com/openai/y", None),
        ("/corp/models", "https://llm.corp:8443/other", None),
    ],
)  # fmt: skip
def test_where_the_urls_of_an_answer_are_served(asked: str, url: str, path: str | None) -> None:
    found = target(BASES, asked)
    assert found is not None
    assert served_at(BASES, found, url) == path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/messages",
        "//anthropic/v1",
        "/Anthropic/v1",
        "/azure/",
        "/azure/evil.com/x",
        "/azure/a%2eb/x",
        "/azure/a@b/x",
        "/azure/a:1/x",
        "/?/anthropic/",
        "*",
    ],
)
def test_other_paths_are_nobodys(path: str) -> None:
    assert target(BASES, path) is None


def test_every_builtin_is_covered_or_gets_a_route_of_its_own() -> None:
    for name, base in BASES.items():
        found = target(BASES, f"/{name}/{'res/' if base.per_resource else ''}v1/chat/completions")
        assert found is not None
        assert HOSTS.covers(found.host) == (route_for(found, HOSTS) is None)
        assert HOSTS.covers(found.host) or base.name in ("ollama", "corp")


def test_a_host_of_the_users_is_read_in_the_dialect_given() -> None:
    found = target(BASES, "/corp/chat/completions")
    assert found is not None
    route = route_for(found, HOSTS)
    assert route is not None
    assert (route.dialect.name, route.treatment) == ("openai-chat", Treatment.CONTENT)
    assert (found.base.port, found.base.scheme) == (8443, "https")


def test_only_what_is_chosen_is_served() -> None:
    assert list(chosen(["openai"])) == ["openai"]
    assert chosen([]) == {}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("nobody", "'nobody' is not one of all, anthropic"),
        ("Corp=https://a.b", "'Corp' must be lower-case"),
        ("corp=klingon+https://a.b", "corp: no dialect 'klingon'"),
        ("corp=ftp://a.b", "corp: must look like https://HOST/PATH"),
        ("corp=https://u:p@a.b", "corp: must look like"),
        ("corp=https://a.b:port", "is not a URL"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(entry: str, said: str) -> None:
    with pytest.raises(BaseURLError, match=said):
        chosen([entry])
