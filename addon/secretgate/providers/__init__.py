"""One table a family of APIs; `DIALECTS` holds them by name."""

from secretgate.providers.anthropic import ANTHROPIC
from secretgate.providers.assistants import ASSISTANTS
from secretgate.providers.base import Dialect, Piece, value_at
from secretgate.providers.bedrock import BEDROCK
from secretgate.providers.cohere import COHERE
from secretgate.providers.dashscope import DASHSCOPE
from secretgate.providers.gemini import GEMINI
from secretgate.providers.generic import GENERIC
from secretgate.providers.mcp import MCP
from secretgate.providers.ollama import OLLAMA
from secretgate.providers.openai import CHAT, RESPONSES
from secretgate.providers.protobuf import PROTOBUF

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        ANTHROPIC,
        CHAT,
        RESPONSES,
        ASSISTANTS,
        GEMINI,
        BEDROCK,
        COHERE,
        OLLAMA,
        DASHSCOPE,
        MCP,
        PROTOBUF,
        GENERIC,
    )
}

__all__ = ["DIALECTS", "Dialect", "Piece", "value_at"]
