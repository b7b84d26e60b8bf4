# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One side of a traffic selector: addresses, and which protocol and ports of theirs, as in "10.1.0.0/24[tcp/443]".

Names are turned into numbers, since charon looks them up in files that a host may lack. Source of what a text means:
strongSwan, src/libcharon/plugins/vici/vici_config.c, parse_ts().
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Union

from .kinds import parse_address, parse_network
from .options import Kind

DYNAMIC = "dynamic"
ANY_PORT = (0, 0xFFFF)
# Ports that are hidden from the end that names them (RFC 7296, section 3.13.1).
OPAQUE = (0xFFFF, 0)
# https://www.iana.org/assignments/protocol-numbers, as Debian's /etc/protocols names them.
PROTOCOLS = {
    "any": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6": 41, "rsvp": 46, "gre": 47,
    "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "eigrp": 88, "ospf": 89, "ipip": 94, "pim": 103, "vrrp": 112,
    "l2tp": 115, "isis": 124, "sctp": 132, "mobility-header": 135, "udplite": 136,
}  # fmt: skip
# https://www.iana.org/assignments/service-names-port-numbers, those that people write most.
SERVICES = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69, "http": 80,
    "kerberos": 88, "pop3": 110, "ntp": 123, "imap2": 143, "snmp": 161, "snmp-trap": 162, "bgp": 179, "ldap": 389,
    "https": 443, "syslog": 514, "ldaps": 636, "ms-sql-s": 1433, "l2f": 1701, "radius": 1812, "radius-acct": 1813,
    "nfs": 2049, "mysql": 3306, "ms-wbt-server": 3389, "sip": 5060, "postgresql": 5432,
}  # fmt: skip
_ICMP = (1, 58)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")
_OR_DYNAMIC = "or 'dynamic' for the endpoint's own address"
_WANTED = "protocol and port are written as in 10.1.0.0/24[tcp/443], [udp/1024-2048], [icmp] or [any/53]"

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class Selector(NamedTuple):
    """Addresses from `low` to `high` of family 4 or 6 (0: dynamic), with a protocol (0: any) and ports, both ends included.

    For ICMP a port is 256 times the type, plus the code.
    """

    family: int
    low: int
    high: int
    protocol: int = 0
    ports: tuple[int, int] = ANY_PORT

    @property
    def limited(self) -> bool:
        """Say whether it is for some protocol or port only."""
        return self.protocol != 0 or self.ports != ANY_PORT

    def networks(self) -> list[Network]:
        """Return the fewest networks that hold just these addresses; none for what is dynamic."""
        if not self.family:
            return []
        address = ipaddress.IPv4Address if self.family == 4 else ipaddress.IPv6Address
        return list(ipaddress.summarize_address_range(address(self.low), address(self.high)))

    def overlaps(self, other: Selector) -> bool:
        """Say whether a packet's one end may be in both; of dynamic ones nobody knows, and so they do not."""
        return (
            self.family == other.family != 0
            and self.low <= other.high
            and other.low <= self.high
            and self.goes_with(other)
            and (self.ports == other.ports or (self.ports[0] <= other.ports[1] and other.ports[0] <= self.ports[1]))
        )

    def goes_with(self, other: Selector) -> bool:
        """Say whether a packet may have the protocols of both."""
        return self.protocol == other.protocol or not self.protocol or not other.protocol


def parse_selector(value: Any) -> str:
    """Accept a network, a range of addresses, or "dynamic" for the endpoint's own (or virtual) address; each with "[...]".

    In the brackets stand a protocol, and after a slash a port, two with a dash between them, or "opaque"; both by name or
    number, and "any" for all of them.
    """
    if isinstance(value, str) and value != DYNAMIC and ("[" in value or "-" in value):
        return _limited(value)
    return _addresses(value)


@functools.lru_cache(maxsize=65536)
def selector_of(text: str) -> Selector:
    """Return what a text means that `parse_selector` has returned."""
    where, _bracket, inside = text.partition("[")
    protocol, ports = _limits(inside[:-1], where) if inside else (0, ANY_PORT)
    if where == DYNAMIC:
        return Selector(0, 0, 0, protocol, ports)
    low, dash, high = where.partition("-")
    if dash:
        first, last = ipaddress.ip_address(low), ipaddress.ip_address(high)
        return Selector(first.version, int(first), int(last), protocol, ports)
    network = ipaddress.ip_network(where)
    return Selector(network.version, int(network.network_address), int(network.broadcast_address), protocol, ports)


