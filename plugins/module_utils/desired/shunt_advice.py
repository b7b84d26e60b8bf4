# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shunts do that is hardly meant: whom a drop locks out, which traffic of tunnels it stops, what a pass leaves in the clear.

A host is known by its networks alone here, so that all but the last function tell of what may happen, in warnings.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import Problem
from .gateway import Gateway
from .phase2 import Phase2
from .selectors import ANY_PORT, Selector, selector_of
from .shunt import DROP, PASS, Shunt

_ALL = {4: (1 << 32) - 1, 6: (1 << 128) - 1}
_TCP, _SSH, _ICMPV6 = 6, 22, 58
_TO_ITSELF = "lo"
# Neighbour solicitation (RFC 4861); for ICMP a port is 256 times the type, plus the code.
_NEIGHBOURS = 135 << 8


class Pair(NamedTuple):
    """Both sides of a policy."""

    local: Selector
    remote: Selector

    def holds(self, other: Pair) -> bool:
        """Say whether each packet of the other pair is one of this."""
        return all(_inside(one, whole) for one, whole in zip(other, self))

    def overlaps(self, other: Pair) -> bool:
        """Say whether some packet is of both."""
        return all(one.overlaps(two) for one, two in zip(self, other))

    @property
    def turned(self) -> Pair:
        """Return the pair as the other end would write it."""
        return Pair(self.remote, self.local)


class Ends(NamedTuple):
    """A TCP connection from a client to a server, which is this host, by addresses and ports."""

    client: str
    client_port: int
    server: str
    server_port: int


def shunt_advice(gateway: Gateway) -> Iterator[str]:
    """Yield a sentence for each thing about shunts that is possible and hardly meant."""
    passing, dropping = (_pairs_of(gateway, kind) for kind in (PASS, DROP))
    tunnels = [(child, pair) for _key, child in sorted(gateway.phase2.items()) for pair in _pairs(child)]
    for shunt, pairs in dropping:
        yield from _locked_out(shunt, pairs, passing)
        yield from _without_neighbours(shunt, pairs, passing)
        yield from _stopped(shunt, pairs, passing, tunnels, gateway)
    for shunt, pairs in passing:
        yield from _in_the_clear(shunt, pairs, tunnels, gateway)


def cut_off(
    gateway: Gateway, loaded: Collection[str], ends: Ends, addresses: Mapping[str, Collection[str]]
) -> Iterator[Problem]:
    """Yield a problem for each shunt that would drop the packets of a connection to this host, once it is `loaded`.

    Whoever has the connection would never hear of a warning. `addresses` are those of the host's interfaces: by the one that
    the connection came to its packets leave, as far as anybody knows.
    """
    packet = _packet(ends)
    devices = {None, _TO_ITSELF, *(name for name, own in addresses.items() if ends.server in own)}
    passing = [each for each in gateway.shunts.values() if each.type == PASS]
    exempt = [each for each in passing if not each.marked and each.interface is None]
    others: list[Shunt | Phase2] = [*exempt, *gateway.phase2.values()]
    if any(pair.holds(packet) for each in others for pair in _pairs(each)):
        return
    for name, shunt in sorted(gateway.shunts.items()):
        counts = name in loaded and shunt.type == DROP and not shunt.marked and shunt.interface in devices
        if counts and any(pair.holds(packet) for pair in _pairs(shunt)):
            server, client = (ipaddress.ip_network(each) for each in (ends.server, ends.client))
            wanted = (
                f"it would drop the packets of the very session that this run comes by, from {ends.client} to port "
                f"{ends.server_port} of {ends.server}, and nobody would hear how it ended. Leave that out, or let it through by a "
                f"shunt of type pass, such as one with local_networks ['{server}[tcp/{ends.server_port}]'] and remote_networks "
                f"['{client}']"
            )
            yield Problem(shunt.where, "remote_networks", list(shunt.remote_networks), wanted)


def _packet(ends: Ends) -> Pair:
    sides = ((ends.server, ends.server_port), (ends.client, ends.client_port))
    found = ((ipaddress.ip_address(address), port) for address, port in sides)
    local, remote = (Selector(each.version, int(each), int(each), _TCP, (port, port)) for each, port in found)
    return Pair(local, remote)


def _pairs_of(gateway: Gateway, kind: str) -> list[tuple[Shunt, list[Pair]]]:
    """Return the shunts of a type with their pairs; not those for some mark or interface, but for packets to the host itself."""
    found = (each for _name, each in sorted(gateway.shunts.items()) if each.type == kind and not each.marked)
    return [(each, list(_pairs(each))) for each in found if each.interface in (None, _TO_ITSELF)]


