# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking addresses for a sign of life: ICMP echo requests, all of a family by the same raw sockets, each by a way of its own.

An answer is told by a digest over what was asked, made with a key that only this process knows: nobody who cannot read the
request can make one up, and what other programs ask for is passed over. Source: RFC 792, RFC 4443 section 4, raw(7), ip(7).
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..errors import IpsecError

_HEADER = struct.Struct("!BBHHH")
_TOKEN = struct.Struct("!Q")
_DIGEST_SIZE = 16
_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
# linux/icmp.h and linux/icmpv6.h; Python has no names for them.
_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1
# linux/in.h; Python has this name from 3.14 on.
_IP_PKTINFO = 8
# Answers that came while the loop was busy elsewhere; a thousand tunnels make a thousand at once.
_RECEIVE_BUFFER = 1 << 20


class EchoUnavailable(IpsecError):
    """No echo requests can be sent here at all; the message says why."""


@dataclass(frozen=True)
class EchoRequest:
    """Whom to ask, and by which way: an interface, a source, or whatever the routes say. `token` comes back with the answer."""

    address: str
    token: int
    interface: str = ""
    source: str = ""


@dataclass(frozen=True)
class EchoReply:
    """Who has answered what."""

    address: str
    token: int


class Echoes(Protocol):
    """Echo requests and their answers."""

    def ask(self, requests: Iterable[EchoRequest]) -> list[EchoRequest]:
        """Send requests; return those that this host could not even send, which nobody will answer.

        Raises `EchoUnavailable`.
        """

    def heard(self) -> list[EchoReply]:
        """Return the answers that have come since the last call, without waiting."""

    def descriptors(self) -> list[int]:
        """Return what becomes readable when an answer comes."""

    def stop(self) -> None:
        """Listen no more."""


class RawEchoes:
    """Echo requests by raw sockets."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._identifier = struct.unpack("!H", os.urandom(2))[0]
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        # What IPv6 is sent by: bound to an interface, a socket hears nothing that comes by another one.
        self._sender: socket.socket | None = None
        self._bound = ""

    def ask(self, requests: Iterable[EchoRequest]) -> list[EchoRequest]:
        return [request for request in requests if not self._sent(request)]

    def heard(self) -> list[EchoReply]:
        return [reply for family, one in self._sockets.items() for reply in self._read(family, one)]

    def descriptors(self) -> list[int]:
        return [one.fileno() for one in self._sockets.values()]

    def stop(self) -> None:
        for one in (*self._sockets.values(), *([self._sender] if self._sender else [])):
            one.close()
        self._sockets.clear()
        self._sender = None

    def _sent(self, request: EchoRequest) -> bool:
        family = _family(request.address)
        one = self._socket(family)
        if one is None:
            return False
        message = self._message(_ECHO[family][0], request)
        if family == socket.AF_INET:
            # The kernel does it for ICMPv6 alone.
            message = message[:2] + struct.pack("!H", _checksum(message)) + message[4:]
        try:
            sender = one if family == socket.AF_INET else self._bound_sender(request.interface)
            return sender.sendmsg([message], _way(family, request), 0, (request.address, 0)) == len(message)
        except OSError:
            # No route, no such interface or address, a full queue: all of them are the silence that is asked about.
            return False

    def _socket(self, family: socket.AddressFamily) -> socket.socket | None:
        """Return what asks by a family, None where this host does not have it: nobody is reached by it."""
        if family not in self._sockets:
            try:
                self._sockets[family] = _opened(family)
            except OSError as error:
                if error.errno == errno.EAFNOSUPPORT:
                    return None
                raise EchoUnavailable(_why(error)) from error
        return self._sockets[family]

    def _bound_sender(self, interface: str) -> socket.socket:
        """Return what sends IPv6 by an interface alone.

        The interface in a packet's own data is no more than a wish where a source is given too (net/ipv6/route.c,
        ip6_route_output_flags): the request would go by whatever works, and its answer would be about that.
        """
        if self._sender is None:
            self._sender, self._bound = _opened(socket.AF_INET6, deaf=True), ""
        if interface != self._bound:
            self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            self._bound = interface
        return self._sender

    def _message(self, kind: int, request: EchoRequest) -> bytes:
        body = _TOKEN.pack(request.token) + self._digest(request.address, request.token)
        return _HEADER.pack(kind, 0, 0, self._identifier, request.token & 0xFFFF) + body

    def _digest(self, address: str, token: int) -> bytes:
        asked = socket.inet_pton(_family(address), address) + _TOKEN.pack(token)
        return hmac.new(self._key, asked, hashlib.sha256).digest()[:_DIGEST_SIZE]

    def _read(self, family: socket.AddressFamily, one: socket.socket) -> Iterator[EchoReply]:
        while True:
            try:
                data, sender = one.recvfrom(2048)
            except OSError:
                # Nothing more has come; or it is told that a request came to nothing, and what has come waits for the next look.
                return
            reply = self._understood(family, data, str(sender[0]).partition("%")[0])
            if reply is not None:
                yield reply

    def _understood(self, family: socket.AddressFamily, data: bytes, sender: str) -> EchoReply | None:
        # IPv4 hands over its own header along with the message.
        message = data[(data[0] & 0x0F) * 4 :] if family == socket.AF_INET and data else data
        if len(message) != _HEADER.size + _TOKEN.size + _DIGEST_SIZE:
            return None
        kind, code, _checksum_field, identifier, _sequence = _HEADER.unpack_from(message)
        if (kind, code, identifier) != (_ECHO[family][1], 0, self._identifier):
            return None
        (token,) = _TOKEN.unpack_from(message, _HEADER.size)
        genuine = hmac.compare_digest(message[_HEADER.size + _TOKEN.size :], self._digest(sender, token))
        return EchoReply(sender, token) if genuine else None


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _opened(family: socket.AddressFamily, *, deaf: bool = False) -> socket.socket:
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    one = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    passing = 0 if deaf else 1 << _ECHO[family][1]
    if family == socket.AF_INET:
        one.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~passing & 0xFFFFFFFF))
    else:
        # Eight words of 32 bits, the first types in the first.
        words = [~(passing >> 32 * index) & 0xFFFFFFFF for index in range(8)]
        one.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))
    return one


def _way(family: socket.AddressFamily, request: EchoRequest) -> list[tuple[int, int, bytes]]:
    """Return the ancillary data that gives a packet its source, and with IPv4 its interface (struct in_pktinfo, in6_pktinfo)."""
    if not request.source and (not request.interface or family == socket.AF_INET6):
        return []
    if family == socket.AF_INET:
        index = socket.if_nametoindex(request.interface) if request.interface else 0
        source = socket.inet_aton(request.source or "0.0.0.0")  # noqa: S104  # no source, not an address to bind to
        return [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=i4s4x", index, source))]
    source = socket.inet_pton(family, request.source)
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16si", source, 0))]


def _checksum(message: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of a message of an even length."""
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _why(error: OSError) -> str:
    if error.errno in (errno.EPERM, errno.EACCES):
        return "this process may open no raw socket: it needs CAP_NET_RAW"
    return f"cannot open a raw socket for echo requests: {error.strerror or error}"
