"""A request through the running proxy that proves interception, trust and redaction, locally.

It is made like a tool's: CONNECT, TLS for a covered host, and a request with a secret generated for
it. The proxy has already been identified as secretgate, so no other proxy sees the CONNECT. Its
header makes the proxy answer the request itself, with what it would have sent, and open no
connection to the host.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path

from secretgate.demo.planted import Maker
from secretgate.doctor.checks import BAD, GOOD, Finding
from secretgate.doctor.exchange import CONNECT_HEADER, HOST, PATH

SUBJECT = "self-test"
TIMEOUT = 10.0


def self_test(host: str, port: int, trusted: Path) -> Iterator[Finding]:
    """Yield the findings of a self-test through the proxy at `host`:`port`, known to be secretgate."""
    planted = Maker(secrets.randbits(64)).github()
    content = f"GITHUB_TOKEN={planted}\n"
    body = json.dumps({"model": "none", "messages": [{"role": "user", "content": content}]})
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    connection.set_tunnel(HOST, 443, {CONNECT_HEADER: "1"})
    try:
        context.load_verify_locations(trusted)
        connection.request("POST", PATH, body, {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        sent, mode = answer["sent"], answer["mode"]
    except ssl.SSLCertVerificationError as error:
        message = f"the proxy's certificate for {HOST} is not trusted ({error.verify_message})"
        yield Finding(BAD, SUBJECT, message, "restart the proxy; then: secretgate-ca status")
        return
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        message = f"the proxy did not answer the self-test ({type(error).__name__})"
        yield Finding(BAD, SUBJECT, message, "restart the proxy: secretgate serve")
        return
    finally:
        connection.close()
    yield Finding(GOOD, SUBJECT, f"TLS to {HOST} is intercepted, and the CA is trusted for it")
    if mode == "audit":
        yield Finding(
            BAD, SUBJECT, "the mode is audit: secrets are sent as they are", "mode: redact"
        )
    elif sent is not None and planted in sent:
        message = "a made-up token would have been sent as it is"
        yield Finding(BAD, SUBJECT, message, "secretgate-ca status; see the proxy's log")
    elif sent is None:
        yield Finding(GOOD, SUBJECT, "a request with a made-up token was refused")
    else:
        yield Finding(GOOD, SUBJECT, "a made-up token was replaced by a placeholder")
