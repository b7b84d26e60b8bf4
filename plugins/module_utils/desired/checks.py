# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks between objects: what no object can know alone, such as references, numbers used twice and selectors that overlap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import Problem
from .guarding import guard_problems
from .naming import nothing_named
from .owners import key_problems
from .phase1 import Phase1
from .phase2 import Phase2
from .proposals import DEFAULT_ESP
from .selectors import ANY_PORT, Selector, selector_of
from .xfrm_interface import XfrmInterface


def cross_problems(
    phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2], interfaces: Mapping[str, XfrmInterface]
) -> Iterator[Problem]:
    """Yield every problem between the objects of one gateway."""
    yield from missing_references(phase1, phase2, interfaces)
    yield from _numbers_twice(interfaces)
    yield from _mediation(phase1)
    yield from _beside_parent(phase1, phase2)
    yield from _overlaps(phase1, phase2)
    yield from _small_mtus(phase1, phase2, interfaces)
    yield from _rekeyed_children(phase1, phase2)
    yield from _modes(phase1, phase2)
    yield from guard_problems(phase1, phase2)
    yield from key_problems(phase1)


def missing_references(
    phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2], interfaces: Mapping[str, XfrmInterface]
) -> Iterator[Problem]:
    """Yield a problem for every object that refers to one that is not there."""
    for child in phase2.values():
        if child.phase1 not in phase1:
            yield Problem(child.where, "phase1", child.phase1, nothing_named(child.phase1, "phase 1", list(phase1)))
    for connection in phase1.values():
        server = connection.mediated_by
        if server is not None and server not in phase1:
            yield Problem(connection.where, "mediated_by", server, nothing_named(server, "phase 1", list(phase1)))
        name = connection.xfrm_interface
        if name is not None and name not in interfaces:
            yield Problem(
                connection.where, "xfrm_interface", name, nothing_named(name, "XFRM interface", list(interfaces))
            )


def _numbers_twice(interfaces: Mapping[str, XfrmInterface]) -> Iterator[Problem]:
    owner: dict[int, str] = {}
    for name, interface in sorted(interfaces.items()):
        if interface.if_id is None:
            continue
        if interface.if_id in owner:
            yield Problem(
                interface.where,
                "if_id",
                interface.if_id,
                f"it is the number of {owner[interface.if_id]} already; each number once, or leave it out",
            )
        owner.setdefault(interface.if_id, name)


def _mediation(phase1: Mapping[str, Phase1]) -> Iterator[Problem]:
    for _name, connection in sorted(phase1.items()):
        server = phase1.get(connection.mediated_by or "")
        if server is not None and not server.mediation:
            yield Problem(connection.where, "mediated_by", server.name, f"{server.where} must have mediation: true")


def _beside_parent(phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2]) -> Iterator[Problem]:
    """Options of a phase 2 that its phase 1 leaves no room for."""
    for _key, child in sorted(phase2.items()):
        parent = phase1.get(child.phase1)
        if parent is None:
            continue
        number = child.if_id_in or child.if_id_out
        if number is not None and parent.xfrm_interface is not None:
            name = "if_id_in" if child.if_id_in else "if_id_out"
            yield Problem(
                child.where,
                name,
                number,
                f"xfrm_interface of {parent.where} is {parent.xfrm_interface}, which has its number; only one of them",
            )
        if child.per_cpu_sas not in (None, "no") and "on_demand" not in parent.start_type:
            wanted = f"it needs a trap, and init_type of {parent.where} is {parent.start_type}; use start_on_demand or on_demand"
            yield Problem(child.where, "per_cpu_sas", child.per_cpu_sas, wanted)
        if parent.ike_version == 1:
            yield from _of_ikev1(child, parent)
        if child.label is not None and parent.ike_version == 1:
            yield Problem(
                child.where, "label", child.label, f"it belongs to IKEv2, and ike_version of {parent.where} is 1"
            )


def _of_ikev1(child: Phase2, parent: Phase1) -> Iterator[Problem]:
    """IKEv1 has room for one port, 0 for all of them (RFC 2407, section 4.6.2)."""
    for name in ("local_networks", "remote_networks"):
        for each in getattr(child, name):
            low, high = selector_of(each).ports
            if low != high and (low, high) != ANY_PORT:
                wanted = f"one port is needed, or none, as ike_version of {parent.where} is 1"
                yield Problem(child.where, name, each, wanted)


