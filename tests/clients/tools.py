"""Data of each tool: its package, and how it is started, logged in and resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clients import credentials, hands, installing
from clients.agent import Hands
from clients.installing import Package

SCENES = ("redact", "restart", "block", "audit", "trust")


@dataclass(frozen=True)
class Login:
    """One way to authenticate to the provider. All values are generated anew for each run."""

    name: str
    environment: Callable[[], Mapping[str, str]] = dict
    files: Callable[[], Mapping[str, str]] = dict
    """Contents of files, by path below the home folder."""
    model: str = ""
    """The value of `{model}` in the arguments."""
    hands: Callable[[Path], Hands] | None = None
    """The tools offered to this log-in's models, if they differ."""


@dataclass(frozen=True)
class Tool:
    name: str
    title: str
    package: Package
    command: tuple[str, ...]
    logins: tuple[Login, ...]
    hands: Callable[[Path], Hands] | None
    """The tools that it offers; None if its model makes no calls and answers with whole files."""
    first: tuple[str, ...]
    """Its arguments; `{prompt}` and `{project}` are replaced."""
    resumed: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for running it unattended; none about proxies or certificates."""
    transports: tuple[str, ...] = ("",)
    home_files: Mapping[str, str] = field(default_factory=dict)
    scenes: tuple[str, ...] = SCENES
    limits: tuple[str, ...] = ()
    """Limitations observed, for readers of the documentation."""
    library: str = ""
    """The package under test, if the tool is a script of ours rather than a program."""
    doctor: str = ""
    """Its name in the doctor's table."""

    def arguments(
        self, given: Sequence[str], login: Login, prompt: str, project: Path
    ) -> list[str]:
        return [each.format(prompt=prompt, project=project, model=login.model) for each in given]


CLAUDE = Tool(
    "claude",
    "Claude Code",
    Package(
        "claude",
        "npm",
        ("@anthropic-ai/claude-code",),
        "@anthropic-ai/claude-code/install.cjs",
    ),
    ("claude",),
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
    limits=(
        "Telemetry goes to `api.anthropic.com` too (`/api/event_logging/v2/batch`, several 100 kB), and is scanned like the rest.",
        "A refusal has status 400 for it: of a 403 it says that the log-in failed.",
    ),
)

CODEX_RUN = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", "gpt-5.5")
CODEX = Tool(
    "codex",
    "Codex",
    Package("codex", "npm", ("@openai/codex",)),
    ("codex",),
    (
        Login("API key", lambda: {"CODEX_API_KEY": credentials.api_key("openai")}),
        Login("ChatGPT", files=lambda: {".codex/auth.json": credentials.codex_auth()}),
    ),
    hands.codex,
    ("exec", *CODEX_RUN, "-C", "{project}", "{prompt}"),
    ("exec", "resume", *CODEX_RUN, "--last", "{prompt}"),
    transports=("WebSocket", "HTTP"),
    doctor="Codex",
    limits=(
        "Over a WebSocket it opens with a message that asks for no answer, then sends `previous_response_id` and what is new. All other requests are HTTP/2.",
        "Where the WebSocket is refused it tries several times before it sends a POST, whose body is zstd with a ChatGPT log-in.",
        "It shows the model's thinking beside the answer, with placeholders: thinking is signed, and nobody edits it.",
        "It prints each error twice, its provider's own too.",
        "Played with `gpt-5.5`, which is offered `exec_command` and `apply_patch`.",
    ),
)

GEMINI = Tool(
    "gemini",
    "Gemini CLI",
    Package("gemini", "npm", ("@google/gemini-cli",)),
    ("gemini",),
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
    limits=(
        "Its `read_file` refuses `.env`, so the model read it with `cat`.",
        "A resumed session sends `skip_thought_signature_validator` in place of the signatures of the first, and each result twice; both are its own doing.",
        "With a Google log-in, an API error is printed as an object, message and cause.",
    ),
)

