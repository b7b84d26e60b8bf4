# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this process is managed from: the other ends of the ssh sessions that it runs below, by the kernel's own lists."""

from __future__ import annotations

import ipaddress
import os
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple, Protocol

_SOCKET = re.compile(r"socket:\[([0-9]+)\]")
_ESTABLISHED = "01"
# No process is the hundredth child of another in a chain that a person has made.
_GENERATIONS = 100


class Session(NamedTuple):
    """Both ends of a connection that the host is managed by: the other one's, and this host's."""

    client: str
    client_port: int
    server: str
    server_port: int


class Management(Protocol):
    """Who manages this host just now."""

    def sessions(self) -> tuple[Session, ...]:
        """Return the TCP connections to others that this process, or one it runs below, holds; sorted."""


class ParentSockets:
    """The sockets of this process and of all above it: sudo takes the environment away, and leaves sshd where it is."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc

    def sessions(self) -> tuple[Session, ...]:
        """Return the TCP connections of these processes to other hosts."""
        inodes = {inode for pid in self._ancestors() for inode in self._sockets(pid)}
        found = {each for inode, each in self._connections() if inode in inodes}
        return tuple(sorted(each for each in found if not ipaddress.ip_address(each.client).is_loopback))

    def _ancestors(self) -> Iterator[str]:
        pid = str(os.getpid())
        for _each in range(_GENERATIONS):
            yield pid
            pid = self._parent(pid)
            if pid in ("", "0", "1"):
                return

    def _parent(self, pid: str) -> str:
        # The name of the program may hold blanks and brackets; what follows the last bracket are state and parent.
        words = self._read(f"{pid}/stat").rpartition(")")[2].split()
        return words[1] if len(words) > 1 else ""

    def _sockets(self, pid: str) -> Iterator[str]:
        try:
            descriptors = os.listdir(f"{self._proc}/{pid}/fd")
        except OSError:
            return
        for each in descriptors:
            try:
                found = _SOCKET.fullmatch(os.readlink(f"{self._proc}/{pid}/fd/{each}"))
            except OSError:
                continue
            if found:
                yield found.group(1)

    def _connections(self) -> Iterator[tuple[str, Session]]:
        """Yield the inode and both ends of every established connection (proc_net_tcp.txt of the kernel)."""
        for table in ("net/tcp", "net/tcp6"):
            for line in self._read(table).splitlines()[1:]:
                words = line.split()
                if len(words) > 9 and words[3] == _ESTABLISHED:
                    yield words[9], Session(*_end(words[2]), *_end(words[1]))

    def _read(self, path: str) -> str:
        try:
            with open(f"{self._proc}/{path}", encoding="ascii", errors="replace") as file:
                return file.read()
        except OSError:
            return ""


def _end(text: str) -> tuple[str, int]:
    address, _colon, port = text.partition(":")
    return _address(address), int(port, 16)


def _address(text: str) -> str:
    """Return the address that the kernel writes as words of 32 bits in this computer's order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
