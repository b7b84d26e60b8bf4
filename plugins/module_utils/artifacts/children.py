# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which phase 2 becomes which CHILD_SA: one each, several in one, or two for one (the page's "Split Connection")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..desired.gateway import Gateway
from ..desired.options import options_of
from ..desired.page_settings import TRAFFIC, VXLAN_PORT
from ..desired.phase1 import Phase1
from ..desired.phase2 import MOST_SELECTORS, Phase2
from .page_keys import Section

Networks = tuple[str, ...]
# What tells two phase 2s apart without being a parameter of an SA.
_APART = ("name", "local_networks", "remote_networks", "install_routes")
_SHARED = tuple(opt.name for opt in options_of(Phase2) if opt.name not in _APART)


@dataclass(frozen=True)
class ChildSa:
    """A child of a connection as charon takes it: name, selectors, the phase 2s that it is made of; they agree in the rest."""

    name: str
    local: Networks
    remote: Networks
    phase2: tuple[Phase2, ...]


def child_sas(gateway: Gateway) -> dict[str, list[ChildSa]]:
    """Return the children of every connection, sorted by name.

    No child lets through a pair of networks that no phase 2 lists. One that several phase 2s share has the name of the
    first of them.
    """
    members: dict[str, list[Phase2]] = {name: [] for name in gateway.phase1}
    for _key, each in sorted(gateway.phase2.items()):
        members[each.phase1].append(each)
    return {name: _children(connection, members[name]) for name, connection in gateway.phase1.items()}


def of_one_protocol(children: Mapping[str, Section]) -> tuple[str, str, int | None] | None:
    """Return name, `traffic_selector` and `vxlan_port` of the one phase 2 that the read children of a connection amount to.

    None where they are not what `child_sas` makes of such a one.
    """
    selectors = {name: (tuple(child["local_ts"]), tuple(child["remote_ts"])) for name, child in children.items()}
    gre, udp = (f"dynamic[{TRAFFIC[word]}]" for word in ("gre", "vxlan"))
    if len(selectors) == 1:
        [(name, found)] = selectors.items()
        return (name, "gre", None) if found == ((gre,), (gre,)) else None
    name = min(selectors, default="").rpartition("-")[0]
    inward, outward = selectors.get(f"{name}-in"), selectors.get(f"{name}-out")
    if len(selectors) != 2 or inward is None or outward != inward[::-1] or inward[1] != (udp,) or len(inward[0]) != 1:
        return None
    port = inward[0][0].removeprefix(f"{udp[:-1]}/").removesuffix("]")
    return (name, "vxlan", int(port)) if port.isdigit() else None


def _children(connection: Phase1, members: Iterable[Phase2]) -> list[ChildSa]:
    if connection.traffic_selector != "any":
        return [child for each in members for child in _of_one_protocol(connection, each)]
    alone = [ChildSa(each.name, each.local_networks, each.remote_networks, (each,)) for each in members]
    if connection.split_connections or connection.ike_version == 1 or len(alone) < 2:
        return alone
    return _grouped(alone)


def _of_one_protocol(connection: Phase1, member: Phase2) -> list[ChildSa]:
    protocol = TRAFFIC[connection.traffic_selector]
    every = f"dynamic[{protocol}]"
    if connection.traffic_selector != "vxlan":
        return [ChildSa(member.name, (every,), (every,), (member,))]
    # Two, since the selectors of one are combined: it would take all UDP. The source port of VXLAN is any (RFC 7348).
    port = f"dynamic[{protocol}/{connection.vxlan_port or VXLAN_PORT}]"
    return [
        ChildSa(f"{member.name}-in", (port,), (every,), (member,)),
        ChildSa(f"{member.name}-out", (every,), (port,), (member,)),
    ]


def _grouped(alone: list[ChildSa]) -> list[ChildSa]:
    """Join children of the same local networks, and then those of the same remote ones: each step adds no pair."""
    by_options: dict[tuple[object, ...], list[ChildSa]] = {}
    for child in alone:
        options = vars(child.phase2[0])
        by_options.setdefault(tuple(options[name] for name in _SHARED), []).append(child)
    found: list[ChildSa] = []
    for children in by_options.values():
        joined = _joined(children, {frozenset(child.local): [] for child in children}, by_local=True)
        found += _joined(joined, {frozenset(child.remote): [] for child in joined}, by_local=False)
    return sorted(found, key=lambda child: child.name)


def _joined(
    children: Iterable[ChildSa], same: Mapping[frozenset[str], list[ChildSa]], *, by_local: bool
) -> list[ChildSa]:
    for child in children:
        group = same[frozenset(child.local if by_local else child.remote)]
        if group:
            merged = _merged(group[-1], child)
            if max(len(merged.local), len(merged.remote)) <= MOST_SELECTORS:
                group[-1] = merged
                continue
        group.append(child)
    return [child for group in same.values() for child in group]


def _merged(one: ChildSa, other: ChildSa) -> ChildSa:
    return ChildSa(
        min(one.name, other.name),
        tuple(dict.fromkeys(one.local + other.local)),
        tuple(dict.fromkeys(one.remote + other.remote)),
        one.phase2 + other.phase2,
    )
