"""Which of the covered hosts a CA can sign for: names, but neither addresses nor single words.

Of the others only plain HTTP can be read; over TLS, no tool would accept our certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from secretgate.hosts import ca_domains
from secretgate_ca import CAError
from secretgate_ca.names import subtrees


def signable(added: Iterable[str], tell: Callable[[str], None]) -> list[str]:
    """Return the hosts of the table and those of the user's that a CA can permit.

    `tell` is called with the reason for each of the others.
    """
    names = {*ca_domains()}
    for host in added:
        try:
            subtrees(host)
        except CAError as error:
            tell(str(error))
        else:
            names.add(host)
    return sorted(names)
