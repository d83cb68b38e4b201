"""The tool of the demonstration: what it asks the model, and how it reads the streamed answer."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secretgate.demo.process import Failed, Mitmdump
from secretgate.demo.provider import HOST, OTHER, Provider


def request(history: list[dict[str, Any]]) -> bytes:
    head = {"model": "claude-demo", "max_tokens": 1024, "stream": True}
    return json.dumps({**head, "messages": history}).encode()


def conversation(env: str) -> list[dict[str, Any]]:
    call = {"type": "tool_use", "id": "toolu_00", "name": "read_file", "input": {"path": ".env"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_00", "content": env}
    return [
        {"role": "user", "content": [{"type": "text", "text": "Turn my .env into deploy.sh"}]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]


@dataclass
class Answer:
    """What the tool got in one turn."""

    text: str = ""
    arguments: str = ""
    events: int = 0
    first: float = 0.0
    """Seconds until the first piece of text."""


def next_turn(answer: Answer) -> list[dict[str, Any]]:
    """Return what an answer adds to the conversation: its own message, and the tool's result."""
    called = {"type": "tool_use", "id": "toolu_01", "name": "write_file"}
    called["input"] = json.loads(answer.arguments)
    said = {"type": "text", "text": answer.text}
    done = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "written"}
    return [
        {"role": "assistant", "content": [said, called]},
        {"role": "user", "content": [done]},
    ]


def connect(proxy: Mitmdump, host: str, trusted: Path) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(trusted))
    connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=60, context=context)
    connection.set_tunnel(host, 443)
    return connection


def ask(connection: http.client.HTTPSConnection, body: bytes) -> Answer:
    headers = {"content-type": "application/json", "x-api-key": "none", "host": HOST}
    started = time.perf_counter()
    connection.request("POST", "/v1/messages", body, headers)
    response = connection.getresponse()
    if response.status != 200:
        raise Failed(f"the proxy answered {response.status}: {response.read(300).decode()}")
    answer = Answer()
    for line in response:
        if line.startswith(b"data: "):
            delta = json.loads(line[6:]).get("delta", {})
            answer.events += "text" in delta or "partial_json" in delta
            answer.first = answer.first or (time.perf_counter() - started if answer.events else 0)
            answer.text += delta.get("text", "")
            answer.arguments += delta.get("partial_json", "")
    return answer


def issuer(proxy: Mitmdump, provider: Provider) -> str:
    """Return the issuer of the certificate that a tool sees for a host that is not covered."""
    connection = connect(proxy, OTHER, provider.trusted)
    try:
        connection.connect()
        certificate: Any = connection.sock.getpeercert()
        return str(dict(pair[0] for pair in certificate["issuer"])["commonName"])
    except ssl.SSLError:
        return ""
    finally:
        connection.close()
