"""LangChain: a chat model with tools, streamed; the environment names the model."""

import os

from common import SCHEMAS, SYSTEM, main
from langchain.chat_models import init_chat_model
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage

TOOLS = [
    {"type": "function", "function": {"name": name, "description": name, "parameters": s}}
    for name, s in SCHEMAS.items()
]
model = init_chat_model(os.environ["AGENT_MODEL"]).bind_tools(TOOLS)


def say(history, prompt):
    history.append(HumanMessage(prompt))


def turn(history):
    message = None
    for chunk in model.stream([SystemMessage(SYSTEM), *history]):
        message = chunk if message is None else message + chunk
    history.append(message)
    text = message.text if isinstance(message.text, str) else message.text()
    return text, [(call["id"], call["name"], call["args"]) for call in message.tool_calls]


def answer(history, results):
    history.extend(ToolMessage(text, tool_call_id=call, name=name) for call, name, text in results)


main(say, turn, answer)
