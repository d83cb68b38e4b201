"""mitmweb as its web pages see it: everything that its API returns or pushes."""

from __future__ import annotations

import contextlib
import threading
from typing import Self

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


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
