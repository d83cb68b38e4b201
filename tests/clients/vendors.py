"""Responses of the vendors' other services: settings, login states, quotas, model lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from clients.credentials import ACCOUNT
from harness.provider import Provider
from harness.wire import Answer, Received

_TIER = {"id": "standard-tier", "name": "Standard", "userDefinedCloudaicompanionProject": False}
_ASSIST = {"currentTier": _TIER, "allowedTiers": [_TIER], "cloudaicompanionProject": "made-up-1"}
_TOKEN = {"aud": "made-up", "scope": "openid email", "expires_in": 3599}
_WORKSPACE = {
    "id": ACCOUNT,
    "workspace_backend_origin": "NO_CONSTRAINT",
    "account_routing_override": "NO_CONSTRAINT",
}
_COPILOT = {
    "login": "jo",
    "access_type_sku": "plus_monthly_subscriber_quota",
    "copilot_plan": "individual_pro",
    "chat_enabled": True,
    "cli_enabled": True,
    "endpoints": {
        "api": "https://api.individual.githubcopilot.com",
        "proxy": "https://proxy.individual.githubcopilot.com",
        "telemetry": "https://telemetry.individual.githubcopilot.com",
    },
}
_MODEL = {
    "id": "claude-sonnet-4.5",
    "name": "Claude Sonnet 4.5",
    "object": "model",
    "vendor": "Anthropic",
    "version": "claude-sonnet-4.5",
    "preview": False,
    "is_chat_default": True,
    "model_picker_enabled": True,
    "policy": {"state": "enabled", "terms": ""},
    "billing": {"is_premium": False, "multiplier": 0},
    "supported_endpoints": ["/chat/completions"],
    "capabilities": {
        "family": "claude-sonnet-4.5",
        "type": "chat",
        "object": "model_capabilities",
        "tokenizer": "o200k_base",
        "limits": {
            "max_context_window_tokens": 128_000,
            "max_output_tokens": 16_384,
            "max_prompt_tokens": 111_616,
        },
        "supports": {"streaming": True, "tool_calls": True, "parallel_tool_calls": True},
    },
}
FIXED: tuple[tuple[str, str, int, Any], ...] = (
    (r"api\.anthropic\.com", r"/api/claude_code/policy_limits", 200, {"restrictions": {}}),
    (r"api\.anthropic\.com", r"/api/claude_code/settings", 404, {}),
    (r"cloudcode-pa\..*", r"/v1internal:loadCodeAssist", 200, _ASSIST),
    (r"cloudcode-pa\..*", r"/v1internal:(?!.*(Content|countTokens)).*", 200, {}),
    (r"oauth2\.googleapis\.com", r"/tokeninfo", 200, _TOKEN),
    (r"chatgpt\.com", r"/backend-api/wham/accounts/check", 200, {"accounts": [_WORKSPACE]}),
    (r"chatgpt\.com", r"/backend-api/codex/models", 200, {"models": []}),
    (r"chatgpt\.com", r"/backend-api/(ps|wham|plugins)/.*", 404, {}),
    (r"api\.github\.com", r"/copilot_internal/user", 200, _COPILOT),
    (r"api\..*githubcopilot\.com", r"/models", 200, {"object": "list", "data": [_MODEL]}),
    (r"raw\.githubusercontent\.com|models\.opencode\.ai|models\.dev", r".*", 404, {}),
    (r"registry\.npmjs\.org|api\.github\.com|.*pypi\.org", r".*", 404, {}),
    (r"api\.openai\.com", r"/v1/models", 200, {"object": "list", "data": [], "models": []}),
)
"""Host and path (full matches), status and response; the first match counts."""


class Vendors(Provider):
    """A provider for every requested host, with a certificate for its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(folder)

    def _identify(self, connection: Any, name: str | None, context: Any) -> None:
        if name and name not in self._contexts and re.fullmatch(r"[\w.-]+", name):
            self._contexts[name] = self._identity([name], self._folder)
        super()._identify(connection, name, context)

    def respond(self, request: Received) -> Answer:
        path = request.path.partition("?")[0]
        for host, where, status, payload in FIXED:
            if re.fullmatch(host, request.host) and re.fullmatch(where, path):
                return self._whole(status, payload, self._manner)
        if request.header("upgrade") == "websocket":
            return self._whole(426, {"error": "no WebSockets here"}, self._manner)
        return super().respond(request)
