"""mitmweb as its web pages see it: everything that its API returns or pushes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

_OWN = {"x-xsrftoken": "same", "cookie": "_mitmproxy_xsrf=same; _xsrf=same"}
"""What shows that a change is not asked for by another site; the cookie of mitmproxy 11 is `_xsrf`."""


def eventually(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end and not holds():
        time.sleep(0.05)
    return holds()


class Web:
    """A client of mitmweb's API; updates are appended to `heard`."""

    def __init__(self, port: int, heard: list[str | bytes], password: str = "of-the-test") -> None:
        self._headers = {"authorization": f"Bearer {password}"}
        self._url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(
            base_url=self._url, headers=self._headers, trust_env=False, timeout=60
        )
        self._heard = heard
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        url = self._url.replace("http", "ws", 1) + "/updates"
        opened = connect(url, additional_headers=self._headers, proxy=None, max_size=None)
        self._updates = self._stack.enter_context(opened)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._thread.join(10)
        self._client.close()

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            self._heard.extend(self._updates)

    def flows(self) -> list[dict[str, Any]]:
        return list(self._client.get("/flows").json())

    def send_again(self, identity: str, content: str) -> int:
        """Send the request of a flow once more, with another body; return the answer's status."""
        edited = {"request": {"content": content}}
        self._client.put(f"/flows/{identity}", json=edited, headers=_OWN).raise_for_status()
        self._client.post(f"/flows/{identity}/replay", headers=_OWN).raise_for_status()
        answers: list[dict[str, Any]] = []

        def answered() -> bool:
            (flow,) = (each for each in self.flows() if each["id"] == identity)
            answers[:] = [flow.get("response") or {}]
            return bool(answers[0].get("timestamp_end"))

        assert eventually(answered)
        return int(answers[0]["status_code"])

    def command(self, name: str, *arguments: str) -> None:
        said = {"arguments": arguments}
        answer = self._client.post(f"/commands/{name}", json=said, headers=_OWN)
        assert "error" not in answer.raise_for_status().json(), answer.text

    def everything(self) -> dict[str, bytes]:
        """Return the response of each address."""
        listed = self._client.get("/flows")
        told = {"/flows": listed.content}
        for flow in listed.json():
            parts = ["request", "response", *(["messages"] if flow.get("websocket") else [])]
            told |= {
                path: self._client.get(path).content
                for part in parts
                for kind in (".data", "/auto.json", "/raw.json")
                if part != "messages" or kind != ".data"
                for path in [f"/flows/{flow['id']}/{part}/content{kind}"]
            }
        return told | {
            path: self._client.get(path).content
            for path in ("/flows/dump", "/events", "/options", "/state", "/commands", "/conf.js")
        }
