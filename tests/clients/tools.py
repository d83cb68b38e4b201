"""Each tool: what it is installed from, how it is started, logged in and resumed. Data; how it is told is `world`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clients import credentials, hands
from clients.agent import Hands
from clients.installing import Package


@dataclass(frozen=True)
class Login:
    """One way to be somebody for the provider. All of it is made up anew for each run."""

    name: str
    environment: Callable[[], Mapping[str, str]] = dict
    files: Callable[[], Mapping[str, str]] = dict
    """Below the home folder, by path."""


@dataclass(frozen=True)
class Tool:
    name: str
    title: str
    package: Package
    program: str
    logins: tuple[Login, ...]
    hands: Callable[[Path], Hands]
    first: tuple[str, ...]
    """Its arguments; `{prompt}` and `{project}` are filled in."""
    resumed: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it needs to run without a person; nothing of proxies or certificates."""
    transports: tuple[str, ...] = ("",)
    home_files: Mapping[str, str] = field(default_factory=dict)
    scenes: tuple[str, ...] = ("redact", "restart", "block", "audit")
    doctor: str = ""
    """Its name in the doctor's table."""

    def arguments(self, given: Sequence[str], prompt: str, project: Path) -> list[str]:
        return [each.format(prompt=prompt, project=project) for each in given]


CLAUDE = Tool(
    "claude",
    "Claude Code",
    Package(
        "claude",
        "npm",
        ("@anthropic-ai/claude-code",),
        "@anthropic-ai/claude-code/install.cjs",
    ),
    "claude",
    (
        Login("API key", lambda: {"ANTHROPIC_API_KEY": credentials.api_key("anthropic")}),
        Login("OAuth", lambda: {"CLAUDE_CODE_OAUTH_TOKEN": credentials.claude_token()}),
    ),
    hands.claude,
    ("-p", "{prompt}", "--allowedTools", "Write,Bash,Read", "--permission-mode", "acceptEdits"),
    (
        "--continue",
        "-p",
        "{prompt}",
        "--allowedTools",
        "Write,Bash,Read",
        "--permission-mode",
        "acceptEdits",
    ),
    {"IS_SANDBOX": "1", "DISABLE_AUTOUPDATER": "1"},
    doctor="Claude Code",
)

CODEX_RUN = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", "gpt-5.5")
CODEX = Tool(
    "codex",
    "Codex",
    Package("codex", "npm", ("@openai/codex",)),
    "codex",
    (
        Login("API key", lambda: {"CODEX_API_KEY": credentials.api_key("openai")}),
        Login("ChatGPT", files=lambda: {".codex/auth.json": credentials.codex_auth()}),
    ),
    hands.codex,
    ("exec", *CODEX_RUN, "-C", "{project}", "{prompt}"),
    ("exec", "resume", *CODEX_RUN, "--last", "{prompt}"),
    transports=("WebSocket", "HTTP"),
    doctor="Codex",
)

GEMINI = Tool(
    "gemini",
    "Gemini CLI",
    Package("gemini", "npm", ("@google/gemini-cli",)),
    "gemini",
    (
        Login("API key", lambda: {"GEMINI_API_KEY": credentials.api_key("google")}),
        Login(
            "OAuth",
            files=lambda: {
                ".gemini/oauth_creds.json": credentials.gemini_oauth(),
                ".gemini/settings.json": '{"security":{"auth":{"selectedType":"oauth-personal"}}}',
            },
        ),
    ),
    hands.gemini,
    ("-p", "{prompt}", "--approval-mode", "yolo", "-m", "gemini-2.5-flash"),
    ("--resume", "latest", "-p", "{prompt}", "--approval-mode", "yolo", "-m", "gemini-2.5-flash"),
    {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_FORCE_FILE_STORAGE": "true"},
    doctor="Gemini CLI",
)

TOOLS = {tool.name: tool for tool in (CLAUDE, CODEX, GEMINI)}
