"""The `secretgate-ca` command: creates the CA, makes it trusted, reports its status, and removes it.

This module only collects the machine, folder and hosts, and prints the results of `authority`,
`installation` and `bundle`. It does not know which hosts are covered: they come from `--domain`, or
from entry points in the group `secretgate_ca.domains`, each a function that returns names and
globs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.serialization import Encoding

from secretgate_ca import authority as ca
from secretgate_ca import names, status_report
from secretgate_ca.bundle import write_bundle
from secretgate_ca.files import PUBLIC, CAError
from secretgate_ca.files import write as write_file
from secretgate_ca.helptext import lay_out
from secretgate_ca.installation import Installation, Place
from secretgate_ca.runner import DryRunner, Runner, SystemRunner
from secretgate_ca.stores import Machine, Root, State

DOMAINS_GROUP = "secretgate_ca.domains"

app = typer.Typer(
    name="secretgate-ca",
    help="The local CA of secretgate: it can sign for the covered hosts only.",
    epilog="Exit codes: 0 success, 1 failure, 2 invalid command line.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Domains = Annotated[
    list[str] | None,
    typer.Option(
        "--domain", help="A host or glob to cover (repeatable); *.x.example covers x too."
    ),
]
Stores = Annotated[
    list[str] | None,
    typer.Option(
        "--store", help="Only this store: system, macos, windows, nss, java (repeatable)."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the commands that would change something.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
_STANDS_FOR = {"confdir": "FOLDER", "domain": "HOST", "output": "FILE", "store": "STORE"}


@app.callback(invoke_without_command=True)
def _settings(
    context: typer.Context,
    confdir: Annotated[
        Path | None,
        typer.Option(envvar="SECRETGATE_CONFDIR", help="The folder that holds the CA."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if version:
        typer.echo(f"secretgate-ca {installed('secretgate-mitmproxy')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    if confdir is None and os.environ.get("SUDO_UID", "0") != "0":
        raise CAError(
            "run secretgate-ca as yourself, without sudo: the CA is yours, and it asks for root "
            "where a store needs it (or name the CA's folder with --confdir)"
        )
    context.obj = (confdir or ca.default_confdir()).expanduser().absolute()


@app.command()
def init(context: typer.Context, domain: Domains = None) -> None:
    """Create the CA, if there is none.

    Examples:
      secretgate-ca init
      secretgate-ca init --domain llm.corp.example

    Exit code: 0, or 1 if it fails or an existing CA may not sign for a host.
    """
    confdir: Path = context.obj
    names.minimal(domain or [])
    there = ca.load_ca(confdir)
    made = there or ca.ensure_ca(confdir, _wanted(domain))
    write_bundle(made, inherited=os.environ)
    verb = "There is a CA already" if there else "Made a CA"
    typer.echo(
        f"{verb}: {made.ca_cert}\n  SHA-256 {made.fingerprint}, until {made.expires:%Y-%m-%d}"
    )
    raise typer.Exit(int(_report_missing(made, domain)))


@app.command()
def install(
    context: typer.Context, domain: Domains = None, store: Stores = None, dry_run: DryRun = False
) -> None:
    """Make the CA trusted in every store found, creating it first if there is none.

    Examples:
      secretgate-ca install --dry-run
      secretgate-ca install
      secretgate-ca install --store nss

    Exit code: 0, or 1 if a store does not trust it afterwards.
    """
    confdir: Path = context.obj
    names.minimal(domain or [])
    _installation_of(confdir, None, store, dry_run)  # rejects unknown stores
    made = ca.load_ca(confdir) or ca.ensure_ca(confdir, _wanted(domain))
    if made.expired():
        raise CAError(f"the CA expired on {made.expires:%Y-%m-%d}: secretgate-ca rotate")
    if made.premature():
        raise CAError(f"the CA is not valid before {made.begins:%Y-%m-%d}: {ca.WRONG_CLOCK}")
    _report_missing(made, domain)
    installation = _installation(confdir, made, store, dry_run)
    failed = _show(installation.install(), dry_run, "no trust store here: use secretgate-ca bundle")
    write_bundle(made, inherited=os.environ)
    raise typer.Exit(int(failed))


@app.command()
def uninstall(context: typer.Context, store: Stores = None, dry_run: DryRun = False) -> None:
    """Remove the CA, and earlier ones, from every store; the CA's own files are kept.

    Examples:
      secretgate-ca uninstall

    Exit code: 0, or 1 if a store still trusts it.
    """
    confdir: Path = context.obj
    installation = _installation(confdir, ca.load_ca(confdir), store, dry_run)
    failed = _show(installation.uninstall(), dry_run, "The CA is in no trust store here.")
    raise typer.Exit(int(failed))


@app.command()
def status(context: typer.Context, store: Stores = None, as_json: AsJson = False) -> None:
    """Show where the CA is trusted, by store and variable, and until when.

    Examples:
      secretgate-ca status
      secretgate-ca status --json

    Exit code: 0, or 1 if there is no CA.
    """
    confdir: Path = context.obj
    made = ca.load_ca(confdir)
    if made is None:
        if as_json:
            typer.echo(json.dumps({"ca": None, "confdir": str(confdir)}))
        else:
            typer.echo(f"There is no CA in {confdir}. Make one: secretgate-ca init", err=True)
        raise typer.Exit(1)
    places = list(_installation(confdir, made, store, False).survey())
    report = status_report.report(made, _defaults(), places, os.environ)
    typer.echo(json.dumps(report, indent=2) if as_json else status_report.text(report))


@app.command()
def rotate(
    context: typer.Context,
    domain: Domains = None,
    only: Annotated[
        bool, typer.Option("--only", help="Cover the --domain hosts and nothing else.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Create a new CA, and replace the old one in every store that trusted it.

    Examples:
      secretgate-ca rotate
      secretgate-ca rotate --domain llm.corp.example --yes

    Exit code: 0, or 1 if it fails.
    """
    confdir: Path = context.obj
    wanted = list(domain or [])
    if not only:
        wanted = [*wanted, *_defaults(), *_permitted_so_far(confdir)]
    names.minimal(wanted or _wanted(domain))
    old = _root_on_disk(confdir)
    replaced = [
        place
        for place in (_installation_of(confdir, old, None, False).survey() if old else ())
        if place.state in (State.TRUSTED, State.STALE)
    ]
    if replaced and not yes:
        for place in replaced:
            typer.echo(f"  {place.store:8} {place.place}")
        typer.confirm("Make a new CA and replace the old one in these stores?", abort=True)
    made = ca.rotate(confdir, wanted or _wanted(domain))
    typer.echo(f"Made a new CA: SHA-256 {made.fingerprint}, until {made.expires:%Y-%m-%d}")
    failed = False
    if replaced:
        after = _installation(confdir, made, sorted({place.store for place in replaced}), False)
        targets = {(place.store, place.place) for place in replaced}
        added = list(after.install(within=targets))
        failed = _show([*(p for p in added if p.detail), *after.uninstall(old_only=True)], False)
    write_bundle(made, inherited=os.environ)
    typer.echo("Restart proxies and tools that are running: they still hold the old one.")
    raise typer.Exit(int(failed))


