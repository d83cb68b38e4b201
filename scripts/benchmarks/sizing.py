"""The sizing of a team gateway: from the measurements of `gateway.py` to the needs of developers.

Also writes the page with the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Assumptions:
    """Values that are assumed, not measured; each can be changed by the option of the same name."""

    developers: int = 10_000
    active: float = 0.3
    """Share of developers with an active agent in the busiest hour."""
    requests_per_hour: float = 120
    """Requests per active agent."""
    kilobytes: int = 400
    """Size of a request, whose history is resent every turn."""
    answer_kilobytes: int = 20
    answer_seconds: float = 15
    requests_per_day: float = 400
    """Requests per developer."""
    secrets_per_developer: int = 50
    """Different secrets per day, in all accounts."""
    lines_per_secret: int = 2
    """Each line of a multi-line secret counts."""
    stateful: float = 0.1
    """Share of requests with secrets to APIs that keep the conversation (`previous_response_id`)."""
    written_per_request: float = 1.0
    """New key-shaped values per answer."""
    new_connections_per_request: float = 0.1
    connections: int = 4
    """Connections that a developer's tools keep open."""
    load: float = 0.6
    """Maximum load of a core at the peak."""


def sizing(figures: dict[str, Any], supposed: Assumptions) -> dict[str, float]:
    """Return what the assumed number of developers needs."""
    store, turns = figures["store"], figures["redis"]
    at_peak = supposed.developers * supposed.active * supposed.requests_per_hour / 3600
    cpu_ms = _between(
        {int(size): each["cpu_ms"] for size, each in turns.items()}, supposed.kilobytes
    )
    tunnels_ms = supposed.new_connections_per_request * figures["connections"]["connection_cpu_ms"]
    cores = at_peak * (cpu_ms + tunnels_ms) / 1000 / supposed.load
    days = 90
    per_day = supposed.developers * supposed.requests_per_day
    values = supposed.developers * supposed.secrets_per_developer * supposed.lines_per_secret
    parts = {
        "values_gb": values * store["bytes_per_value"] / 1e9,
        "chains_gb": per_day * supposed.stateful * store["bytes_per_chain"] / 1e9,
        "names_gb": values * store["bytes_per_name"] / 1e9,
        "written_gb": per_day
        * supposed.written_per_request
        * days
        * store["bytes_per_written"]
        / 1e9,
    }
    streams = at_peak * supposed.answer_seconds
    open_ = supposed.developers * supposed.active * supposed.connections
    return {
        "requests_per_second": at_peak,
        "in_mb_per_second": at_peak * supposed.kilobytes / 1000,
        "out_mb_per_second": at_peak * supposed.answer_kilobytes / 1000,
        "streams_at_once": streams,
        "connections_at_once": open_,
        "cpu_ms_per_request": cpu_ms,
        "tunnels_ms_per_request": tunnels_ms,
        "cores": cores,
        "workers": float(-(-cores // 1)),
        "connections_gb": open_ * figures["connections"]["connection_kb"] / 1e6,
        "round_trips_per_second": at_peak,
        "vault_core_share": at_peak * store["server_us_per_round_trip"] / 1e6,
        **parts,
        "vault_gb": sum(parts.values()),
    }


def _between(points: dict[int, float], wanted: int) -> float:
    """Interpolate linearly between the two nearest sizes."""
    sizes = sorted(points)
    if wanted in points or len(sizes) == 1:
        return points.get(wanted, points[sizes[0]])
    above = next((size for size in sizes if size > wanted), sizes[-1])
    below = sizes[sizes.index(above) - 1]
    slope = (points[above] - points[below]) / (above - below)
    return points[below] + slope * (wanted - below)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in lines)


def needs(need: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what is needed, how much of it, and how that is calculated."""
    return [
        ("requests a second", f"{need['requests_per_second']:.0f}",
         "developers x active x requests_per_hour / 3600"),
        ("request bytes, MB/s", f"{need['in_mb_per_second']:.0f}", "requests x kilobytes"),
        ("answer bytes, MB/s", f"{need['out_mb_per_second']:.1f}", "requests x answer_kilobytes"),
        ("streams at once", f"{need['streams_at_once']:.0f}", "requests x answer_seconds"),
        ("connections at once", f"{need['connections_at_once']:.0f}",
         "developers x active x connections"),
        ("processor ms a request", f"{need['cpu_ms_per_request']:.1f}", "measured, at `kilobytes`"),
        ("for new tunnels, ms a request", f"{need['tunnels_ms_per_request']:.1f}",
         "new_connections_per_request x ms for one"),
        ("**cores for workers**", f"**{need['cores']:.1f}**", "requests x both / load"),
        ("**workers**", f"**{need['workers']:.0f}**", "one a core"),
        ("memory for connections, GB", f"{need['connections_gb']:.1f}", "connections x kB each"),
        ("vault: round trips a second", f"{need['round_trips_per_second']:.0f}", "one a request"),
        ("vault: share of one core", f"{need['vault_core_share']:.3f}",
         "round trips x the server's time for one"),
        ("vault: values, GB", f"{need['values_gb']:.2f}",
         "developers x secrets x lines x bytes"),
        ("vault: conversations, GB", f"{need['chains_gb']:.2f}",
         "developers x requests_per_day x stateful x bytes, for a day"),
        ("vault: names, GB", f"{need['names_gb']:.2f}", "as many as values"),
        ("vault: what providers wrote, GB", f"{need['written_gb']:.2f}",
         "developers x requests_per_day x written_per_request x 90 days x bytes"),
        ("**vault memory, GB**", f"**{need['vault_gb']:.1f}**", "the four together"),
    ]  # fmt: skip


def page(run: dict[str, Any]) -> str:
    figures, supposed = run["measured"], run["assumptions"]
    store, links = figures["store"], figures["connections"]
    turns = [
        (
            size,
            *(f"{figures[mode][size]['cpu_ms']:.1f}" for mode in ("plain", "memory", "redis")),
            *(f"{figures[mode][size]['resident_mb']:.0f}" for mode in ("plain", "redis")),
        )
        for size in figures["redis"]
    ]
    records = [
        ("a secret value of 40 bytes", f"{store['bytes_per_value']:.0f}"),
        ("the name of a secret", f"{store['bytes_per_name']:.0f}"),
        ("a digest of what a provider wrote", f"{store['bytes_per_written']:.0f}"),
        ("a conversation's link with 5 secrets", f"{store['bytes_per_chain']:.0f}"),
    ]
    slower = links.get("bcrypt_connection_cpu_ms")
    bcrypt = f", {slower:.1f} ms by bcrypt of cost 5 (`htpasswd -B`)" if slower else ""
    return f"""# What a team's gateway needs

Made by `scripts/sizing --write docs/gateway-sizing.md`; do not edit. The run: {run["when"]}, \
{run["machine"]}, Python {run["python"]}, mitmproxy {run["mitmproxy"]}, {figures["server"]}.

[team-gateway.md](team-gateway.md) says how to set it up.

## Measured

Each figure is for one turn of a conversation. The worker has seen all earlier turns. There are three secrets at the beginning, 4 kB of new text, and an
answer of {supposed["answer_kilobytes"]} kB in events of 40 characters. Processor time (user and system) is that of the worker alone, the best of three runs.

{table(("history, kB", "plain mitmdump, ms", "secretgate, vault in memory, ms", "in Redis, ms", "plain mitmdump, resident MB", "secretgate, resident MB"), turns)}

A new tunnel (CONNECT, password, TLS both ways) takes {links["connection_cpu_ms"]:.1f} ms of processor time with a password hashed by SHA-1{bcrypt}. A tunnel that
stays open takes {links["connection_kb"]:.0f} kB.

A round trip to the vault on loopback: {store["round_trip_us_p50"]:.0f} us p50, {store["round_trip_us_p99"]:.0f} us p99 as the worker sees it, \
{store["server_us_per_round_trip"]:.0f} us of the server's own processor time. A worker makes one round trip per request, and one more if the request
holds a secret that it has not seen.

{table(("record in the vault", "bytes of memory"), records)}

## Assumed

{table(("", "value"), [(f"`{name}`", f"{value:g}") for name, value in supposed.items()])}

You can change them with options of the script: `scripts/sizing --developers 500 --kilobytes 800`.

## What {supposed["developers"]:,} developers need

{table(("", "", "how"), needs(run["sizing"]))}

Add one worker for each machine that may fail, and one for the time when workers are renewed. Compressed requests also have to be
decompressed. Everything above grows in proportion: half the developers need half of each.
"""
