# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a captured frame is: ESP, AH, IKE, or a packet of a protected network in the clear."""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from .host.capture import MARKER

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: `clear`: from or to a protected network, outside ESP and AH. `unreadable`: cut off or malformed, so nothing is known.
KINDS = ("esp", "ah", "ike", "clear", "other", "unreadable")

ETHERNET = 1
IPV4, IPV6, VLAN = 0x0800, 0x86DD, 0x8100
UDP, ESP, AH, GRE, FRAGMENT = 17, 50, 51, 47, 44
IN_IP = {4: IPV4, 41: IPV6}
#: Hop-by-hop, routing and destination options: (next header, length in 8 bytes after the first 8).
EXTENSIONS = (0, 43, 60)


class PcapError(ValueError):
    """The file is no whole Ethernet capture."""


def read_pcap(path: Path) -> Iterator[bytes]:
    """Yield the frames of a classic pcap file, as far as they were stored; PcapError if it is cut off."""
    data = path.read_bytes()
    if len(data) < 24:
        raise PcapError(f"{path}: no pcap header")
    order = {
        b"\xd4\xc3\xb2\xa1": "<",
        b"\xa1\xb2\xc3\xd4": ">",
        b"\x4d\x3c\xb2\xa1": "<",
        b"\xa1\xb2\x3c\x4d": ">",
    }.get(data[:4])
    if order is None or struct.unpack(order + "I", data[20:24])[0] & 0xFFFF != ETHERNET:
        raise PcapError(f"{path}: not a capture of Ethernet frames")
    at = 24
    while at < len(data):
        if at + 16 > len(data):
            raise PcapError(f"{path}: cut off in a frame's header")
        stored = struct.unpack(order + "I", data[at + 8 : at + 12])[0]
        at += 16
        if at + stored > len(data):
            raise PcapError(f"{path}: cut off in a frame")
        yield data[at : at + stored]
        at += stored


class Classifier:
    """Tell frames apart; remembers first fragments, since later ones show no ports."""

    def __init__(self, protected: Iterable[str | Network]) -> None:
        self._protected = tuple(ipaddress.ip_network(network) for network in protected)
        self._fragments: dict[tuple[bytes, bytes], str] = {}

    def count(self, frames: Iterable[bytes]) -> Counter[str]:
        """Return how many frames there are of each kind; the lab's own markers are left out."""
        return Counter(self.kind(frame) for frame in frames if not frame.startswith(MARKER))

    def kind(self, frame: bytes) -> str:
        """Return one of KINDS for an Ethernet frame."""
        try:
            (ethertype,) = struct.unpack_from("!H", frame, 12)
            return self._payload(ethertype, frame[14:])
        except (struct.error, IndexError, ipaddress.AddressValueError):
            return "unreadable"

    def _payload(self, ethertype: int, data: bytes) -> str:
        if ethertype == VLAN:
            return self._payload(struct.unpack_from("!H", data, 2)[0], data[4:])
        if ethertype == IPV4:
            return self._ipv4(data)
        if ethertype == IPV6:
            return self._ipv6(data)
        return "other"

    def _ipv4(self, data: bytes) -> str:
        header = (data[0] & 15) * 4
        if data[0] >> 4 != 4 or header < 20 or len(data) < header:
            return "unreadable"
        offset = struct.unpack_from("!H", data, 6)[0]
        source, target = ipaddress.IPv4Address(data[12:16]), ipaddress.IPv4Address(data[16:20])
        identity = (data[12:20], data[4:6]) if offset & 0x3FFF else None
        return self._transport(
            data[9], data[header:], ends=(source, target), identity=identity, first=not offset & 0x1FFF
        )

    def _ipv6(self, data: bytes) -> str:
        if data[0] >> 4 != 6 or len(data) < 40:
            return "unreadable"
        source, target = ipaddress.IPv6Address(data[8:24]), ipaddress.IPv6Address(data[24:40])
        protocol, rest, identity, first = data[6], data[40:], None, True
        while protocol in (*EXTENSIONS, FRAGMENT):
            if protocol == FRAGMENT:
                first = not struct.unpack_from("!H", rest, 2)[0] & 0xFFF8
                identity, length = (data[8:40], rest[4:8]), 8
            else:
                length = 8 + rest[1] * 8
            protocol, rest = rest[0], rest[length:]
            if not first:
                break
        return self._transport(protocol, rest, ends=(source, target), identity=identity, first=first)

    def _transport(
        self,
        protocol: int,
        data: bytes,
        *,
        ends: tuple[Address, Address],
        identity: tuple[bytes, bytes] | None,
        first: bool,
    ) -> str:
        if protocol == ESP:
            return "esp"
        if protocol == AH:
            return "ah"
        if identity and not first:
            # A later fragment whose first one was not seen: its addresses still tell.
            return self._fragments.get(identity) or self._by_ends(ends)
        kind = self._first(protocol, data, ends)
        if identity:
            self._fragments[identity] = kind
        return kind

    def _first(self, protocol: int, data: bytes, ends: tuple[Address, Address]) -> str:
        if self._by_ends(ends) == "clear":
            # Not even IKE ports excuse an address of a protected network on the wire.
            return "clear"
        if protocol in IN_IP:
            return self._payload(IN_IP[protocol], data)
        if protocol == GRE:
            flags, ethertype = struct.unpack_from("!HH", data)
            optional = sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
            return self._payload(ethertype, data[4 + optional :])
        if protocol == UDP:
            return udp_kind(data)
        return "other"

    def _by_ends(self, ends: tuple[Address, Address]) -> str:
        return "clear" if any(end in network for end in ends for network in self._protected) else "other"


def udp_kind(data: bytes) -> str:
    """Return what a UDP datagram of IPsec is; port 4500 with four zero bytes is IKE, else ESP (RFC 3948, section 2)."""
    source, target, length = struct.unpack_from("!HHH", data)
    if 500 in (source, target):
        return "ike"
    if 4500 not in (source, target):
        return "other"
    if length == 9:
        # A NAT keepalive, one byte of 0xff.
        return "ike"
    if len(data) < 12:
        return "unreadable"
    return "ike" if data[8:12] == b"\0\0\0\0" else "esp"