def _pairs(item: Shunt | Phase2) -> Iterator[Pair]:
    """Yield the pairs of an object; what is dynamic is everything for a shunt, and nobody knows what for a tunnel."""
    sides = ([selector_of(each) for each in side] for side in (item.local_networks, item.remote_networks))
    if isinstance(item, Shunt):
        sides = (list(itertools.chain.from_iterable(map(_of_both_families, side))) for side in sides)
    local, remote = sides
    for one, other in itertools.product(local, remote):
        if one.family == other.family != 0 and one.goes_with(other):
            protocol = one.protocol or other.protocol
            yield Pair(one._replace(protocol=protocol), other._replace(protocol=protocol))


def _of_both_families(selector: Selector) -> Iterator[Selector]:
    if selector.family:
        yield selector
        return
    for family, last in _ALL.items():
        yield selector._replace(family=family, low=0, high=last)


def _inside(one: Selector, whole: Selector) -> bool:
    return (
        one.family == whole.family
        and whole.low <= one.low <= one.high <= whole.high
        and whole.protocol in (0, one.protocol)
        and whole.ports[0] <= one.ports[0] <= one.ports[1] <= whole.ports[1]
    )


def _everybody(selector: Selector) -> bool:
    return (selector.low, selector.high) == (0, _ALL[selector.family])


def _locked_out(shunt: Shunt, pairs: Sequence[Pair], passing: Sequence[tuple[Shunt, list[Pair]]]) -> Iterator[str]:
    """Tell of ssh from everywhere, where nothing lets any of it through."""
    for pair in pairs:
        if not _everybody(pair.remote) or pair.remote.ports != ANY_PORT:
            continue
        ssh = Pair(
            pair.local._replace(protocol=_TCP, ports=(_SSH, _SSH)), pair.remote._replace(protocol=_TCP, ports=ANY_PORT)
        )
        if pair.holds(ssh) and not any(each.overlaps(ssh) for _shunt, exempt in passing for each in exempt):
            yield (
                f"{shunt.where}: it drops what anybody sends to ssh of {_written(shunt.local_networks)}, and no shunt of type pass "
                "lets it through: whoever administers this host from elsewhere is locked out. A shunt with local_networks "
                "['dynamic[tcp/22]'], and remote_networks where you come from, lets you in"
            )
            return


def _without_neighbours(
    shunt: Shunt, pairs: Sequence[Pair], passing: Sequence[tuple[Shunt, list[Pair]]]
) -> Iterator[str]:
    """Tell of IPv6 hosts on the link that cannot find each other any more."""
    for pair in pairs:
        local, remote = (each._replace(protocol=_ICMPV6, ports=(_NEIGHBOURS, _NEIGHBOURS)) for each in pair)
        asking = Pair(local, remote._replace(ports=ANY_PORT))
        if local.family != 6 or not _everybody(remote) or not pair.holds(asking):
            continue
        if not any(each.overlaps(asking) for _shunt, exempt in passing for each in exempt):
            yield (
                f"{shunt.where}: it drops the neighbour discovery of IPv6 as well, without which nobody on the same link is found, "
                "a router neither: let ['dynamic[ipv6-icmp]'] through by a shunt of type pass"
            )
            return


def _stopped(
    shunt: Shunt,
    pairs: Sequence[Pair],
    passing: Sequence[tuple[Shunt, list[Pair]]],
    tunnels: Sequence[tuple[Phase2, Pair]],
    gateway: Gateway,
) -> Iterator[str]:
    """Tell of tunnels that a drop takes packets from: their own policies do not win everywhere."""
    for child, tunnel in tunnels:
        link = gateway.phase1[child.phase1].xfrm_interface if child.phase1 in gateway.phase1 else None
        turned = any(each.overlaps(tunnel.turned) for each in pairs)
        routed = link is not None and any(each.overlaps(tunnel) for each in pairs)
        wide = tunnel.turned if turned else tunnel
        if not (turned or routed) or any(each.holds(wide) for _shunt, exempt in passing for each in exempt):
            continue
        if turned:
            why = (
                "it also drops what comes out of that tunnel and is forwarded, since there the remote networks are those that a "
                "packet comes from; name the networks behind this host in local_networks, and no others"
            )
        else:
            why = (
                f"a packet meets it before it is routed into {link}, where the tunnel's own policies are; let it through by a "
                "shunt of type pass, which does not keep it from being encrypted there"
            )
        yield f"{shunt.where}, {child.where}: {why}"
        return


def _in_the_clear(
    shunt: Shunt, pairs: Sequence[Pair], tunnels: Sequence[tuple[Phase2, Pair]], gateway: Gateway
) -> Iterator[str]:
    """Tell of tunnels of which nothing is left."""
    for child, tunnel in tunnels:
        parent = gateway.phase1.get(child.phase1)
        if parent is not None and parent.xfrm_interface is None and any(each.holds(tunnel) for each in pairs):
            yield (
                f"{shunt.where}, {child.where}: all that the tunnel is for between {_written(child.local_networks)} and "
                f"{_written(child.remote_networks)} passes by it in the clear"
            )
            return


def _written(networks: Sequence[str]) -> str:
    return ", ".join(networks[:3]) + (", …" if len(networks) > 3 else "")
