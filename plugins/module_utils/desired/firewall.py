# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's firewall is to let through: rules for traffic out of tunnels, and the chains of the host that drop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from . import kinds
from .options import Kind, list_of, object_of, option
from .phase1 import address_family
from .selectors import PROTOCOLS

# In nft's JSON a name is a text like any other; these are the names that its own language can say too.
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,63}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")
# TCP, UDP, DCCP, SCTP and UDP-Lite begin with both ports.
WITH_PORTS = frozenset({6, 17, 33, 132, 136})
FIREWALLD = "firewalld"
OURS = "swanfleet"
# What the role ha writes, by itself.
HA_TABLE = "swanfleet_ha"


def parse_protocol(value: Any) -> str:
    """Accept a protocol by its name or number, or "any"."""
    wanted = "a protocol is needed: any, tcp, udp, icmp, icmpv6, another by name, or a number from 1 to 255"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(wanted)
    text = str(value).lower()
    if text in PROTOCOLS:
        return text
    if not _NUMBER.fullmatch(text) or not 0 < int(text) <= 0xFF:
        raise ValueError(wanted)
    return text


def protocol_number(protocol: str) -> int:
    """Return the number of what `parse_protocol` has returned; 0 for any."""
    known = PROTOCOLS.get(protocol)
    return int(protocol) if known is None else known


def parse_ports(value: Any) -> str:
    """Accept a port, or two with a dash between them."""
    wanted = "a port from 0 to 65535 is needed, or two with a dash between them, such as 443 or 8000-8099"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(wanted)
    low, dash, high = str(value).partition("-")
    both = (low, high) if dash else (low, low)
    if not all(_NUMBER.fullmatch(each) and int(each) <= 0xFFFF for each in both) or int(both[0]) > int(both[1]):
        raise ValueError(wanted)
    return f"{low}-{high}" if int(both[0]) < int(both[1]) else low


def ports_of(text: str) -> tuple[int, int]:
    """Return the first and the last port of what `parse_ports` has returned."""
    low, _dash, high = text.partition("-")
    return int(low), int(high or low)


def parse_identifier(value: Any) -> str:
    """Accept the name of a table or chain of nftables."""
    wanted = "a name of nftables is needed: a letter or '_', then letters, digits and '_', '.', '/', '-', at most 64"
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ValueError(wanted)
    return value


PROTOCOL = Kind("str", parse_protocol)
PORTS = Kind("str", parse_ports)
IDENTIFIER = Kind("str", parse_identifier)


@dataclass(frozen=True)
class Allow:
    """Traffic out of a tunnel that the host's firewall is to let through, to hosts behind it and to itself."""

    protocol: str = option(PROTOCOL, "Protocol by name or number: V(tcp), V(udp), V(icmp), V(gre) …", default="any")
    ports: tuple[str, ...] = option(
        list_of(PORTS),
        "Ports that the traffic may go to, of TCP, UDP, DCCP, SCTP or UDP-Lite; all when not given.",
        "One, or two with a dash between them: V(443), V(8000-8099).",
        default=(),
    )
    source: tuple[str, ...] = option(
        list_of(kinds.NETWORK), "Networks at the other end that it may come from; any when not given.", default=()
    )
    destination: tuple[str, ...] = option(
        list_of(kinds.NETWORK), "Networks or hosts at this end that it may go to; any when not given.", default=()
    )

    def problems(self, where: str, prefix: str) -> Iterator[Problem]:
        """Yield what is wrong about this rule by itself."""
        if self.ports and protocol_number(self.protocol) not in WITH_PORTS:
            wanted = f"protocol {self.protocol} has no ports; leave them out, or set protocol: tcp or udp"
            yield Problem(where, f"{prefix}.ports", list(self.ports), wanted)
        sides = [{address_family(each) for each in side} for side in (self.source, self.destination)]
        if all(sides) and not sides[0] & sides[1]:
            wanted = f"a network of the family of source is needed (IPv{min(map(int, filter(None, sides[0])))})"
            yield Problem(where, f"{prefix}.destination", list(self.destination), wanted)


ALLOW = list_of(object_of(Allow))
ALLOW_TEXT = (
    (
        "What the host's firewall is to let through of what comes in by {}, to hosts behind this one and to itself: new"
        " connections, and all packets that belong to them in both directions. Where the host drops, nothing else passes."
    ),
    "It opens and never closes: where the host drops nothing, it changes nothing.",
)


def allow_problems(where: str, allow: tuple[Allow, ...]) -> Iterator[Problem]:
    """Yield what is wrong about the rules of one object."""
    for index, each in enumerate(allow):
        yield from each.problems(where, f"allow[{index}]")


@dataclass(frozen=True)
class HostTable:
    """A table of the host's own firewall whose chains drop what nobody has accepted."""

    family: str = option(
        kinds.choice(("inet", "ip", "ip6")), "Family of the table, as nft(8) names it.", identifies=True
    )
    table: str = option(IDENTIFIER, "Name of the table.", identifies=True)
    input_chain: str | None = option(
        IDENTIFIER, "Chain that decides about packets to the host itself; left alone when not given."
    )
    forward_chain: str | None = option(
        IDENTIFIER, "Chain that decides about packets that the host forwards; left alone when not given."
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"firewall {self.family}/{self.table}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        if self.table == OURS:
            yield Problem(self.where, "table", self.table, "the table of the host itself is needed, this one is ours")
        if self.table == FIREWALLD:
            yield Problem(self.where, "table", self.table, FIREWALLD_REASON)


FIREWALLD_REASON = (
    "firewalld makes its table anew whenever it likes, and takes rules by its own commands only: leave out firewall_rule and "
    "allow, and open the host there, such as by 'firewall-cmd --permanent --add-service=ipsec'"
)
