"""Secrets to plant, and the search for them in everything that was sent or written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from secretgate.demo.hunt import leaks
from secretgate.demo.planted import Maker

__all__ = ["Planted", "joined", "leaks", "plant"]


@dataclass(frozen=True)
class Planted:
    """The secrets of one project, by the name of their variable."""

    values: dict[str, str] = field(repr=False)
    pem: str = field(repr=False)

    @property
    def env(self) -> str:
        """The `.env` file with all of them, among lines without secrets."""
        database = f"postgresql://app:{self.values['DB_PASSWORD']}@db.internal.corp:5432/app"
        lines = ["# deployment", "APP_ENV=production", "PORT=8080"]
        lines += (f"{name}={value}" for name, value in self.values.items() if name != "DB_PASSWORD")
        lines += [f"DATABASE_URL={database}", "LOG_LEVEL=info"]
        return "\n".join(lines) + "\n"

    @property
    def secrets(self) -> dict[str, str]:
        """Every value that must not leave, including each line of the key's body.

        The part that all keys begin with is left out.
        """
        lines = self.pem.splitlines()[1:-1]
        lines[0] = lines[0][40:]
        return {**self.values, **{f"PEM[{at}]": line for at, line in enumerate(lines)}}


def plant(seed: int = 1) -> Planted:
    make = Maker(seed)
    values = {
        "AWS_ACCESS_KEY_ID": make.aws_id(),
        "AWS_SECRET_ACCESS_KEY": make.aws_secret(),
        "ANTHROPIC_API_KEY": make.anthropic(),
        "OPENAI_API_KEY": make.openai(),
        "GITHUB_TOKEN": make.github(),
        "STRIPE_SECRET_KEY": make.stripe(),
        "SERVICE_JWT": make.jwt(),
        "DB_PASSWORD": make.password(),
    }
    return Planted(values, make.pem())


def joined(parts: Iterable[bytes]) -> bytes:
    """Join recordings, with separators that prevent matches across boundaries."""
    return b"\0\0".join(parts)
