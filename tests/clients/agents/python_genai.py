"""Google's SDK for Python: streamed, with thought signatures that are sent back unchanged."""

from common import SCHEMAS, SYSTEM, main
from google import genai
from google.genai import types

client = genai.Client()
TOOLS = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(name=name, description=name, parameters_json_schema=s)
            for name, s in SCHEMAS.items()
        ]
    )
]
CONFIG = types.GenerateContentConfig(
    system_instruction=SYSTEM,
    tools=TOOLS,
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def say(history, prompt):
    history.append(types.Content(role="user", parts=[types.Part(text=prompt)]))


def turn(history):
    parts = []
    for chunk in client.models.generate_content_stream(
        model="gemini-2.5-flash", contents=history, config=CONFIG
    ):
        for part in chunk.candidates[0].content.parts or []:
            if part.text and parts and parts[-1].text and parts[-1].thought == part.thought:
                parts[-1].text += part.text
            elif part.text or part.function_call:
                parts.append(part)
    history.append(types.Content(role="model", parts=parts))
    text = "".join(part.text for part in parts if part.text and not part.thought)
    calls = [part.function_call for part in parts if part.function_call]
    return text, [(call.id, call.name, call.args) for call in calls]


def answer(history, results):
    parts = [
        types.Part.from_function_response(name=name, response={"output": text})
        for _, name, text in results
    ]
    history.append(types.Content(role="user", parts=parts))


main(say, turn, answer)
