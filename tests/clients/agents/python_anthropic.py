"""The Anthropic SDK for Python: streamed, with thinking that is sent back unchanged."""

import anthropic
from common import SCHEMAS, SYSTEM, main

client = anthropic.Anthropic()
TOOLS = [{"name": name, "description": name, "input_schema": s} for name, s in SCHEMAS.items()]


def say(history, prompt):
    history.append({"role": "user", "content": prompt})


def turn(history):
    with client.messages.stream(
        model="claude-opus-5-5", max_tokens=4096, system=SYSTEM, tools=TOOLS, messages=history
    ) as stream:
        message = stream.get_final_message()
    content = message.model_dump(mode="json", exclude_unset=True)["content"]
    for each in content:
        each.pop("parsed_output", None)
    history.append({"role": "assistant", "content": content})
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, [(b.id, b.name, b.input) for b in message.content if b.type == "tool_use"]


def answer(history, results):
    content = [
        {"type": "tool_result", "tool_use_id": call, "content": text} for call, _, text in results
    ]
    history.append({"role": "user", "content": content})


main(say, turn, answer)
