"""`secretgate proxy`: mitmdump in the foreground, with the addon; prints what to set."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from secretgate.cli import addon_path
from secretgate.hosts import ca_domains
from secretgate.launch.running import USUAL_PORT
from secretgate.state import Places, StateError
from secretgate_ca import CAError, ensure_ca, write_bundle

MITMDUMP = """
import sys
sys.argv[0] = "mitmdump"
from mitmproxy.tools.main import mitmdump
raise SystemExit(mitmdump())
"""


def proxy(context: typer.Context) -> NoReturn:
    """Run mitmdump with secretgate loaded; arguments are passed to mitmdump.

    Examples:
      secretgate proxy
      secretgate proxy -- -p 8081 --set secretgate_mode=block

    Exit code: mitmdump's; 2 if the CA cannot be used.
    """
    arguments: Sequence[str] = context.args
    places = Places.find()
    try:
        authority = ensure_ca(places.ca, ca_domains())
        bundle = write_bundle(authority, inherited=os.environ)
    except (CAError, StateError) as error:
        print(f"secretgate: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    command = [sys.executable, "-P", "-c", MITMDUMP, "-s", str(addon_path())]
    if not _gives(arguments, "--listen-host", "listen_host"):
        command += ["--listen-host", "127.0.0.1"]
    port = _port(arguments)
    print(
        f"""secretgate is starting on http://127.0.0.1:{port}. For one tool, in another terminal:

    {_called()} run -- claude

or set these for everything you start there:

    export HTTPS_PROXY=http://127.0.0.1:{port}
    export NODE_EXTRA_CA_CERTS='{authority.ca_cert}'
    export SSL_CERT_FILE='{bundle}'
""",
        file=sys.stderr,
    )
    sys.stderr.flush()
    os.execv(sys.executable, [*command, *arguments])


def _port(arguments: Sequence[str]) -> str:
    """Return the port on which mitmdump will listen."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-p", "--listen-port", nargs="?", default=USUAL_PORT)
    parser.add_argument("--set", nargs="?", action="append", default=[])
    given, _ = parser.parse_known_args([*arguments])
    named = [
        each.partition("=")[2] for each in given.set if each and each.startswith("listen_port=")
    ]
    return str([given.listen_port, *named][-1])


def _called() -> str:
    """Return how this command was called: in a checkout it is not on the PATH."""
    if shutil.which("secretgate"):
        return "secretgate"
    started = Path(sys.argv[0])
    return "python -m secretgate" if started.name == "__main__.py" else str(started)


def _gives(arguments: Sequence[str], option: str, name: str) -> bool:
    return any(each.startswith((option, f"{name}=")) for each in arguments)
