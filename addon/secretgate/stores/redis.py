"""A store that all machines share: Redis 6 or later, or Valkey. One primary; no cluster.

The values of a place are a list that only grows, so that a worker reads what came since it last
looked: one round trip. What the provider wrote is in many small hashes, which the server keeps in a fifth of
the memory that a set takes. Every key begins with a digest of the installation's key, so that installations
with other keys do not see each other, and every key expires.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from secretgate.stores import (
    WRITTEN_FOR_DAYS,
    Learn,
    Link,
    Mark,
    Pulled,
    Told,
    Unreachable,
    Write,
    Wrote,
)

_MOST_ENTRIES = 20_000
"""Of one place. A value is written again when half its time is over, so this is 10,000 values."""
_MONTH = 30 * 86400
_MONTHS = WRITTEN_FOR_DAYS // 30 + 1


class RedisStore:
    """`timeout`: seconds that one call may take, connecting included."""

    remote = True

    def __init__(self, url: str, installation: str, lifetime: float, timeout: float) -> None:
        self._prefix = f"secretgate:{installation}:".encode()
        self._lifetime = int(lifetime)
        self.where = _shown(url)
        self._redis: Any = redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Connections that the server has closed while they were idle are opened again, once.
            retry=Retry(NoBackoff(), 1),
            client_name="secretgate",
        )

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled:
        key = self._key(b"known", place)
        pipe = self._pipeline()
        pipe.lindex(key, 0)
        pipe.lrange(key, mark.read, -1)
        pipe.expire(key, self._lifetime)
        for link in links:
            pipe.get(self._key(b"chain", link))
            pipe.expire(self._key(b"chain", link), self._lifetime)
        first, entries, _, *rest = self._run(pipe)
        chains = {
            link: blob for link, blob in zip(links, rest[::2], strict=True) if blob is not None
        }
        first = first or b""
        if first and first == mark.first:
            return Pulled(entries, Mark(first, mark.read + len(entries)), chains)
        if mark.read:
            pipe = self._pipeline()
            pipe.lrange(key, 0, -1)
            (entries,) = self._run(pipe)
            first = entries[0] if entries else b""
        return Pulled(entries, Mark(first, len(entries)), chains, anew=True)

    def ask(self, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]) -> Told:
        pipe = self._pipeline()
        for digest, rule in names.items():
            key = self._key(b"name", digest)
            pipe.set(key, rule, nx=True)
            pipe.get(key)
            pipe.expire(key, WRITTEN_FOR_DAYS * 86400)
        month = int(time.time()) // _MONTH
        for digest in digests:
            for back in range(_MONTHS):
                key, field = self._wrote(place, month - back, digest)
                pipe.hexists(key, field)
        answers = self._run(pipe)
        named, seen = answers[: 3 * len(names)], answers[3 * len(names) :]
        return Told(
            {digest: name.decode() for digest, name in zip(names, named[1::3], strict=True)},
            {
                digest
                for at, digest in enumerate(digests)
                if any(seen[at * _MONTHS : (at + 1) * _MONTHS])
            },
        )

    def write(self, writes: Sequence[Write]) -> None:
        pipe = self._pipeline()
        for each in writes:
            match each:
                case Learn(place, entries):
                    key = self._key(b"known", place)
                    pipe.rpush(key, *entries)
                    pipe.ltrim(key, -_MOST_ENTRIES, -1)
                    pipe.expire(key, self._lifetime)
                case Link(link, blob):
                    pipe.set(self._key(b"chain", link), blob, ex=self._lifetime)
                case Wrote(place, digests):
                    for digest in digests:
                        key, field = self._wrote(place, int(time.time()) // _MONTH, digest)
                        pipe.hset(key, field, b"")
                        pipe.expire(key, _MONTHS * _MONTH)
        self._run(pipe)

    def close(self) -> None:
        self._redis.close()

    def _key(self, kind: bytes, name: bytes) -> bytes:
        return self._prefix + kind + b":" + name

    def _wrote(self, place: bytes, month: int, digest: bytes) -> tuple[bytes, bytes]:
        """The hash and the field of a digest: 96 bits of it, the first eight in the key. A hash of a
        busy user then holds some fifty a month, below what servers keep packed."""
        return self._key(b"wrote", b"%s%c:%d" % (place, digest[0], month)), digest[1:12]

    def _pipeline(self) -> Any:
        return self._redis.pipeline(transaction=False)

    def _run(self, pipe: Any) -> list[Any]:
        try:
            answers: list[Any] = pipe.execute()
        except (RedisError, OSError) as error:
            raise Unreachable(f"{self.where} ({_reason(error)})") from None
        return answers


def _shown(url: str) -> str:
    """Where the store is, without user and password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"the Redis at {parts.path}"
    return f"the Redis at {parts.hostname}:{parts.port or 6379}"


def _reason(error: Exception) -> str:
    """The kind of error, and what the server said where it says no: its words name no value."""
    first = str(error).split(" ", 1)[0]
    name = type(error).__name__
    return f"{name}, {first}" if first.isupper() and first.isalpha() else name
