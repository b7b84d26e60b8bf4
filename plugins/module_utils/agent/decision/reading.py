# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the objects of a gateway to what is wanted of the agent."""

from __future__ import annotations

from collections.abc import Mapping

from ...desired.fallback import Fallback, checked_inside, children_of, milliseconds
from ...desired.phase1 import Phase1, address_family
from ...desired.phase2 import Phase2
from .wanted import Check, DeadPeer, Group, Tunnel, Wanted

_SHORTEST_HOLD_S = 60.0


def wanted_of(
    fallbacks: Mapping[str, Fallback], connections: Mapping[str, Phase1], children: Mapping[str, Phase2]
) -> Wanted:
    """Return what is wanted of the agent by objects that `fallback_problems` finds nothing wrong with."""
    own = children_of({each.primary for each in fallbacks.values()}, children)
    groups = {
        name: _group(each, connections[each.primary], own[each.primary]) for name, each in sorted(fallbacks.items())
    }
    members = {member for group in groups.values() for member in group.members}
    tunnels = {name: _tunnel(each, alone=name not in members) for name, each in sorted(connections.items())}
    return Wanted(groups, {name: each for name, each in tunnels.items() if each != Tunnel()})


def _group(each: Fallback, primary: Phase1, own: list[Phase2]) -> Group:
    # Who cannot return is not kept up: a policy-based one would take the fallback's traffic (desired/roles.py has the same).
    inside = each.checked and each.ping_fallback and checked_inside(each, primary, own)
    check = _check(each, inside=inside) if each.checked else None
    return Group(
        each.name,
        each.primary,
        each.fallbacks,
        hot=each.mode == "hot",
        check=check,
        # Without a check the primary of a hot group is good when it is up, and that of a cold one never shows it.
        returns=each.ping_fallback or not each.checked,
        hold_down=_hold_down(each, check),
        hold_down_most=float(each.hold_down_max),
        # IKEv1 has no such exchange, and an SA that shall end at its time shall not become younger.
        rekeys=primary.ike_version == 2 and primary.rekey,
    )


def _hold_down(each: Fallback, check: Check | None) -> float:
    """Return for how long the primary must have worked: as long as a failure takes to be noticed where nothing is given."""
    if each.hold_down is not None:
        return float(each.hold_down)
    noticed = (check.budget if check is not None else None) or 0.0
    return min(max(_SHORTEST_HOLD_S, noticed), float(each.hold_down_max))


def _check(each: Fallback, *, inside: bool) -> Check:
    return Check(
        each.ping_address,
        quorum=each.ping_quorum,
        interval=None if each.interval is None else milliseconds(each.interval) / 1000,
        retries=each.ping_retries,
        retry_interval=None if each.retry_interval is None else milliseconds(each.retry_interval) / 1000,
        rise=each.rise,
        inside=inside,
    )


def _tunnel(connection: Phase1, *, alone: bool) -> Tunnel:
    dpd = connection.dpd
    # charon itself knows the time with IKEv1; without one its own repetitions are what is wanted.
    enforced = connection.ike_version == 2 and dpd.enabled and dpd.timeout
    peer = DeadPeer(float(dpd.delay), float(dpd.timeout), connection.dpd_action) if enforced else None
    # Without rekeying charon sets the IKE SA no end (desired/page_settings.py).
    lifetime = None if connection.rekey else float(connection.lifetime)
    first = connection.first_address() or ""
    name = first if not connection.responder_only and first and address_family(first) is None else ""
    starts = bool(lifetime or name) and "start" in connection.start_type.split("_")
    # A trap's next packet is another attempt, a fallback sees to its tunnels, and a number of attempts that was asked for is kept.
    persists = alone and connection.start_type == "start" and connection.keyingtries == 0
    # charon sets it up to an address of its family, and the firewall lets in no other (artifacts/firewall.py).
    family = connection.families[0] if name and len(connection.families) == 1 else 0
    return Tunnel(
        connection.responder_only, peer, connection.restart_on_gateway_change, lifetime, starts, persists, name, family
    )
