# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the kernel's links, addresses, routes, rules and nftables, as it happens: that something has, and to which kind.

What it is like then is read by `iproute2` and `nft`: a message may be lost when many come at once, and a look is never wrong.
Source: netlink(7), rtnetlink(7), linux/rtnetlink.h, linux/fib_rules.h, linux/netfilter/nfnetlink.h and nf_tables.h.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator, Set
from typing import Protocol

from ..errors import IpsecError

LINK, ADDRESS, ROUTE, RULE, FIREWALL = "link", "address", "route", "rule", "firewall"
EVERYTHING = frozenset((LINK, ADDRESS, ROUTE, RULE, FIREWALL))

_HEADER = struct.Struct("=IHHII")
# struct rtmsg: family, dst_len, src_len, tos, table, protocol …
_ROUTE = struct.Struct("=BBBBBB")
# struct fib_rule_hdr has as many octets; attributes follow it, each with its size and kind before it.
_RULE_HEADER, _ATTRIBUTE, _FRA_PROTOCOL = 12, struct.Struct("=HH"), 21
_NEWLINK, _DELLINK, _NEWADDR, _DELADDR, _NEWROUTE, _DELROUTE, _NEWRULE, _DELRULE = 16, 17, 20, 21, 24, 25, 32, 33
_KINDS = {
    _NEWLINK: LINK,
    _DELLINK: LINK,
    _NEWADDR: ADDRESS,
    _DELADDR: ADDRESS,
    _NEWROUTE: ROUTE,
    _DELROUTE: ROUTE,
    _NEWRULE: RULE,
    _DELRULE: RULE,
}
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE; RTNLGRP_IPV6_RULE has no name of that sort.
_GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x40000
# linux/netlink.h: the family has no name in Python's socket; and the bit of NFNLGRP_NFTABLES.
_NETLINK_NETFILTER, _FIREWALL_GROUPS = 12, 1 << 6
# NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, _DELCHAIN, _DELRULE, _DELSET, _DELSETELEM: each tells the table's name,
# and a rule its comment.
_GONE = {10 << 8 | message for message in (2, 5, 8, 11, 14)}
_RECEIVE_BUFFER = 1 << 19
_AT_ONCE = 1 << 17


class NewsUnavailable(IpsecError):
    """The kernel tells nothing here; the message says why."""


class KernelNews(Protocol):
    """What has happened to links, addresses, routes, rules and nftables since somebody asked."""

    def descriptors(self, *, firewall: bool) -> list[int]:
        """Return what becomes readable when something has happened, and whether to nftables too from now on.

        Raises `NewsUnavailable`. A kernel without nftables tells nothing of it, and is not made to load it before it is asked for.
        """

    def happened(self) -> Set[str]:
        """Return to which kinds (`LINK`, `ADDRESS`, `ROUTE`, `RULE`, `FIREWALL`) something has happened, without waiting.

        Since the last call, that is. Routes and rules are those of the protocol numbers asked for, and default routes; of
        nftables it is what has gone of ours. Of all kinds where messages were lost.
        """

    def stop(self) -> None:
        """Listen no more."""


class Netlink:
    """The news of this host's kernel.

    `protocols` are those of routes and rules that count, and `ours` is what our table and the comments of our rules in
    tables of others are called; a router has many of others.
    """

    def __init__(self, protocols: Set[int], ours: str) -> None:
        self._protocols = protocols
        self._ours = ours.encode()
        self._routing: socket.socket | None = None
        self._firewall: socket.socket | None = None

    def descriptors(self, *, firewall: bool) -> list[int]:
        found = [self._listening().fileno()]
        if firewall and self._firewall is None:
            # What has gone before is found by whoever looks now, as the caller does.
            with contextlib.suppress(OSError):
                self._firewall = _opened(_NETLINK_NETFILTER, _FIREWALL_GROUPS)
        return found if self._firewall is None else [*found, self._firewall.fileno()]

    def happened(self) -> Set[str]:
        found: set[str] = set()
        for one in (self._listening(), self._firewall):
            if one is not None:
                found.update(self._read(one))
        return found

    def stop(self) -> None:
        for one in (self._routing, self._firewall):
            if one is not None:
                one.close()
        self._routing = self._firewall = None

    def _listening(self) -> socket.socket:
        if self._routing is None:
            try:
                self._routing = _opened(socket.NETLINK_ROUTE, _GROUPS)
            except OSError as error:
                raise NewsUnavailable(f"no netlink socket is to be had: {error.strerror or error}") from error
        return self._routing

    def _read(self, one: socket.socket) -> Iterator[str]:
        while True:
            try:
                data = one.recv(_AT_ONCE)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    self.stop()
                    raise NewsUnavailable(f"the kernel's news cannot be read: {error.strerror or error}") from error
                yield from EVERYTHING
                continue
            yield from self._kinds(data)

    def _kinds(self, data: bytes) -> Iterator[str]:
        at = 0
        while at + _HEADER.size <= len(data):
            size, kind, _flags, _sequence, _port = _HEADER.unpack_from(data, at)
            if size < _HEADER.size:
                return
            known = FIREWALL if kind in _GONE else _KINDS.get(kind)
            if known is not None and self._counts(known, data[at + _HEADER.size : at + size]):
                yield known
            # Messages begin at multiples of 4 (NLMSG_ALIGN).
            at += size + 3 & ~3

    def _counts(self, kind: str, body: bytes) -> bool:
        if kind == FIREWALL:
            return self._ours in body
        if kind == RULE:
            return not self._protocols.isdisjoint(_rule_protocols(body))
        if kind != ROUTE:
            return True
        if len(body) < _ROUTE.size:
            return False
        _family, length, _source, _tos, _table, protocol = _ROUTE.unpack_from(body)
        return length == 0 or protocol in self._protocols


def _rule_protocols(body: bytes) -> Iterator[int]:
    """Yield the protocol number of a rule, which is an attribute of an octet."""
    at = _RULE_HEADER
    while at + _ATTRIBUTE.size < len(body):
        size, kind = _ATTRIBUTE.unpack_from(body, at)
        if size < _ATTRIBUTE.size:
            return
        if kind == _FRA_PROTOCOL:
            yield body[at + _ATTRIBUTE.size]
        at += size + 3 & ~3


def _opened(family: int, groups: int) -> socket.socket:
    one = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, family)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        one.bind((0, groups))
    except OSError:
        one.close()
        raise
    return one