@app.command()
def path(
    context: typer.Context,
    cert: Annotated[
        bool, typer.Option("--cert", help="Print the certificate's path, not the folder's.")
    ] = False,
) -> None:
    """Print the folder of the CA (mitmproxy's confdir).

    Examples:
      mitmdump --set confdir="$(secretgate-ca path)"
      curl --cacert "$(secretgate-ca path --cert)" ...

    Exit code: 0, or 1 if there is no CA (with --cert).
    """
    confdir: Path = context.obj
    typer.echo(_existing(confdir).ca_cert if cert else confdir)


@app.command()
def bundle(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write.")
    ] = None,
) -> None:
    """Write one PEM file with the system's roots and ours, and print its path.

    Examples:
      export SSL_CERT_FILE="$(secretgate-ca bundle)"

    Exit code: 0, or 1 if there is no CA.
    """
    typer.echo(write_bundle(_existing(context.obj), inherited=os.environ, path=output))


@app.command()
def export(
    context: typer.Context,
    output: Annotated[Path, typer.Argument(help="The file to write; - for standard output (PEM).")],
    der: Annotated[
        bool, typer.Option("--der", help="Write DER, which Windows and phones expect.")
    ] = False,
) -> None:
    """Write the CA's certificate (never its key), to make it trusted on another machine.

    Examples:
      secretgate-ca export secretgate.crt
      secretgate-ca export - --der > secretgate.der

    Exit code: 0, or 1 if there is no CA or it cannot be written.
    """
    root = _existing(context.obj).root
    content = root.public_bytes(Encoding.DER if der else Encoding.PEM)
    if str(output) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    elif output.parent.is_dir():
        write_file(output, content, PUBLIC)
    else:
        raise CAError(f"{output.parent}: there is no such folder; make it first")


