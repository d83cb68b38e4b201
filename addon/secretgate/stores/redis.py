"""A store shared by all machines: Redis 6 or later, or Valkey, with one primary and no cluster.

The values of a place are an append-only list, so that one round trip fetches what was added since
the last read. Digests of values the provider wrote are spread over many small hashes, which take a
fifth of the memory that a set takes on the server. Every key starts with a digest of the
installation's key, so that installations with different keys do not see each other's data, and
every key expires.
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
"""Entries per place. Values are written again at half their lifetime, so this holds 10,000 values."""
_MONTH = 30 * 86400
_MONTHS = WRITTEN_FOR_DAYS // 30 + 1


class RedisStore:
    """A store in Redis or Valkey. `timeout`: seconds for one call, including connecting."""

    remote = True

    def __init__(self, url: str, installation: str, lifetime: float, timeout: float) -> None:
        self._prefix = f"secretgate:{installation}:".encode()
        self._lifetime = int(lifetime)
        self.where = _shown(url)
        self._redis: Any = redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Reconnects once if the server has closed an idle connection.
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
        """Return the hash key and the field of a digest: 96 bits, the first eight in the key.

        The hash of a busy user then has about fifty entries a month, few enough for servers to keep
        it in their compact encoding.
        """
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
    """Return the store's address without user and password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"the Redis at {parts.path}"
    return f"the Redis at {parts.hostname}:{parts.port or 6379}"


def _reason(error: Exception) -> str:
    """Return the error type and, if the server refused, its error code. Neither contains a value."""
    first = str(error).split(" ", 1)[0]
    name = type(error).__name__
    return f"{name}, {first}" if first.isupper() and first.isalpha() else name
