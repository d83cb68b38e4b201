"""Globs as DNS subtrees: they cover every host of the glob, and no more than documented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secretgate_ca.files import CAError
from secretgate_ca.names import REGIONS, all_permitted, minimal, permits, subtrees

label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
top = st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True)
"""Top-level domains do not begin with a digit; a name that ends in a number is an address."""
host = (
    st.tuples(st.lists(label, min_size=1, max_size=4), top)
    .map(lambda parts: ".".join([*parts[0], parts[1]]))
    .filter(lambda name: name not in REGIONS)
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("api.anthropic.com", ("api.anthropic.com",)),
        ("API.Anthropic.com.", ("api.anthropic.com",)),
        ("*.githubcopilot.com", ("githubcopilot.com",)),
        ("*.openai.azure.com", ("openai.azure.com",)),
        ("eastus-*.openai.azure.com", ("openai.azure.com",)),
        ("bücher.example", ("xn--bcher-kva.example",)),
        (
            "bedrock-runtime.*.amazonaws.com.cn",
            (
                "bedrock-runtime.cn-north-1.amazonaws.com.cn",
                "bedrock-runtime.cn-northwest-1.amazonaws.com.cn",
            ),
        ),
    ],
)
def test_a_pattern_becomes_the_narrowest_subtrees(pattern: str, expected: tuple[str, ...]) -> None:
    assert subtrees(pattern) == expected


def test_a_region_prefix_becomes_one_name_a_region_not_the_shared_parent() -> None:
    trees = subtrees("*-aiplatform.googleapis.com")
    assert "us-central1-aiplatform.googleapis.com" in trees
    assert "europe-west4-aiplatform.googleapis.com" in trees
    assert "googleapis.com" not in trees
    assert not permits(trees, "storage.googleapis.com")


def test_a_private_endpoint_is_permitted_in_every_region() -> None:
    trees = subtrees("vpce-*.bedrock-runtime.*.vpce.amazonaws.com")
    assert permits(trees, "vpce-0a1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com")
    assert not permits(trees, "vpce-0a1b.s3.eu-west-1.vpce.amazonaws.com")


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "com",
        "*.com",
        "localhost",
        "10.0.0.1",
        "::1",
        "*.googleapis.com",
        "googleapis.com",
        "*.amazonaws.com",
        "copilot-api.*.ghe.com",
        "api-*.example.com",
        "*-*.googleapis.com",
        "https://api.example.com",
        "api.example.com:443",
        "api..example.com",
        "a b.example.com",
        "",
    ],
)
def test_what_has_no_narrow_expression_is_refused_with_its_name(pattern: str) -> None:
    with pytest.raises(CAError) as refused:
        subtrees(pattern)
    assert pattern in str(refused.value)


def test_all_regions_of_a_pattern_have_to_be_permitted() -> None:
    regions = subtrees("*-aiplatform.googleapis.com")
    assert all_permitted(regions, "*-aiplatform.googleapis.com")
    assert not all_permitted(regions[1:], "*-aiplatform.googleapis.com")


@given(st.lists(host, min_size=1, max_size=8))
def test_minimal_permits_exactly_what_the_patterns_do(hosts: list[str]) -> None:
    trees = minimal(hosts)
    assert all(permits(trees, host) and permits(trees, "x." + host) for host in hosts)
    assert all(tree in hosts for tree in trees)
    assert not any(permits(set(trees) - {tree}, tree) for tree in trees)


@given(host, label)
def test_a_suffix_is_not_a_subtree(name: str, prefix: str) -> None:
    assert not permits((name,), prefix + name)
    assert not permits((name,), name.partition(".")[2])
    assert not all_permitted((name,), "*." + name.partition(".")[2])


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "[::1]", " 127.0.0.1 "])
def test_the_ca_signs_for_no_addresses(address: str) -> None:
    with pytest.raises(CAError, match="signs for names only"):
        subtrees(address)


def test_a_name_without_a_dot_is_told_what_it_would_permit() -> None:
    with pytest.raises(
        CAError, match=r"litellm: this would permit every name that ends in \.litellm"
    ):
        subtrees("litellm")
