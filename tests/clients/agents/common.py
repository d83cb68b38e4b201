"""A small coding agent without the SDK part: three tools, a loop, a conversation saved to a file.

Each script next to this file provides `turn`, which takes a history and returns what the model
said and called. Run as `python AGENT.py [--continue] PROMPT`; prints the model's last text.
"""

import json
import pickle
import subprocess
import sys
from pathlib import Path

SESSION = Path.home() / "session.pickle"
_PROPERTIES = {
    "read": {"path": {"type": "string"}},
    "write": {"path": {"type": "string"}, "content": {"type": "string"}},
    "run": {"command": {"type": "string"}},
}
SYSTEM = "You are a coding agent. Be brief."
SCHEMAS = {
    name: {"type": "object", "properties": properties, "required": list(properties)}
    for name, properties in _PROPERTIES.items()
}


def use(name, arguments):
    if name == "read":
        return Path(arguments["path"]).read_text()
    if name == "write":
        Path(arguments["path"]).write_text(arguments["content"])
        return f"wrote {arguments['path']}"
    done = subprocess.run(arguments["command"], shell=True, capture_output=True, text=True)
    return done.stdout + done.stderr


def main(say, turn, answer):
    """Run the agent: `say(history, prompt)` and `answer(history, results)` extend the history.

    `turn(history)` returns the text and the calls of a turn, as (id, name, arguments).
    """
    resumed = sys.argv[1] == "--continue"
    history = pickle.loads(SESSION.read_bytes()) if resumed else []
    say(history, sys.argv[-1])
    while True:
        text, calls = turn(history)
        if not calls:
            break
        results = [(call, name, use(name, arguments)) for call, name, arguments in calls]
        answer(history, results)
    SESSION.write_bytes(pickle.dumps(history))
    print(text)


def parsed(text):
    return json.loads(text or "{}")