def one_sided(local: Sequence[str], remote: Sequence[str]) -> str:
    """Say what is wanted on the remote side where no packet can be of both, as it has one family and one protocol; or nothing."""
    ours, theirs = ([selector_of(each) for each in side] for side in (local, remote))
    families = [{each.family for each in side} - {0} for side in (ours, theirs)]
    if all(families) and not families[0] & families[1]:
        wanted = f"a network of the family of local_networks is needed (IPv{families[0].pop()}): "
        return wanted + "both sides of a selector have one family"
    if ours and theirs and not any(one.goes_with(other) for one in ours for other in theirs):
        wanted = "a network with the protocol of local_networks is needed, or with none: "
        return wanted + "both sides of a selector have one protocol"
    return ""


def _addresses(value: Any) -> str:
    if value == DYNAMIC:
        return DYNAMIC
    try:
        return parse_network(value)
    except ValueError as error:
        raise ValueError(f"{error}; {_OR_DYNAMIC}") from None


@functools.lru_cache(maxsize=65536)
def _limited(text: str) -> str:
    where, bracket, inside = text.partition("[")
    addresses = _range(where) if "-" in where else _addresses(where)
    if not bracket:
        return addresses
    if not inside.endswith("]"):
        raise ValueError(f"the bracket has to be closed at the end; {_WANTED}")
    protocol, ports = _limits(inside[:-1], addresses)
    return addresses + limits(protocol, ports)


def _range(text: str) -> str:
    wanted = "a range goes from the lower to the higher address of one family, such as 10.1.0.1-10.1.0.9"
    low, _dash, high = text.partition("-")
    try:
        first, last = (ipaddress.ip_address(parse_address(each.strip(" "))) for each in (low, high))
    except ValueError as error:
        raise ValueError(f"{wanted} ({error})") from None
    if first.version != last.version or int(first) > int(last):
        raise ValueError(wanted)
    networks = Selector(first.version, int(first), int(last)).networks()
    # As charon takes and shows it.
    return str(networks[0]) if len(networks) == 1 else f"{first}-{last}"


def limits(protocol: int, ports: tuple[int, int]) -> str:
    """Return how a protocol and its ports are written behind addresses; nothing where they are any."""
    what = str(protocol or "any")
    if ports == ANY_PORT:
        return f"[{what}]" if protocol else ""
    low, high = ports
    return f"[{what}/{'opaque' if ports == OPAQUE else low if low == high else f'{low}-{high}'}]"


def _limits(text: str, where: str) -> tuple[int, tuple[int, int]]:
    """Return the protocol and the ports that stand in brackets."""
    word, _slash, port = text.partition("/")
    protocol = _protocol(word)
    ports = _ports(port, protocol or 0)
    if protocol is not None and ports is not None:
        return protocol, ports
    turned = _protocol(port), _ports(word, _protocol(port) or 0)
    if port and turned[0] and turned[1]:
        raise ValueError(f"the protocol stands before the port; did you mean {where}{limits(turned[0], turned[1])}?")
    if protocol is None:
        only = _ports(word, 0)
        hint = f"; did you mean {where}[tcp/{word}]?" if only is not None and not port else ""
        raise ValueError(f"'{word}' is no protocol that is known by name, nor a number from 0 to 255; {_WANTED}{hint}")
    raise ValueError(
        f"'{port}' is no port that is known by name, nor a number from 0 to 65535, nor two of them; {_WANTED}"
    )


def _protocol(word: str) -> int | None:
    known = PROTOCOLS.get(word.lower() or "any")
    if known is None and _NUMBER.fullmatch(word) and int(word) <= 0xFF:
        return int(word)
    return known


def _ports(text: str, protocol: int) -> tuple[int, int] | None:
    if text.lower() in ("", "any"):
        return ANY_PORT
    if text.lower() == "opaque":
        return OPAQUE
    found = list(_numbers(text))
    if not found or None in found:
        return None
    low, high = (_of_icmp(number or 0) if protocol in _ICMP else number or 0 for number in (found[0], found[-1]))
    return (low, high) if low <= high else None


def _numbers(text: str) -> Iterator[int | None]:
    """Yield the number of a port, or both of a range; None for what is no port."""
    known = SERVICES.get(text.lower())
    if known is not None:
        yield known
        return
    low, dash, high = text.partition("-")
    for each in (low, high) if dash else (low,):
        yield int(each) if _NUMBER.fullmatch(each) and int(each) <= 0xFFFF else None


def _of_icmp(number: int) -> int:
    # A type alone is as good as type and code (traffic_selector.c, traffic_selector_create).
    return number << 8 if number < 256 else number


SELECTOR = Kind("str", parse_selector)