OPENCODE = Tool(
    "opencode",
    "OpenCode",
    Package("opencode", "npm", ("opencode-ai",), "opencode-ai/postinstall.mjs"),
    ("opencode",),
    (
        Login(
            "Anthropic key",
            lambda: {"ANTHROPIC_API_KEY": credentials.api_key("anthropic")},
            model="anthropic/claude-sonnet-4-5",
        ),
        Login(
            "OpenAI key",
            lambda: {"OPENAI_API_KEY": credentials.api_key("openai")},
            model="openai/gpt-5.2",
            hands=hands.opencode_patching,
        ),
    ),
    hands.opencode,
    ("run", "--model", "{model}", "{prompt}"),
    ("run", "--continue", "--model", "{model}", "{prompt}"),
    {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
    doctor="OpenCode",
    limits=(
        "Played with `gpt-5.2` and `claude-sonnet-4-5`; the former is offered `apply_patch`, the latter `write`.",
    ),
)

QWEN_RUN = ("--approval-mode", "yolo", "--auth-type", "{model}", "-p", "{prompt}")
QWEN = Tool(
    "qwen",
    "Qwen Code",
    Package("qwen", "npm", ("@qwen-code/qwen-code",)),
    ("qwen",),
    (
        Login(
            "OpenAI key",
            lambda: {
                "OPENAI_API_KEY": credentials.api_key("openai"),
                "OPENAI_BASE_URL": "https://api.openai.com/v1",
                "OPENAI_MODEL": "gpt-4o",
            },
            model="openai",
        ),
    ),
    hands.qwen,
    QWEN_RUN,
    ("--continue", *QWEN_RUN),
    doctor="Qwen Code",
)

AGENTS = Path(__file__).with_name("agents")
PYTHON_SDKS = Package("sdks-python", "pip", ("anthropic", "openai", "google-genai"))
LANGCHAIN = Package("langchain", "pip", ("langchain", "langchain-anthropic", "langchain-openai"))
LITELLM = Package("litellm", "pip", ("litellm", "mcp"))
NODE_SDKS = Package("sdks-js", "npm", ("@anthropic-ai/sdk", "openai", "@google/genai"))
COPILOT_RUN = ("--model", "claude-sonnet-4.5", "--allow-all-tools", "-p", "{prompt}")
COPILOT = Tool(
    "copilot",
    "Copilot CLI",
    Package("copilot", "npm", ("@github/copilot",)),
    ("copilot",),
    (Login("GitHub token", lambda: {"COPILOT_GITHUB_TOKEN": credentials.github_token()}),),
    hands.copilot,
    COPILOT_RUN,
    ("--continue", *COPILOT_RUN),
    doctor="Copilot CLI",
    limits=(
        "There is no account: a made-up token, for which the services here answered with a plan, and one model over Chat Completions. Its WebSocket was not reached.",
        "It masks some secrets itself in what its tools read: the model sees `******` for a GitHub token.",
    ),
)

AIDER_RUN = (
    *("--model", "gemini/gemini-2.5-flash", "--edit-format", "whole", "--message", "{prompt}"),
    *("--yes-always", "--no-git", "--no-check-update", "--analytics-disable", "--no-pretty"),
    *("--no-show-model-warnings", "--no-show-release-notes"),
)
AIDER = Tool(
    "aider",
    "Aider",
    Package("aider", "pip", ("aider-chat",), python=(3, 12)),
    ("aider",),
    (Login("Gemini key", lambda: {"GEMINI_API_KEY": credentials.api_key("google")}),),
    None,
    (*AIDER_RUN, ".env", "deploy.pem"),
    (*AIDER_RUN, "--restore-chat-history", ".env", "deploy.pem"),
    doctor="Aider",
    scenes=("redact", "block", "audit", "trust"),
    limits=(
        "It runs no command unasked, also not with `--yes-always`: files only, and no restart, which a command asks for.",
        (
            "It loads the project's `.env` into its environment. A key for its provider in there becomes its own credential: it goes to "
            "that provider in a header, and a request's own credential is no secret to whom it is sent."
        ),
    ),
)

_TRUST = ("sdk-python", "sdk-js")
"""One tool per runtime shows which CA all tools of that runtime use."""
_KEYS = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "google": "GEMINI_API_KEY",
}


