"""An LDAP directory of users on loopback: OpenLDAP's slapd."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import ldap3
from ldap3.core.exceptions import LDAPException

from harness.programs import free_port

PEOPLE = "ou=people,dc=corp"
_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
database mdb
suffix "dc=corp"
rootdn "{reader}"
rootpw {password}
directory {folder}/data
"""
_TOP = """\
dn: dc=corp
objectClass: dcObject
objectClass: organization
dc: corp
o: corp

dn: {people}
objectClass: organizationalUnit
ou: people

"""
_PERSON = """\
dn: cn={name},{people}
objectClass: inetOrgPerson
cn: {name}
sn: {name}
uid: {name}
userPassword: {password}

"""


class Directory:
    """A server that can be stopped and started again; `users` are names with passwords."""

    reader = "cn=reader,dc=corp"

    def __init__(self, slapd: str, folder: Path, users: Mapping[str, str], password: str) -> None:
        self.port = free_port()
        self.password = password
        self._slapd = slapd
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir()
        self._configuration = folder / "slapd.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(folder=folder, reader=self.reader, password=password)
        )
        people = [
            _PERSON.format(people=PEOPLE, name=name, password=own) for name, own in users.items()
        ]
        entries = _TOP.format(people=PEOPLE) + "".join(people)
        add = [slapd, "-T", "add", "-f", str(self._configuration)]
        subprocess.run(add, input=entries.encode(), check=True, capture_output=True)

    def proxyauth(self, key: str = "cn") -> str:
        """The value of mitmproxy's option; users are looked for by the attribute `key`."""
        subtree = f"{PEOPLE}?search_filter_key={key}"
        return f"ldap:127.0.0.1:{self.port}:{self.reader}:{self.password}:{subtree}"

    def start(self) -> None:
        command = [self._slapd, "-f", str(self._configuration), "-d", "0"]
        self._process = subprocess.Popen([*command, "-h", f"ldap://127.0.0.1:{self.port}"])
        end = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, "slapd has ended"
            assert time.monotonic() < end, "slapd does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def _answers(self) -> bool:
        server = ldap3.Server("127.0.0.1", port=self.port, connect_timeout=1)
        with contextlib.suppress(LDAPException):
            return bool(ldap3.Connection(server, self.reader, self.password).bind())
        return False
