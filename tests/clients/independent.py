"""Data of the tools that belong to no vendor of models."""

from __future__ import annotations

from clients import credentials, hands
from clients.installing import Package
from clients.tool import Login, Tool

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
        "Tested with the model names `gpt-5.2`, for which OpenCode offers the tool `apply_patch`, and `claude-sonnet-4-5`, for which it offers `write`.",
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
        "It runs no command without confirmation, not even with `--yes-always`. So only files were tested, and there is no restart scene, which needs a command.",
        (
            "It loads the project's `.env` into its environment. If that file contains a key for its provider, Aider uses it as its own credential "
            "and sends it to that provider in a header. secretgate does not change the credential of a request."
        ),
    ),
)

CLINE_RUN = ("-P", "{model}", "-m", "claude-sonnet-4-5", "{prompt}")
CLINE = Tool(
    "cline",
    "Cline CLI",
    Package("cline", "npm", ("cline",)),
    ("cline",),
    (
        Login(
            "Anthropic key",
            lambda: {"ANTHROPIC_API_KEY": credentials.api_key("anthropic")},
            model="anthropic",
        ),
    ),
    hands.cline,
    CLINE_RUN,
    doctor="Cline CLI",
    limits=(
        "Its sessions are resumed by ID only, so there was one conversation.",
        (
            "It hands its work to a daemon in the background, which keeps the environment that it was started with. A daemon that was started outside of a run "
            "sent the prompts of the run past the proxy. `secretgate run` sets Cline's switch `CLINE_SESSION_BACKEND_MODE=local`, with which it does the work itself."
        ),
        "It shows the model the results of its tools as JSON in a string.",
    ),
)

CONTINUE_RUN = ("--auto", "-p", "{prompt}")
CONTINUE = Tool(
    "continue",
    "Continue CLI",
    Package("continue", "npm", ("@continuedev/cli",)),
    ("cn",),
    (
        Login(
            "Anthropic key",
            lambda: {"ANTHROPIC_API_KEY": credentials.api_key("anthropic")},
        ),
    ),
    hands.continue_,
    CONTINUE_RUN,
    ("--resume", *CONTINUE_RUN),
    doctor="Continue CLI",
    limits=(
        "Its tool `Read` refuses to read `.env`, so the scripted model reads the file with `cat`.",
    ),
)

PI_RUN = ("--model", "{model}", "-p", "{prompt}")
PI = Tool(
    "pi",
    "Pi",
    Package("pi", "npm", ("@mariozechner/pi-coding-agent",)),
    ("pi",),
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
        ),
        Login(
            "Gemini key",
            lambda: {"GEMINI_API_KEY": credentials.api_key("google")},
            model="google/gemini-2.5-flash",
        ),
    ),
    hands.pi,
    PI_RUN,
    ("--continue", *PI_RUN),
    doctor="Pi",
    limits=("It reads `HTTPS_PROXY` without `NODE_USE_ENV_PROXY` too.",),
)

TOOLS = (OPENCODE, AIDER, CLINE, CONTINUE, PI)