def command() -> typer.core.TyperGroup:
    """Return the command with its help texts laid out."""
    made = typer.main.get_command(app)
    assert isinstance(made, typer.core.TyperGroup)
    lay_out(made, _STANDS_FOR)
    return made


def main() -> None:
    """Run the console script; expected errors are printed as one line, without a traceback."""
    try:
        command()(prog_name="secretgate-ca")
    except CAError as error:
        typer.echo(f"secretgate-ca: {error}", err=True)
        raise SystemExit(1) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"secretgate-ca: {where}{error.strerror or error}", err=True)
        raise SystemExit(1) from None


def _defaults() -> list[str]:
    found: list[str] = []
    for entry in entry_points(group=DOMAINS_GROUP):
        found.extend(str(name) for name in entry.load()())
    return found


def _wanted(domain: list[str] | None) -> list[str]:
    wanted = [*(domain or []), *_defaults()]
    if not wanted:
        raise CAError("no hosts to cover: name each with --domain (api.anthropic.com, say)")
    return wanted


def _permitted_so_far(confdir: Path) -> tuple[str, ...]:
    try:
        there = ca.load_ca(confdir)
    except CAError:
        return ()
    return (there.permitted or ()) if there else ()


def _existing(confdir: Path) -> ca.Authority:
    there = ca.load_ca(confdir)
    if there is None:
        raise CAError(f"there is no CA in {confdir}; make one: secretgate-ca init")
    return there


def _root_on_disk(confdir: Path) -> Root | None:
    """Return the current root even if its key is damaged, so that `rotate` can replace it."""
    certificate = ca.root_on_disk(confdir)
    return Root.of(certificate, confdir / ca.CERT_FILE) if certificate else None


def _installation(
    confdir: Path, made: ca.Authority | None, only: list[str] | None, dry_run: bool
) -> Installation:
    current = Root.of(made.root, made.ca_cert) if made else None
    return _installation_of(confdir, current, only, dry_run)


def _installation_of(
    confdir: Path, current: Root | None, only: list[str] | None, dry_run: bool
) -> Installation:
    old = [Root.of(cert, path) for path, cert in ca.retired(confdir)]
    machine = Machine(_runner(dry_run), Path.home(), os.environ)
    return Installation(machine, current, old, only=only or (), dry=dry_run)


def _runner(dry_run: bool) -> Runner:
    system = SystemRunner(lambda text: typer.echo(text, err=True))
    return DryRunner(system, typer.echo) if dry_run else system


def _report_missing(made: ca.Authority, domain: list[str] | None) -> bool:
    missing = made.missing([*(domain or []), *_defaults()])
    if missing:
        typer.echo(
            f"This CA may not sign for {names.listed(missing)}: its hosts were fixed when it was made.\n"
            "Make a new one, which takes its place in every store: secretgate-ca rotate"
            + "".join(f" --domain '{name}'" for name in missing if name in (domain or [])),
            err=True,
        )
    return bool(missing)


def _show(places: Iterable[Place], dry_run: bool, none: str = "") -> bool:
    """Print each place; return whether one of them failed."""
    failed = False
    for place in places:
        none = ""
        failed |= bool(place.detail)
        if place.detail:
            line = f"{place.state.value:8} {place.store:8} {place.place}   {place.detail}"
            typer.echo(line, err=True)
        elif not dry_run:
            typer.echo(f"{place.state.value:8} {place.store:8} {place.place}")
    if none:
        typer.echo(none)
    return failed
