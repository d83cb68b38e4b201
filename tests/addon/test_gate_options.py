"""mitmproxy options at the start and while the proxy runs: what is wrong is refused, and told."""

from __future__ import annotations

import datetime
import errno
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.addons import proxyserver, tlsconfig
from mitmproxy.test import taddons

from harness.proxy import ADDON
from secretgate import gate, hosts
from secretgate.proxy import own_ca
from secretgate.proxy.options import warnings
from secretgate.vault import Scope
from secretgate_ca import ensure_ca


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("secretgate_mode", "guess", "secretgate_mode"),
        ("secretgate_hosts", "llm.corp=unheard-of", "secretgate_hosts"),
        ("secretgate_config", "/no/such/file.yaml", "no such file"),
        ("stream_large_bodies", "1m", "unread"),
        ("proxy_debug", True, "to the log"),
        ("emudhra", True, "key is public"),
        ("emudhra_old", True, "key is public"),
    ],
)
def test_a_bad_option_is_refused_and_the_old_one_stays(
    made: gate.Gate, context: taddons.context, option: str, value: object, told: str
) -> None:
    if option not in context.options:
        context.options.add_option(option, type(value), False, "An option of newer mitmproxys.")
    with pytest.raises(exceptions.OptionsError, match=told):
        context.options.update(**{option: value})
    assert made.engine().settings.mode == "redact"


@pytest.mark.parametrize(
    ("option", "pattern", "passed"),
    [
        ("ignore_hosts", "openai", "*.openai.com, api.openai.com"),
        ("ignore_hosts", "example", ""),
        ("allow_hosts", "openai", "api.anthropic.com"),
        ("allow_hosts", ":443$", ""),
    ],
)
def test_covered_hosts_that_mitmproxy_is_told_to_ignore_are_named(
    made: gate.Gate, context: taddons.context, option: str, pattern: str, passed: str
) -> None:
    context.options.update(**{option: [pattern]})
    covered = ["*.openai.com", "api.anthropic.com", "api.openai.com"]
    said = [fields["hosts"] for _, fields in warnings(covered, {})]
    assert said == ([passed] if passed else [])


def test_every_setting_is_an_option_with_help(made: gate.Gate, context: taddons.context) -> None:
    for name, option in context.options.items():
        if name.startswith("secretgate_"):
            assert len(option.help) > 20
    assert "secretgate_on_unreadable" in context.options


def test_an_option_that_does_not_exist_stops_the_start(context: taddons.context) -> None:
    """mitmproxy keeps what it does not know for scripts that may still come, and says nothing."""
    context.options.set("secretgate_moed=block", defer=True)
    addon = gate.Gate()
    context.master.addons.add(addon)
    with pytest.raises(
        exceptions.OptionsError, match=r"secretgate_moed: .* did you mean .*secretgate_mode"
    ):
        context.configure(addon)


def test_options_of_other_scripts_are_left_to_them(context: taddons.context) -> None:
    context.options.set("of_another_script=1", defer=True)
    addon = gate.Gate()
    context.master.addons.add(addon)
    context.configure(addon)
    assert addon.engine().settings.mode == "redact"


def test_a_mitmproxy_without_our_libraries_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "secretgate.gate", None)
    with pytest.raises(ImportError, match=r"needs the package .*same environment"):
        runpy.run_path(str(ADDON))


def test_a_ca_that_cannot_be_kept_is_told_with_the_remedy(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, names: list[str]) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(own_ca, "ensure_ca", full)
    with taddons.context(proxyserver.Proxyserver()) as made:
        addon = gate.Gate()
        made.master.addons.add(addon)
        with pytest.raises(exceptions.OptionsError, match=r"Read-only .*; set SECRETGATE_HOME"):
            made.configure(addon)


def test_a_host_that_the_ca_lacks_is_told_with_the_command_that_adds_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def started(**options: str) -> str:
        with taddons.context(proxyserver.Proxyserver()) as made:
            made.options.set(*(f"{name}={value}" for name, value in options.items()), defer=True)
            addon = gate.Gate()
            made.master.addons.add(addon)
            made.configure(addon)
        return capsys.readouterr().err

    assert "may not sign" not in started()
    many = ",".join(f"{number}.llm.corp=openai-chat" for number in range(20))
    assert "12.llm.corp and 15 more" in started(secretgate_hosts=many)
    told = started(secretgate_hosts="*.llm.corp=openai-chat")
    assert "secretgate-ca rotate '--domain=*.llm.corp'" in told


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (400, "the CA has expired"),
        (350, "the CA expires soon"),
        (10, ""),
        (-10, "the CA is not valid yet"),
    ],
)
def test_a_ca_that_is_not_valid_or_not_for_long_is_told_with_the_command_that_renews_it(
    age: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, caplog: Any
) -> None:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path))
    made_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=age)
    ensure_ca(tmp_path / "ca", hosts.ca_domains(), now=made_at)
    with taddons.context(proxyserver.Proxyserver(), tlsconfig.TlsConfig()) as made:
        addon = gate.Gate()
        made.master.addons.add(addon)
        made.configure(addon)
    told = capsys.readouterr().err
    assert said in told
    assert ("secretgate-ca rotate" in told) == bool(said)
    assert "~/.mitmproxy" not in told + caplog.text


def test_a_ca_for_hosts_of_the_table_needs_no_names() -> None:
    assert hosts.rotation(["api.anthropic.com"]) == "secretgate-ca rotate"
    assert hosts.rotation(["b.corp", "a.corp"]) == (
        "secretgate-ca rotate --domain=a.corp --domain=b.corp"
    )


def test_how_long_values_are_remembered_can_be_changed(
    made: gate.Gate, context: taddons.context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was learnt goes on being known, for as long as is said by then."""
    scope = Scope("client", "provider", b"account")
    vault = made.engine().vault
    vault.learn(scope, {b"a-value-of-this-test": "rule"})
    monkeypatch.setattr(vault, "_clock", lambda: time.monotonic() + 100)
    context.options.update(secretgate_mode="block")
    assert len(made.engine().vault.known(scope)) == 1
    context.options.update(secretgate_remember="60")
    assert len(made.engine().vault.known(scope)) == 0
