# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a shunt: packets that go past IPsec, or nowhere at all, by a policy of the kernel that needs no SA.

charon gives the kernel nothing of a shunt but what has an option here (strongSwan, src/libcharon/sa/shunt_manager.c).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import Problem
from . import key_kinds, kinds
from .options import list_of, option
from .phase1 import Phase1
from .selectors import ANY_PORT, DYNAMIC, OPAQUE, SELECTOR, limits, one_sided, selector_of
from .xfrm_interface import XfrmInterface

PASS, DROP = "pass", "drop"
# Connections that hold shunts have names of their own in charon; see artifacts/shunts.py.
KEPT_NAMES = "swanfleet-shunt-"
# Each pair is three policies in the kernel, or four.
MOST_PAIRS = 1024
_ICMP = (1, 58)
# Its connection and its child are named after it, and swanctl's path to the child, 63 characters and twice the name, has 255.
_LONGEST_NAME = 90


@dataclass(frozen=True)
class Shunt:
    """Packets that pass without IPsec, or are dropped."""

    name: str = option(
        kinds.NAME, "Name of the shunt, of 90 characters at most; nothing refers to it.", identifies=True
    )
    type: str = option(
        kinds.choice((PASS, DROP)),
        "V(pass) lets packets pass in the clear, whatever tunnel or V(drop) they belong to as well, and leaves their way to"
        " the other routes of the host.",
        "V(drop) stops packets that no tunnel takes and no V(pass) lets through. It is there as long as charon runs.",
        required=True,
    )
    local_networks: tuple[str, ...] = option(
        list_of(SELECTOR),
        "Networks on this side, written as those of a phase 2, with protocols and ports. A packet of the other direction has"
        " them as its destination.",
        "V(dynamic) is every address of both families, since there is no endpoint: V(dynamic[tcp/22]) is ssh of this side.",
        "A range of addresses or ports becomes as many policies as the kernel needs to match just that.",
        required=True,
    )
    remote_networks: tuple[str, ...] = option(
        list_of(SELECTOR), "Networks on the other side, written as O(local_networks).", required=True
    )
    priority: int | None = option(
        key_kinds.PRIORITY,
        "Fixed priority of the policies in the kernel; the lower number wins, also over tunnels. By default charon computes it,"
        " so that a V(pass) wins over tunnels and these over a V(drop), and narrower networks over wider ones.",
    )
    interface: str | None = option(
        kinds.INTERFACE_NAME,
        "Interface by which packets leave, those that this host forwards as well; by default any. Packets for the host itself"
        " leave by V(lo).",
        "It must be there when charon loads the shunt: charon looks its number up once, and takes any interface for one that there"
        " is not. While it is not there, this collection tells charon nothing of the shunt.",
    )
    mark_in: str | None = option(
        key_kinds.FIXED_MARK,
        "Mark that incoming and forwarded packets must have, with or without a mask, as in V(0x2a/0xff); by default none.",
    )
    mark_out: str | None = option(key_kinds.FIXED_MARK, "The same for outgoing packets.")
    policies_fwd_out: bool | None = option(
        kinds.BOOL,
        "Whether packets are matched that this host forwards from O(local_networks) to O(remote_networks) when they come in,"
        " and not only when they leave. charon's default is V(false).",
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"shunt {self.name}"

    @property
    def marked(self) -> bool:
        """Say whether it is for packets with some mark only, of which nobody knows here who sets it."""
        return self.mark_in is not None or self.mark_out is not None

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        if len(self.name) > _LONGEST_NAME:
            wanted = f"at most {_LONGEST_NAME} characters are possible: of a longer one swanctl loads nothing when charon starts"
            yield Problem(self.where, "name", self.name, wanted)
        for name, values in (("local_networks", self.local_networks), ("remote_networks", self.remote_networks)):
            if not values:
                yield Problem(
                    self.where, name, [], "at least one network is needed; 0.0.0.0/0 and ::/0 are all there are"
                )
            if len(set(values)) < len(values):
                yield Problem(self.where, name, list(values), "each network once")
            yield from (
                Problem(self.where, f"{name}[{index}]", each, wanted)
                for index, each in enumerate(values)
                for wanted in _unmatched(each)
            )
        wanted = one_sided(self.local_networks, self.remote_networks)
        for each in (wanted, *_icmp_types(self.local_networks, self.remote_networks)):
            if each:
                yield Problem(self.where, "remote_networks", list(self.remote_networks), each)
        local, remote = (
            sum(len(kernel_selectors(each)) for each in side) for side in (self.local_networks, self.remote_networks)
        )
        if local * remote > MOST_PAIRS:
            wanted = (
                f"with local_networks that makes {local * remote} pairs, since ranges are as many networks and ports as the kernel "
                f"needs for them, and {MOST_PAIRS} are possible; take wider networks, or make two shunts"
            )
            yield Problem(self.where, "remote_networks", list(self.remote_networks), wanted)


def _unmatched(text: str) -> Iterator[str]:
    """Yield why the kernel cannot match a selector: it has masks for ports, and an ICMP type with a code in their place."""
    selector = selector_of(text)
    if selector.ports == OPAQUE:
        yield "ports that are hidden from a peer mean nothing where there is none; name them, or leave them out"
    elif selector.protocol in _ICMP and selector.ports != ANY_PORT:
        if selector.ports[0] != selector.ports[1]:
            yield "the kernel knows no range of ICMP types; write each of them, as in [icmp/8]"
        elif not selector.ports[0]:
            yield "charon makes a code of type 0 for packets that come in; leave the type out, or name another one"


def _icmp_types(local: Sequence[str], remote: Sequence[str]) -> Iterator[str]:
    """Yield why the kernel cannot match what two sides say of ICMP: a packet has one type, whichever side names it."""
    for one, other in itertools.product(map(selector_of, local), map(selector_of, remote)):
        if one.goes_with(other) and max(one.protocol, other.protocol) in _ICMP:
            limited = {each for each in (one, other) if each.ports != ANY_PORT}
            if len({each.ports for each in limited}) > 1 or any(each.protocol not in _ICMP for each in limited):
                yield "a packet of ICMP has one type and no ports, so that one side can name it, or both the same"
                return


@functools.lru_cache(maxsize=4096)
def kernel_selectors(text: str) -> tuple[str, ...]:
    """Return the selectors that each are one to the kernel, and together what a text says.

    The kernel has a prefix for addresses and a mask for ports; charon gives it the least of these that holds a range, and so
    more than was written (kernel_netlink_ipsec.c, ts2subnet and ts2ports).
    """
    selector = selector_of(text)
    networks = [str(each) for each in selector.networks()] or [DYNAMIC]
    if selector.ports == OPAQUE:
        return (text,)
    blocks = list(_blocks(*selector.ports))
    return tuple(where + limits(selector.protocol, block) for where, block in itertools.product(networks, blocks))


def _blocks(low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the fewest ranges that are one number with a mask each, from `low` to `high`."""
    while low <= high:
        size = low & -low or 0x10000
        while low + size - 1 > high:
            size >>= 1
        yield low, low + size - 1
        low += size


def shunt_problems(
    shunts: Mapping[str, Shunt], connections: Mapping[str, Phase1], interfaces: Mapping[str, XfrmInterface]
) -> Iterator[Problem]:
    """Yield every problem between the shunts and the other objects of one gateway."""
    for _name, shunt in sorted(shunts.items()):
        if shunt.interface in interfaces:
            wanted = (
                "charon looks its number up once, and an XFRM interface of ours is made anew when its number or parent changes, so "
                "that the shunt would be for one that is gone; take networks or marks instead"
            )
            yield Problem(shunt.where, "interface", shunt.interface, wanted)
    for name, connection in sorted(connections.items()):
        if name.startswith(KEPT_NAMES):
            yield Problem(connection.where, "name", name, f"names that begin with {KEPT_NAMES} are kept for shunts")
