"""Which environment variable makes which tool trust the CA: a table, and the mapping made from it.

Some variables *add* a CA to the tool's own roots, others *replace* the roots by the file they name.
The latter must get the combined bundle, or every connection that is passed through untouched
fails in that tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Variable:
    name: str
    tools: str
    adds: bool = False
    """True: the named file is added to the tool's roots; False: it replaces them."""


VARIABLES: tuple[Variable, ...] = (
    Variable("NODE_EXTRA_CA_CERTS", "Node, Bun, Claude Code, Gemini CLI, VS Code", adds=True),
    Variable("CODEX_CA_CERTIFICATE", "Codex", adds=True),
    Variable("DENO_CERT", "Deno", adds=True),
    Variable("SSL_CERT_FILE", "OpenSSL, Python (httpx, the SDKs, aider), Go, Rust, Ruby, uv"),
    Variable("REQUESTS_CA_BUNDLE", "Python requests"),
    Variable("CURL_CA_BUNDLE", "curl, Python requests"),
    Variable("PIP_CERT", "pip"),
    Variable("HTTPLIB2_CA_CERTS", "Python httplib2"),
    Variable("AWS_CA_BUNDLE", "AWS CLI, boto3"),
    Variable("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "gcloud"),
    Variable("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "gRPC"),
    Variable("GIT_SSL_CAINFO", "git"),
    Variable("CARGO_HTTP_CAINFO", "cargo"),
    Variable("NPM_CONFIG_CAFILE", "npm, pnpm"),
    Variable("YARN_HTTPS_CA_FILE_PATH", "Yarn"),
    Variable("BUNDLE_SSL_CA_CERT", "Ruby bundler"),
    Variable("NIX_SSL_CERT_FILE", "Nix"),
)


def environment(
    bundle: Path, ca_cert: Path, inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Every CA variable for a child process.

    `inherited` is the environment the child would get otherwise. Where a variable that adds already
    names a file of the user's, the bundle is given in place of our CA alone: `write_bundle` takes
    the certificates of that file in, so that they stay trusted.
    """
    before = inherited or {}
    ours = {"", str(bundle), str(ca_cert)}
    return {
        v.name: str(ca_cert if v.adds and before.get(v.name, "") in ours else bundle)
        for v in VARIABLES
    }


def inherited_files(before: Mapping[str, str]) -> tuple[Path, ...]:
    """The CA files that an environment names already, each once."""
    named = (before.get(v.name, "") for v in VARIABLES)
    return tuple(dict.fromkeys(Path(value) for value in named if value))
