"""Addons without a hook for an event are skipped; nothing changes for the others."""

from __future__ import annotations

import asyncio
import types
from typing import Any

import pytest
from mitmproxy import addonmanager, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.command import CommandManager
from mitmproxy.exceptions import AddonHalt
from mitmproxy.flow import Flow
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import tflow

from secretgate.proxy import dispatch


class Addon:
    """An addon with child addons and with hooks given by name."""

    def __init__(self, name: str, *addons: object, **more: Any) -> None:
        self.name = name
        if addons:
            self.addons = list(addons)
        for hook, then in more.items():
            setattr(self, hook, then)


class Said(list[str]):
    def plain(self, name: str) -> Any:
        return lambda *_: self.append(name)

    def later(self, name: str) -> Any:
        async def hook(*_: object) -> None:
            self.append(f"{name} begins")
            await asyncio.sleep(0)
            self.append(f"{name} ends")

        return hook

    def fails(self, name: str, error: type[Exception]) -> Any:
        def hook(*_: object) -> None:
            self.append(name)
            raise error

        return hook


def chain(said: Said) -> list[object]:
    return [
        Addon("nothing"),
        Addon("sync", request=said.plain("sync")),
        Addon("module", request=types),
        Addon("none", request=None),
        Addon("parent", Addon("empty"), Addon("child", Addon("deep", request=said.later("deep")))),
        Addon("both", Addon("inner", request=said.plain("inner")), request=said.plain("outer")),
        Addon("wrong", request=5),
        Addon("broken", request=said.fails("broken", ValueError)),
        Addon("watches", update=said.plain("update")),
        Addon("stops", request=said.fails("stops", AddonHalt)),
        Addon("never", request=said.plain("never")),
    ]


def manager_of(*addons: object) -> AddonManager:
    """Return an addon manager like a master's; a whole master would leave a log handler behind."""
    master = types.SimpleNamespace(options=Options())
    master.commands = CommandManager(master)
    manager = AddonManager(master)
    manager.add(*addons)
    return manager


def told(said: Said, addons: list[object], quick: bool, event: hooks.Hook) -> list[str]:
    manager = manager_of(*addons)
    if quick:
        dispatch.only_who_listens(manager)
    said.clear()
    asyncio.run(manager.handle_lifecycle(event))
    return [*said]


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what mitmproxy has logged about addons; asyncio may log about other tests meanwhile."""
    said = [each.getMessage() for each in caplog.records if each.name == addonmanager.__name__]
    caplog.clear()
    return said


def test_whoever_has_a_hook_is_asked_as_before(caplog: pytest.LogCaptureFixture) -> None:
    event, said = HttpRequestHook(tflow.tflow()), Said()
    addons = chain(said)
    before = told(said, addons, False, event)
    errors = complaints(caplog)
    assert told(said, addons, True, event) == before
    assert complaints(caplog) == errors
    assert before == [
        "sync",
        "deep begins",
        "deep ends",
        "outer",
        "inner",
        "broken",
        "stops",
        "update",
    ]
    assert len(errors) == 2


def test_a_hook_that_comes_or_goes_later_counts() -> None:
    said, late = Said(), Addon("late")
    parent = Addon("parent", Addon("quiet"))
    last = Addon("last", request=said.plain("last"))

    def grown(flow: Flow) -> None:
        late.request = said.plain("late")
        parent.addons.append(Addon("new", request=said.plain("new")))
        del last.request

    addons = [Addon("first", request=grown), late, parent, last]
    assert told(said, addons, True, HttpRequestHook(tflow.tflow())) == ["late", "new"]


def test_those_without_a_hook_cost_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    said, invoked = Said(), list[object]()
    original = AddonManager.invoke_addon

    async def counted(self: AddonManager, addon: object, event: hooks.Hook) -> None:
        invoked.append(addon)
        await original(self, addon, event)

    monkeypatch.setattr(AddonManager, "invoke_addon", counted)
    listening = Addon("listening", request=said.plain("listening"))
    addons = [*(Addon(f"quiet {number}") for number in range(30)), listening]
    told(said, addons, True, HttpRequestHook(tflow.tflow()))
    assert invoked == [listening]


def test_mitmproxys_own_way_comes_back() -> None:
    manager = manager_of()
    dispatch.only_who_listens(manager)
    dispatch.only_who_listens(manager)
    dispatch.everybody(manager)
    dispatch.everybody(manager)
    assert manager.trigger_event.__func__ is AddonManager.trigger_event
