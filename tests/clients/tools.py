"""Data of each tool, by vendor; those of no vendor of models are in `independent`."""

from __future__ import annotations

from pathlib import Path

from clients import credentials, hands, independent, installing
from clients.installing import Package
from clients.tool import SCENES, Login, Tool

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
        "It also sends telemetry to `api.anthropic.com` (`/api/event_logging/v2/batch`, several 100 kB). secretgate scans it like any other request.",
        "secretgate refuses its requests with status 400. After a 403, Claude Code would report a failed login.",
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
        "On a WebSocket, its first message expects no answer; each later message contains `previous_response_id` and the new items only. All other requests use HTTP/2.",
        "If the WebSocket is refused, it retries several times before it falls back to POST. With a ChatGPT login, the POST body is compressed with zstd.",
        "It displays the model's thinking. Placeholders in it are not restored, because thinking is signed and must not be changed.",
        "It prints each error twice, including errors of the provider itself.",
        "Tested with the model name `gpt-5.5`, for which Codex offers the tools `exec_command` and `apply_patch`.",
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
        "Its tool `read_file` refuses to read `.env`, so the scripted model reads the file with `cat`.",
        "When a session is resumed, Gemini CLI replaces the signatures of earlier turns by `skip_thought_signature_validator` and sends each tool result twice. It does so without secretgate too.",
        "With a Google login, it prints an API error as an object, which contains the message twice.",
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

VIBE_RUN = ("--auto-approve", "--trust", "-p", "{prompt}")
VIBE = Tool(
    "vibe",
    "Mistral Vibe",
    Package("vibe", "pip", ("mistral-vibe",)),
    ("vibe",),
    (Login("API key", lambda: {"MISTRAL_API_KEY": credentials.api_key("mistral")}),),
    hands.vibe,
    VIBE_RUN,
    ("--continue", *VIBE_RUN),
    doctor="Mistral Vibe",
    limits=(
        "It also sends telemetry to `api.mistral.ai` (`/v1/datalake/events`). secretgate scans it like any other request.",
        "secretgate refuses its requests with status 400. After a 403, Vibe would report an invalid API key.",
    ),
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
        "The token is made up; the simulated services accept it and offer one model, over Chat Completions. The WebSocket transport was not tested.",
        "It masks some secrets itself in the output of its tools: the model sees `******` instead of a GitHub token.",
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
        "terminal interfaces",
        (
            "The tools run without a terminal. Claude Code and Codex were run once by hand in a pseudo-terminal: the values were on the screen and in the files, "
            "and nothing of secretgate's was on the screen before the line at the end."
        ),
    ),
    ("all", "macOS, Windows", "The tests ran on Linux only."),
    (
        "all",
        "the real services",
        "No accounts were used. The simulated provider makes the checks that are known of the real ones.",
    ),
    (
        "Codex",
        "models whose only tool runs JavaScript",
        "The scripted model writes commands and patches only.",
    ),
    (
        "Copilot CLI",
        "WebSocket, other models",
        "The service tells an account which models use the WebSocket.",
    ),
    (
        "Qwen Code",
        "Qwen OAuth",
        "The vendor discontinued it; 0.24.4 says so and does not offer it.",
    ),
    (
        "OpenCode",
        "ChatGPT login",
        "With made-up credentials, OpenCode fails before it sends anything.",
    ),
    (
        "Kilo CLI",
        "all",
        "The package of its newest version's program is missing on npm. 7.7.7 passed the scenes `redact` and `block` once, run by hand.",
    ),
    (
        "Crush, Goose, Kimi Code",
        "all",
        "Their programs are on GitHub and vendors' sites only, or an older one is no longer maintained.",
    ),
    ("Amp, Auggie, Droid, Letta Code", "all", "They need an account of a service of their own."),
    ("Cursor, VS Code, JetBrains", "all", "They need a graphical screen and an account."),
)
"""Tools that are not covered: name, which part, and why."""

TOOLS = {
    tool.name: tool
    for tool in (CLAUDE, CODEX, GEMINI, QWEN, COPILOT, VIBE, *independent.TOOLS, *SCRIPTS)
}
