"""Constants shared by the self-test and the proxy that answers it."""

from __future__ import annotations

CONNECT_HEADER = "x-secretgate-self-test"
PATH = "/v1/messages?secretgate=self-test"
HOST = "api.anthropic.com"
