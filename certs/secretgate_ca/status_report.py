"""The report of `secretgate-ca status`: the CA, its hosts, the stores, the bundle and the variables."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from secretgate_ca.authority import Authority
from secretgate_ca.bundle import BUNDLE_FILE, bundle_text, parse, root_der
from secretgate_ca.environment import VARIABLES, Variable, inherited_files
from secretgate_ca.files import CAError
from secretgate_ca.installation import Place
from secretgate_ca.runner import Runner
from secretgate_ca.stores import State

SOON = datetime.timedelta(days=30)
SHOWN = 6


class CaStatus(TypedDict):
    confdir: str
    certificate: str
    fingerprint: str
    expires: str
    state: str
    permitted: list[str] | None
    missing: list[str]


class Row(TypedDict):
    kind: str
    name: str
    state: str
    detail: str


class Report(TypedDict):
    ca: CaStatus
    stores: list[Row]
    bundle: Row
    variables: list[Row]


def report(
    authority: Authority,
    domains: Sequence[str],
    places: Sequence[Place],
    environ: Mapping[str, str],
    *,
    now: datetime.datetime | None = None,
    runner: Runner | None = None,
) -> Report:
    moment = now or datetime.datetime.now(datetime.UTC)
    state = "expires soon" if authority.expired(moment + SOON) else "valid"
    if authority.expired(moment):
        state = "expired"
    elif authority.premature(moment):
        state = f"not valid before {authority.begins:%Y-%m-%d}"
    return {
        "ca": {
            "confdir": str(authority.confdir),
            "certificate": str(authority.ca_cert),
            "fingerprint": authority.fingerprint,
            "expires": authority.expires.isoformat(),
            "state": state,
            "permitted": None if authority.permitted is None else list(authority.permitted),
            "missing": list(authority.missing(domains)),
        },
        "stores": [_store(place) for place in places],
        "bundle": _bundle(authority, environ, runner),
        "variables": [_variable(authority, v, environ.get(v.name, "")) for v in VARIABLES],
    }


def text(report: Report) -> str:
    ca = report["ca"]
    lines = [
        f"CA        {ca['certificate']}",
        f"          SHA-256 {ca['fingerprint']}",
        f"          {ca['state']}, until {ca['expires'][:10]}"
        + ("" if ca["state"] == "valid" else ": secretgate-ca rotate"),
    ]
    if ca["permitted"] is None:
        lines.append(
            "          NOT constrained: it may sign for every host (not made by secretgate-ca)"
        )
    else:
        many = len(ca["permitted"])
        shown = (
            ", ".join(ca["permitted"]) if many <= SHOWN else f"{many} domains (--json lists them)"
        )
        lines.append(f"          may sign only for {shown}")
    if ca["missing"]:
        lines.append(f"          may NOT sign for {', '.join(ca['missing'])}: secretgate-ca rotate")
    for title, rows in (
        ("Stores", report["stores"]),
        ("Bundle", [report["bundle"]]),
        ("Variables of this shell (secretgate run sets them for its command)", report["variables"]),
    ):
        lines += ["", title]
        widest = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            line = f"  {row['state']:8} {row['kind']:8} {row['name']:{widest}}   {row['detail']}"
            lines.append(line.rstrip())
        if not rows:
            lines.append("  none found")
    return "\n".join(lines)


def _store(place: Place) -> Row:
    detail = place.detail
    if place.old and not detail:
        detail = f"{len(place.old)} earlier CA still trusted: secretgate-ca uninstall, then install"
    return {
        "kind": place.store,
        "name": place.place,
        "state": place.state.value,
        "detail": detail,
    }


def _bundle(authority: Authority, environ: Mapping[str, str], runner: Runner | None) -> Row:
    path = authority.confdir / BUNDLE_FILE
    row: Row = {"kind": "file", "name": str(path), "state": State.TRUSTED.value, "detail": ""}
    try:
        wanted = bundle_text(authority, inherited_files(environ), skip=path, runner=runner)
        held = path.read_bytes()
    except FileNotFoundError:
        return {**row, "state": State.MISSING.value, "detail": "secretgate-ca bundle"}
    except (CAError, OSError) as error:
        return {**row, "state": State.UNKNOWN.value, "detail": str(error)}
    if held != wanted:
        return {**row, "state": State.STALE.value, "detail": "secretgate-ca bundle"}
    return row


def _variable(authority: Authority, variable: Variable, value: str) -> Row:
    row: Row = {
        "kind": "variable",
        "name": variable.name,
        "state": State.MISSING.value,
        "detail": variable.tools,
    }
    if not value:
        return row
    try:
        held = list(parse(Path(value).read_bytes()))
    except OSError as error:
        return {**row, "state": State.STALE.value, "detail": f"{value}: {error.strerror}"}
    ours = root_der(authority)
    if ours not in held:
        earlier = any(_is_retired(authority, der) for der in held)
        state = State.STALE if earlier else State.MISSING
        return {**row, "state": state.value, "detail": f"{value} does not hold the CA"}
    if held == [ours] and not variable.adds:
        detail = f"{value} replaces all other roots: use the bundle"
        return {**row, "state": State.STALE.value, "detail": detail}
    return {**row, "state": State.TRUSTED.value, "detail": value}


def _is_retired(authority: Authority, der: bytes) -> bool:
    name = hashlib.sha256(der).hexdigest().upper() + ".pem"
    return (authority.confdir / "retired" / name).exists()
