"""Fake secrets of the right shape, generated when needed.

No value is in the source, so scanners find nothing in this repository, and a run cannot succeed
because a detector knows a documented example by heart.
"""

from __future__ import annotations

import base64
import json
import random
import string
import zlib

_ALNUM = string.ascii_letters + string.digits
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Maker:
    """Generates values from a seed; the same seed gives the same values."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, length: int, alphabet: str = _ALNUM) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def aws_id(self) -> str:
        return "AKIA" + self.text(16, string.ascii_uppercase + "234567")

    def aws_secret(self) -> str:
        return self.text(40, _ALNUM + "+/")

    def anthropic(self) -> str:
        return "sk-ant-api03-" + self.text(93, _ALNUM + "-_") + "AA"

    def openai(self) -> str:
        mark = base64.b64decode("VDNCbGJrRko=").decode()
        return "sk-proj-" + self.text(74, _ALNUM) + mark + self.text(74, _ALNUM)

    def github(self) -> str:
        body = self.text(30)
        check, digits = zlib.crc32(body.encode()), ""
        for _ in range(6):
            check, digit = divmod(check, 62)
            digits = _BASE62[digit] + digits
        return "ghp_" + body + digits

    def stripe(self) -> str:
        return "sk_live_51" + self.text(97)

    def password(self) -> str:
        return self.text(24)

    def hex(self, length: int = 64) -> str:
        return self.text(length, "0123456789abcdef")

    def jwt(self) -> str:
        def part(value: object) -> str:
            raw = json.dumps(value, separators=(",", ":")).encode()
            return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

        claims = {"sub": self.text(12), "iat": self._random.randrange(1_700_000_000, 1_800_000_000)}
        return (
            f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{self.text(43, _ALNUM + '-_')}"
        )

    def pem(self, size: int = 1218) -> str:
        """Return an RSA key by its shape: the right header bytes, then noise."""
        header = bytes.fromhex("308204be020100300d06092a864886f70d0101010500048204a8308204a4")
        body = base64.b64encode(header + self._random.randbytes(size - len(header))).decode()
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        kind = "PRIVATE KEY"
        return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"])
