"""Runs a command in its own network (Linux): `python -m secretgate.launch.enter FD PORT COMMAND...`

New user and network namespaces contain nothing but a loopback interface. On it we listen on the
proxy's port and pass the listening socket through FD to the parent process outside; a socket
belongs to the network in which it was created, whoever holds it. So connections to that port inside
are served from outside, and there is no other way out. The command then replaces this process: same
process id, same terminal, its user's own rights and none in the namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
PR_SET_NO_NEW_PRIVS = 38
BACKLOG = 128


def main(arguments: list[str]) -> None:
    line = socket.socket(fileno=int(arguments[0]))
    line.set_inheritable(False)
    try:
        listening = _network(int(arguments[1]))
    except OSError as error:
        line.sendall(f"{error.filename or 'unshare'}: {error.strerror}".encode())
        sys.exit(1)
    socket.send_fds(line, [b"ok"], [listening.fileno()])
    listening.close()
    line.close()
    command = arguments[2:]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"secretgate: {command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(126)


def _network(port: int) -> socket.socket:
    """Return a socket that listens in a new network of our own."""
    alone()
    listening = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return listening


def alone() -> None:
    """Move this process, and all that it starts, to a network with only a loopback interface."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "unshare")
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(content)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


if __name__ == "__main__":
    main(sys.argv[1:])
