# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the kernel's links, addresses and routes, as it happens. It says that something has, and to which kind.

What it is like then is read by `iproute2`: a message may be lost when many come at once, and a look is never wrong.
Source: netlink(7), rtnetlink(7), linux/rtnetlink.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Set
from typing import Protocol

from ..errors import IpsecError

LINK, ADDRESS, ROUTE = "link", "address", "route"
EVERYTHING = frozenset((LINK, ADDRESS, ROUTE))

_HEADER = struct.Struct("=IHHII")
# struct rtmsg: family, dst_len, src_len, tos, table, protocol …
_ROUTE = struct.Struct("=BBBBBB")
_NEWLINK, _DELLINK, _NEWADDR, _DELADDR, _NEWROUTE, _DELROUTE = 16, 17, 20, 21, 24, 25
_KINDS = {_NEWLINK: LINK, _DELLINK: LINK, _NEWADDR: ADDRESS, _DELADDR: ADDRESS, _NEWROUTE: ROUTE, _DELROUTE: ROUTE}
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE
_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_RECEIVE_BUFFER = 1 << 19
_AT_ONCE = 1 << 17


class NewsUnavailable(IpsecError):
    """The kernel tells nothing here; the message says why."""


class KernelNews(Protocol):
    """What has happened to links, addresses and routes since somebody asked."""

    def descriptor(self) -> int:
        """Return what becomes readable when something has happened; raises `NewsUnavailable`."""

    def happened(self) -> Set[str]:
        """Return to which kinds (`LINK`, `ADDRESS`, `ROUTE`) something has happened since the last call, without waiting.

        Routes are those of the protocol numbers asked for, and default routes. Of all kinds where messages were lost.
        """

    def stop(self) -> None:
        """Listen no more."""


class Netlink:
    """The news of this host's kernel. `protocols` are those of routes that count; a router has many more of others."""

    def __init__(self, protocols: Set[int]) -> None:
        self._protocols = protocols
        self._socket: socket.socket | None = None

    def descriptor(self) -> int:
        return self._listening().fileno()

    def happened(self) -> Set[str]:
        found: set[str] = set()
        one = self._listening()
        while True:
            try:
                data = one.recv(_AT_ONCE)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    self.stop()
                    raise NewsUnavailable(f"the kernel's news cannot be read: {error.strerror or error}") from error
                found |= EVERYTHING
                continue
            found.update(self._kinds(data))

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _listening(self) -> socket.socket:
        if self._socket is None:
            try:
                self._socket = _opened()
            except OSError as error:
                raise NewsUnavailable(f"no netlink socket is to be had: {error.strerror or error}") from error
        return self._socket

    def _kinds(self, data: bytes) -> Iterator[str]:
        at = 0
        while at + _HEADER.size <= len(data):
            size, kind, _flags, _sequence, _port = _HEADER.unpack_from(data, at)
            if size < _HEADER.size:
                return
            known = _KINDS.get(kind)
            if known is not None and (known != ROUTE or self._counts(data, at + _HEADER.size)):
                yield known
            # Messages begin at multiples of 4 (NLMSG_ALIGN).
            at += size + 3 & ~3

    def _counts(self, data: bytes, at: int) -> bool:
        if at + _ROUTE.size > len(data):
            return False
        _family, length, _source, _tos, _table, protocol = _ROUTE.unpack_from(data, at)
        return length == 0 or protocol in self._protocols


def _opened() -> socket.socket:
    one = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
    )
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        one.bind((0, _GROUPS))
    except OSError:
        one.close()
        raise
    return one
