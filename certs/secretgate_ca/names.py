"""Converts host patterns to DNS subtrees for the CA's name constraints.

X.509 has no globs. A permitted `dNSName` covers itself and everything below it, so `*.x.example`
becomes `x.example`, which is exact. A wildcard elsewhere (`*-aiplatform.googleapis.com`) has no
subtree that is both correct and narrow: its parent contains every other Google API. Such a wildcard
stands for a cloud region, and the narrowest correct form is one name per region, from the tables
below. Regions opened later require a new CA, which `secretgate-ca rotate` creates.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from secretgate_ca.files import CAError

# fmt: off
GOOGLE_REGIONS = (
    "us", "eu", "africa-south1", "asia-east1", "asia-east2", "asia-northeast1",
    "asia-northeast2", "asia-northeast3", "asia-south1", "asia-south2", "asia-southeast1",
    "asia-southeast2", "asia-southeast3", "australia-southeast1", "australia-southeast2",
    "europe-central2", "europe-north1", "europe-north2", "europe-southwest1", "europe-west1",
    "europe-west2", "europe-west3", "europe-west4", "europe-west6", "europe-west8",
    "europe-west9", "europe-west10", "europe-west12", "me-central1", "me-central2", "me-west1",
    "northamerica-northeast1", "northamerica-northeast2", "northamerica-south1",
    "southamerica-east1", "southamerica-west1", "us-central1", "us-east1", "us-east4",
    "us-east5", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4",
)
AWS_REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1",
    "ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1", "eu-central-1", "eu-central-2",
    "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
    "il-central-1", "me-central-1", "me-south-1", "af-south-1", "ap-east-1", "ap-east-2",
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
    "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-6", "ap-southeast-7",
)
# fmt: on
REGIONS: dict[str, tuple[str, ...]] = {
    "googleapis.com": GOOGLE_REGIONS,
    "amazonaws.com": AWS_REGIONS,
    "api.aws": AWS_REGIONS,
    "amazonaws.com.cn": ("cn-north-1", "cn-northwest-1"),
    "amazonaws.eu": ("eusc-de-east-1",),
}
"""Domains shared by one cloud's services, and the regions a wildcard in a name there stands for."""

_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def subtrees(pattern: str) -> tuple[str, ...]:
    """Return the DNS subtrees that permit the hosts of `pattern` and as little else as possible.

    Raises CAError if there are none.
    """
    name = _normal(pattern)
    head, _, parent = name.partition(".")
    if head == "*" or ("*" in head and parent.count(".") >= 2):
        name = parent
    if "*" not in name:
        return (_narrow(name, pattern),)
    shared = next((suffix for suffix in REGIONS if name.endswith("." + suffix)), None)
    if shared is None or name.count("*") != 1:
        raise CAError(
            f"{pattern}: no DNS subtree expresses this wildcard without permitting other hosts too; "
            "name each host (--domain HOST), or use a leading *. label"
        )
    return tuple(_narrow(name.replace("*", region), pattern) for region in REGIONS[shared])


def minimal(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the subtrees of all `patterns`, sorted, without those inside another."""
    names = {tree for pattern in patterns for tree in subtrees(pattern)}
    return tuple(sorted(name for name in names if not permits(names - {name}, name)))


def permits(permitted: Iterable[str], name: str) -> bool:
    """Return whether `name` and everything below it is in one of the `permitted` subtrees."""
    trees = permitted if isinstance(permitted, (set, frozenset)) else frozenset(permitted)
    labels = name.split(".")
    return any(".".join(labels[start:]) in trees for start in range(len(labels)))


def all_permitted(permitted: Sequence[str], pattern: str) -> bool:
    """Return whether every host of `pattern` is in the `permitted` subtrees."""
    try:
        wanted = subtrees(pattern)
    except CAError:
        return False
    trees = frozenset(permitted)
    return all(permits(trees, name) for name in wanted)


def _normal(pattern: str) -> str:
    name = pattern.strip().rstrip(".").lower()
    if _is_address(name):
        raise CAError(f"{pattern}: the CA signs for names only; use the host's name")
    try:
        labels = [part if "*" in part else part.encode("idna").decode() for part in name.split(".")]
    except UnicodeError:
        raise CAError(f"{pattern!r} is not a host name") from None
    if not all(label and set(label.replace("*", "")) <= _LABEL for label in labels):
        raise CAError(f"{pattern!r} is not a host name (write it without scheme, port and path)")
    return ".".join(labels)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _narrow(name: str, pattern: str) -> str:
    if "." not in name or name in REGIONS:
        raise CAError(
            f"{pattern}: this would permit every name that ends in .{name}; "
            "write the full names of the hosts you mean"
        )
    return name


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the names with commas between them; of many, the first and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most + 1 else ""
    return ", ".join(names[:most] if more else names) + more
