"""One table a family of APIs; `DIALECTS` holds them by name."""

from secretgate.providers.anthropic import ANTHROPIC
from secretgate.providers.base import Dialect, Piece
from secretgate.providers.gemini import GEMINI
from secretgate.providers.generic import GENERIC
from secretgate.providers.openai import CHAT, RESPONSES

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (ANTHROPIC, CHAT, RESPONSES, GEMINI, GENERIC)
}

__all__ = ["DIALECTS", "Dialect", "Piece"]
