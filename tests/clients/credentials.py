"""Fake logins: the credentials that each tool finds in its usual place."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from secretgate.demo.planted import Maker

_MAKE = Maker(77)
_YEAR = 365 * 24 * 3600
ACCOUNT = "00000000-0000-4000-8000-000000000001"


def api_key(kind: str) -> str:
    makers = {"anthropic": _MAKE.anthropic, "openai": _MAKE.openai, "google": _google}
    return makers[kind]() if kind in makers else _MAKE.text(32)


def _google() -> str:
    return "AIza" + _MAKE.text(35)


def github_token() -> str:
    return "github_pat_" + _MAKE.text(22) + "_" + _MAKE.text(59)


def claude_token() -> str:
    return "sk-ant-oat01-" + _MAKE.text(93) + "AA"


def _jwt(claims: dict[str, Any]) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.{_MAKE.text(43)}"


def codex_auth() -> str:
    """Return an `auth.json` as after a login with ChatGPT."""
    claims = {
        "iss": "https://auth.openai.com",
        "aud": ["app_made_up"],
        "exp": int(time.time()) + _YEAR,
        "iat": int(time.time()),
        "email": "jo@example.com",
        "sub": "auth0|made-up",
        "https://api.openai.com/auth": {
            "chatgpt_account_id": ACCOUNT,
            "chatgpt_plan_type": "plus",
            "chatgpt_user_id": "user-made-up",
            "user_id": "user-made-up",
        },
        "https://api.openai.com/profile": {"email": "jo@example.com"},
    }
    tokens = {
        "id_token": _jwt(claims),
        "access_token": _jwt({**claims, "scp": ["openid", "profile", "email"]}),
        "refresh_token": _MAKE.text(60),
        "account_id": ACCOUNT,
    }
    refreshed = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({"OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": refreshed})


def gemini_oauth() -> str:
    """Return an `oauth_creds.json` as after a login with Google."""
    return json.dumps(
        {
            "access_token": "ya29." + _MAKE.text(60),
            "refresh_token": "1//" + _MAKE.text(60),
            "scope": "https://www.googleapis.com/auth/cloud-platform openid",
            "token_type": "Bearer",
            "id_token": _jwt({"email": "jo@example.com", "sub": "1"}),
            "expiry_date": (int(time.time()) + _YEAR) * 1000,
        }
    )
