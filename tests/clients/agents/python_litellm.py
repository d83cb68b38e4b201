"""LiteLLM: one `completion` for all providers, streamed; the environment names the model."""

import os

import litellm
from common import SCHEMAS, SYSTEM, main, parsed

TOOLS = [
    {"type": "function", "function": {"name": name, "description": name, "parameters": s}}
    for name, s in SCHEMAS.items()
]


def say(history, prompt):
    history.append({"role": "user", "content": prompt})


def turn(history):
    messages = [{"role": "system", "content": SYSTEM}, *history]
    chunks = list(
        litellm.completion(
            model=os.environ["AGENT_MODEL"], messages=messages, tools=TOOLS, stream=True
        )
    )
    message = litellm.stream_chunk_builder(chunks, messages=messages).choices[0].message
    history.append(message.model_dump(exclude_none=True))
    calls = message.tool_calls or []
    return message.content or "", [
        (call.id, call.function.name, parsed(call.function.arguments)) for call in calls
    ]


def answer(history, results):
    history.extend(
        {"role": "tool", "tool_call_id": call, "content": text} for call, _, text in results
    )


main(say, turn, answer)
