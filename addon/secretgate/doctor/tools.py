"""Data on each tool: where it gets its proxy and roots from, and what directs it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reads(Enum):
    """Where a tool gets its proxy and roots from."""

    ENVIRONMENT = "environment"
    NODE = "node"
    """The environment, if `NODE_USE_ENV_PROXY` is set."""
    EDITOR = "editor"
    """Its own settings and the system's trust store."""
    DAEMON = "daemon"
    """The environment of a service, which differs from this shell's."""


@dataclass(frozen=True)
class Tool:
    """What is known about one tool."""

    name: str
    commands: tuple[str, ...]
    hosts: tuple[str, ...]
    reads: Reads = Reads.ENVIRONMENT
    trust: tuple[str, ...] = ()
    """The variables that it reads roots from; any one of them is enough."""
    base_urls: tuple[str, ...] = ()
    settings: str = ""
    """Path below the home folder of a JSON settings file whose `env` member sets variables."""
    editor: str = ""
    """The folder name of the editor's settings."""
    notes: tuple[str, ...] = ()


_NODE_CA = ("NODE_EXTRA_CA_CERTS",)
_EITHER_CA = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")
_OPENAI = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
_ANTHROPIC = "ANTHROPIC_BASE_URL"

TOOLS: tuple[Tool, ...] = (
    Tool(
        "Claude Code",
        ("claude",),
        ("api.anthropic.com",),
        trust=_EITHER_CA,
        base_urls=(
            _ANTHROPIC,
            "ANTHROPIC_BEDROCK_BASE_URL",
            "ANTHROPIC_VERTEX_BASE_URL",
            "ANTHROPIC_FOUNDRY_BASE_URL",
            "ANTHROPIC_AWS_BASE_URL",
            "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
            "ANTHROPIC_UNIX_SOCKET",
        ),
        settings=".claude/settings.json",
    ),
    Tool(
        "Codex",
        ("codex",),
        ("api.openai.com", "chatgpt.com"),
        trust=("CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"),
        base_urls=_OPENAI,
        notes=(
            "some versions take the roots for WebSockets from the system's store only: secretgate-ca install",
        ),
    ),
    Tool(
        "Gemini CLI",
        ("gemini",),
        ("generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com"),
        trust=_NODE_CA,
        base_urls=("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "CODE_ASSIST_ENDPOINT"),
    ),
    Tool("Copilot CLI", ("copilot",), ("api.githubcopilot.com",), trust=_EITHER_CA),
    Tool(
        "OpenCode",
        ("opencode",),
        ("api.anthropic.com", "api.openai.com"),
        trust=_EITHER_CA,
        base_urls=(_ANTHROPIC, *_OPENAI),
    ),
    Tool("Qwen Code", ("qwen",), ("api.openai.com",), trust=_NODE_CA, base_urls=_OPENAI),
    Tool(
        "Aider",
        ("aider",),
        ("api.anthropic.com", "api.openai.com"),
        trust=("SSL_CERT_FILE",),
        base_urls=(_ANTHROPIC, *_OPENAI),
    ),
    Tool("Mistral Vibe", ("vibe",), ("api.mistral.ai",), trust=("SSL_CERT_FILE",)),
    Tool(
        "Cline CLI",
        ("cline",),
        ("api.cline.bot", "api.anthropic.com", "api.openai.com"),
        trust=_EITHER_CA,
        base_urls=(_ANTHROPIC, *_OPENAI),
    ),
    Tool(
        "Continue CLI",
        ("cn",),
        ("api.anthropic.com", "api.openai.com"),
        trust=_NODE_CA,
        base_urls=(_ANTHROPIC, *_OPENAI),
    ),
    Tool(
        "Pi",
        ("pi",),
        ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"),
        trust=_NODE_CA,
    ),
    Tool("Cursor", ("cursor",), ("api2.cursor.sh",), Reads.EDITOR, editor="Cursor"),
    Tool("VS Code", ("code", "codium"), ("api.githubcopilot.com",), Reads.EDITOR, editor="Code"),
    Tool(
        "Ollama daemon",
        ("ollama",),
        ("ollama.com",),
        Reads.DAEMON,
        notes=(
            (
                "models on this machine are asked at 127.0.0.1:11434 and pass no proxy; to have them gated: "
                "secretgate serve --base-url, and OLLAMA_HOST=http://127.0.0.1:8080/ollama"
            ),
        ),
    ),
    Tool(
        "Python SDKs",
        ("python3", "python"),
        ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"),
        trust=("SSL_CERT_FILE",),
        base_urls=(_ANTHROPIC, *_OPENAI, "GOOGLE_GEMINI_BASE_URL"),
    ),
    Tool(
        "Node SDKs",
        ("node",),
        ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"),
        Reads.NODE,
        _NODE_CA,
        (_ANTHROPIC, *_OPENAI, "GOOGLE_GEMINI_BASE_URL"),
    ),
)
