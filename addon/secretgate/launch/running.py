"""Detects a running secretgate by requesting its status page; ports where one may be."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

USUAL_PORT, LAST_PORT = 8080, 65535
PAGE = "http://secretgate.internal"
TIMEOUT = 2.0


def listens(host: str, port: int, timeout: float = TIMEOUT) -> bool:
    """Return whether anything listens at an address."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def status(host: str, port: int, timeout: float = TIMEOUT) -> dict[str, Any] | None:
    """Return the status of the secretgate proxy at an address, or None if there is none."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", f"{PAGE}/status.json", headers={"Host": "secretgate.internal"})
        response = connection.getresponse()
        found = json.loads(response.read(1 << 20)) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) and found.get("secretgate") is True else None
