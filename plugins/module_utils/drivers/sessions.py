# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ssh session that a run comes by: whoever cuts it never hears how the run ended."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import NamedTuple, Protocol

_VARIABLE = b"SSH_CONNECTION="
_DEEPEST = 64


class Caller(NamedTuple):
    """Both ends of an ssh session: the client's, and this host's."""

    client: str
    client_port: int
    server: str
    server_port: int


class Sessions(Protocol):
    """What the engine needs to know of sessions."""

    def caller(self) -> Caller | None:
        """Return the ssh session that this process was started in; None where it was in none."""


class ProcSessions:
    """Looks for what sshd has told (ssh(1), SSH_CONNECTION), in this process and in those before it: sudo takes it away."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = Path(proc)

    def caller(self) -> Caller | None:
        pid = os.getpid()
        for _step in range(_DEEPEST):
            found = self._told(pid)
            if found is not None or pid <= 1:
                return found
            pid = self._parent(pid)
        return None

    def _told(self, pid: int) -> Caller | None:
        try:
            variables = (self._proc / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            return None
        told = next((each for each in variables if each.startswith(_VARIABLE)), b"")
        return _parsed(told[len(_VARIABLE) :].decode("ascii", "replace").split())

    def _parent(self, pid: int) -> int:
        try:
            stat = (self._proc / str(pid) / "stat").read_text("utf-8", "replace")
        except OSError:
            return 0
        # The name in field 2 is in parentheses and may hold blanks and parentheses itself; field 4 is the parent.
        return int(stat.rpartition(")")[2].split()[1])


def _parsed(words: list[str]) -> Caller | None:
    try:
        client, client_port, server, server_port = words
        addresses = [str(ipaddress.ip_address(each.partition("%")[0])) for each in (client, server)]
        return Caller(addresses[0], int(client_port), addresses[1], int(server_port))
    except ValueError:
        return None
