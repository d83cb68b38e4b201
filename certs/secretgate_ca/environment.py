"""The environment variables that make tools trust the CA: a table, and the mapping built from it.

Some variables *add* a CA to a tool's own roots, others *replace* them with the file they name. The
latter must get the combined bundle, or the tool would reject every connection that is tunnelled
unchanged.
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
    """Whether the named file is added to the tool's roots; otherwise it replaces them."""


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
    """Return all CA variables for a child process.

    `inherited` is the environment that the child would otherwise get. If a variable that adds roots
    already names a file of the user's, it gets the bundle instead of our CA alone: `write_bundle`
    includes the certificates of that file, so they stay trusted.
    """
    before = inherited or {}
    ours = {"", str(bundle), str(ca_cert)}
    return {
        v.name: str(ca_cert if v.adds and before.get(v.name, "") in ours else bundle)
        for v in VARIABLES
    }


def inherited_files(before: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the CA files that an environment already names, without duplicates."""
    named = (before.get(v.name, "") for v in VARIABLES)
    return tuple(dict.fromkeys(Path(value) for value in named if value))
