"""The OpenAI SDK for Python: Responses, streamed, with nothing stored by the provider."""

import openai
from common import SCHEMAS, SYSTEM, main, parsed

client = openai.OpenAI()
TOOLS = [
    {"type": "function", "name": name, "description": name, "parameters": s, "strict": False}
    for name, s in SCHEMAS.items()
]


def say(history, prompt):
    history.append({"role": "user", "content": prompt})


def turn(history):
    with client.responses.stream(
        model="gpt-5.5", instructions=SYSTEM, tools=TOOLS, input=history, store=False
    ) as stream:
        for _ in stream:
            pass
        response = stream.get_final_response()
    output = [item.model_dump(mode="json", exclude_unset=True) for item in response.output]
    for item in output:
        item.pop("parsed_arguments", None)
        for part in item.get("content") or []:
            part.pop("parsed", None)
    history.extend(output)
    calls = [
        (item.call_id, item.name, parsed(item.arguments))
        for item in response.output
        if item.type == "function_call"
    ]
    return response.output_text, calls


def answer(history, results):
    history.extend(
        {"type": "function_call_output", "call_id": call, "output": text}
        for call, _, text in results
    )


main(say, turn, answer)