def _library(package: Package, provider: str) -> str:
    """Return the provider's package, or the one for all providers."""
    wanted = {"google": "genai"}.get(provider, provider)
    own = (name for name in package.names if wanted in name)
    return package.names[0] if package in (LANGCHAIN, LITELLM) else next(own)


def _script(
    name: str, title: str, package: Package, script: str, provider: str, model: str = ""
) -> Tool:
    """Return a script of ours that uses an SDK as an agent does."""
    python = package.manager == "pip"
    key = _KEYS[provider]
    modules = {} if python else {"AGENT_MODULES": str(installing.cache() / package.folder)}
    return Tool(
        name,
        title,
        package,
        ("python" if python else "node", str(AGENTS / script)),
        (Login("API key", lambda: {key: credentials.api_key(provider)}),),
        hands.wordy_script if package is LITELLM else hands.script,
        ("{prompt}",),
        ("--continue", "{prompt}"),
        {**modules, **({"AGENT_MODEL": model} if model else {})},
        doctor="Python SDKs" if python else "Node SDKs",
        scenes=SCENES if name in _TRUST else SCENES[:-1],
        library=_library(package, provider),
    )


_PYTHON, _JS = "for Python", "for JavaScript"
SCRIPTS = (
    _script(
        "sdk-python", f"Anthropic SDK {_PYTHON}", PYTHON_SDKS, "python_anthropic.py", "anthropic"
    ),
    _script(
        "sdk-python-openai", f"OpenAI SDK {_PYTHON}", PYTHON_SDKS, "python_openai.py", "openai"
    ),
    _script(
        "sdk-python-genai", f"Google GenAI SDK {_PYTHON}", PYTHON_SDKS, "python_genai.py", "google"
    ),
    _script("sdk-js", f"Anthropic SDK {_JS}", NODE_SDKS, "js_anthropic.mjs", "anthropic"),
    _script("sdk-js-openai", f"OpenAI SDK {_JS}", NODE_SDKS, "js_openai.mjs", "openai"),
    _script("sdk-js-genai", f"Google GenAI SDK {_JS}", NODE_SDKS, "js_genai.mjs", "google"),
    _script(
        "langchain",
        "LangChain, Anthropic",
        LANGCHAIN,
        "python_langchain.py",
        "anthropic",
        "anthropic:claude-opus-5-5",
    ),
    _script(
        "langchain-openai",
        "LangChain, OpenAI",
        LANGCHAIN,
        "python_langchain.py",
        "openai",
        "openai:gpt-4o",
    ),
    _script(
        "litellm",
        "LiteLLM, Anthropic",
        LITELLM,
        "python_litellm.py",
        "anthropic",
        "anthropic/claude-opus-5-5",
    ),
    _script(
        "litellm-openai", "LiteLLM, OpenAI", LITELLM, "python_litellm.py", "openai", "openai/gpt-4o"
    ),
)

UNCOVERED: tuple[tuple[str, str, str], ...] = (
    (
        "all",
        "their screens",
        "They are run without a terminal, so what they draw on one was not looked at.",
    ),
    ("all", "macOS, Windows", "There was Linux only."),
    (
        "all",
        "what the real services accept",
        "There is no account. What is known of their checks is played by the provider here.",
    ),
    (
        "Codex",
        "the models whose one tool takes JavaScript",
        "The scripted model writes commands and patches, not programs.",
    ),
    (
        "Copilot CLI",
        "its WebSocket, its other models",
        "Which models speak over it is told by the service, to an account.",
    ),
    (
        "Qwen Code",
        "its own log-in",
        "The vendor ended it: 0.24.4 says that Qwen OAuth was discontinued, and asks for nothing.",
    ),
    (
        "OpenCode",
        "its ChatGPT log-in",
        "With a made-up log-in its own server fails before anything is sent.",
    ),
    ("Cursor, VS Code, JetBrains", "all", "Editors that need a screen, and an account."),
)
"""Tools that are not covered: name, which part, and why."""

TOOLS = {
    tool.name: tool for tool in (CLAUDE, CODEX, GEMINI, OPENCODE, QWEN, COPILOT, AIDER, *SCRIPTS)
}