def _small_mtus(
    phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2], interfaces: Mapping[str, XfrmInterface]
) -> Iterator[Problem]:
    """IPv6 needs an MTU of 1280 (RFC 8200, section 5): the kernel has no IPv6 on a link with less, and refuses its routes."""
    for _key, child in sorted(phase2.items()):
        parent = phase1.get(child.phase1)
        interface = interfaces.get(parent.xfrm_interface or "") if parent else None
        if interface is None or interface.mtu is None or interface.mtu >= 1280:
            continue
        if any(":" in network for network in child.remote_networks):
            yield Problem(
                interface.where, "mtu", interface.mtu, f"at least 1280 is needed, as {child.where} has an IPv6 network"
            )


def _rekeyed_children(phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2]) -> Iterator[Problem]:
    for _key, child in sorted(phase2.items()):
        parent = phase1.get(child.phase1)
        if parent is not None and not parent.rekey:
            told = {name: getattr(child, name) for name in ("rekey_time", "rekey_bytes", "rekey_packets")}
            wanted = f"0 is needed, or nothing, as rekey of {parent.where} is false"
            yield from (Problem(child.where, name, value, wanted) for name, value in told.items() if value)


def _modes(phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2]) -> Iterator[Problem]:
    """What a phase 2 can be follows from the mode and the protocol of its phase 1."""
    of_transport: dict[str, Phase2] = {}
    for _key, child in sorted(phase2.items()):
        parent = phase1.get(child.phase1)
        if parent is None:
            continue
        if parent.encryption_type == "esp" and child.ah_proposals is not None:
            wanted = f"it belongs to AH, and {parent.where} has encryption_type: esp; use proposals"
            yield Problem(child.where, "ah_proposals", list(child.ah_proposals), wanted)
        if parent.encryption_type == "ah" and child.proposals != DEFAULT_ESP:
            wanted = f"they belong to ESP, and {parent.where} has encryption_type: ah; use ah_proposals"
            yield Problem(child.where, "proposals", list(child.proposals), wanted)
        if parent.connection_type != "transport":
            continue
        other = of_transport.setdefault(parent.name, child)
        if other is not child:
            wanted = f"transport mode has one phase 2, and {parent.where} has {other.where} already"
            yield Problem(child.where, "phase1", child.phase1, wanted)
        for name in ("local_networks", "remote_networks"):
            networks = getattr(child, name)
            if any(selector_of(each).family for each in networks):
                wanted = (
                    "transport mode protects what the endpoints send to each other: leave it out, or write dynamic[...]"
                )
                yield Problem(child.where, name, list(networks), wanted)
            elif parent.traffic_selector != "any" and networks != ("dynamic",):
                wanted = f"traffic_selector of {parent.where} is {parent.traffic_selector}, which says it; leave one of them out"
                yield Problem(child.where, name, list(networks), wanted)


def _overlaps(phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2]) -> Iterator[Problem]:
    """Two pairs of selectors that overlap on one XFRM interface have one winner only (S03; the page's "IPSec Interface")."""
    by_interface: dict[str, list[tuple[Phase2, str, str]]] = {}
    for _key, child in sorted(phase2.items()):
        parent = phase1.get(child.phase1)
        if parent is None or parent.xfrm_interface is None:
            continue
        pairs = by_interface.setdefault(parent.xfrm_interface, [])
        pairs.extend((child, local, remote) for local in child.local_networks for remote in child.remote_networks)
    for interface, pairs in by_interface.items():
        clash = _first_overlap(pairs)
        if clash is not None:
            (one, one_local, one_remote), (other, other_local, other_remote) = clash
            yield Problem(
                other.where,
                "remote_networks",
                f"{other_local} === {other_remote}",
                f"it overlaps with {one_local} === {one_remote} of {one.where} on XFRM interface {interface}; "
                "give one of the connections an interface of its own",
            )


def _first_overlap(
    pairs: list[tuple[Phase2, str, str]],
) -> tuple[tuple[Phase2, str, str], tuple[Phase2, str, str]] | None:
    """Return the first two overlapping pairs of different phase 2s; a sweep over the remote networks, not all pairs."""
    spans = sorted(
        (
            (selector_of(remote), selector_of(local), (child, local, remote))
            for child, local, remote in pairs
            # Lists may have both families in them; nothing goes from one to the other.
            if selector_of(local).family == selector_of(remote).family != 0
        ),
        key=lambda span: span[:2],
    )
    active: list[tuple[Selector, Selector, tuple[Phase2, str, str]]] = []
    for remote, local, pair in spans:
        active = [entry for entry in active if (entry[0].family, entry[0].high) >= (remote.family, remote.low)]
        for other_remote, other_local, other in active:
            together = remote.overlaps(other_remote) and local.overlaps(other_local)
            if other[0] is not pair[0] and together and _one_protocol(remote, local, other_remote, other_local):
                return other, pair
        active.append((remote, local, pair))
    return None


def _one_protocol(*selectors: Selector) -> bool:
    return len({each.protocol for each in selectors} - {0}) < 2
