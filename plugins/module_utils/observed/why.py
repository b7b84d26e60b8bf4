# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a tunnel is not up: from what is wanted, what charon holds, and what was heard of its attempts, to reasons.

Pure: whoever has listened (a probe, or a program that always does) hands over what it heard.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from ..artifacts.children import ChildSa, child_sas
from ..desired.gateway import Gateway
from ..desired.phase1 import Phase1, address_family
from ..desired.phase2 import Phase2
from ..desired.selectors import Selector, selector_of
from ..drivers.error_notify import LONGEST_NAME
from .reasons import REASONS, when
from .values import LiveChild, LiveSa, LiveSas

# What charon tells of one attempt comes within this many seconds; it retransmits for longer, but says the same.
_ONE_ATTEMPT_S = 10.0
_RANK = {reason: number for number, reason in enumerate(REASONS)}


@dataclass(frozen=True)
class Heard:
    """Something that charon told about an attempt, at `epoch` seconds: the reason that it means, and its own words.

    `connection` is empty where charon had not found out which it is; `address` is the peer's, or empty. `child` is the
    phase 2 that was being tried, where whoever listened knows it. `source` says by which way it came.
    """

    epoch: float
    reason: str
    source: str
    connection: str = ""
    address: str = ""
    child: str = ""
    text: str = ""


@dataclass(frozen=True)
class Sight:
    """What is known of a gateway's tunnels at one moment.

    `trouble` says why charon was not asked, and `down` that it is known not to run. `loaded`: children by connection;
    `traps`: (connection, child) with a trap policy; `standby`: connections without an address of their own on this host;
    `unused`: those that their fallback keeps on standby, each with what it uses in their place, in a sentence's part;
    `unresolved`: names without an address; `heard`: in the order of time.
    """

    loaded: Mapping[str, Set[str]] = field(default_factory=dict)
    sas: LiveSas = field(default_factory=dict)
    traps: Set[tuple[str, str]] = frozenset()
    standby: Set[str] = frozenset()
    unused: Mapping[str, str] = field(default_factory=dict)
    unresolved: Set[str] = frozenset()
    heard: Sequence[Heard] = ()
    trouble: str = ""
    down: bool = False


@dataclass(frozen=True)
class WhyDown:
    """Why a phase 1, or a phase 2 of it, is not up: a word of `REASONS`, what told it, since when if that is known."""

    phase1: str
    phase2: str | None
    reason: str
    source: str
    detail: str = ""
    since: float | None = None

    def as_data(self) -> dict[str, Any]:
        """Return the reason for a result; `message` is for people."""
        known = REASONS[self.reason]
        return {
            "phase1": self.phase1,
            "phase2": self.phase2,
            "state": known.state,
            "reason": self.reason,
            "message": f"{known.text} ({self.detail})" if self.detail else known.text,
            "source": self.source,
            "since": when(self.since) if self.since is not None else None,
        }


def why_down(gateway: Gateway, sight: Sight) -> list[WhyDown]:
    """Return a reason for each phase 1 and each phase 2 that is not up, in the order of their names."""
    children = child_sas(gateway)
    by_connection = _by_connection(gateway, sight.heard)
    found: list[WhyDown] = []
    for name, connection in sorted(gateway.phase1.items()):
        found.extend(_of_one(connection, children[name], sight, by_connection.get(name, ())))
    return found


def _of_one(connection: Phase1, children: Sequence[ChildSa], sight: Sight, heard: Sequence[Heard]) -> Iterator[WhyDown]:
    """Yield the reasons of a phase 1 and of its phase 2s, of which each has a CHILD_SA, a part of one, or two."""
    sas = sight.sas.get(connection.name, ())
    up = any(sa.established for sa in sas)
    mine = None if up else _of_connection(connection, sight, sas, heard)
    if mine is not None:
        yield mine
    carrying = {child.name: child for sa in sas for child in sa.children if child.up}
    found: dict[str, WhyDown] = {}
    for child in children:
        live = carrying.get(child.name)
        for each in child.phase2:
            if live is None:
                found.setdefault(each.name, _of_child(connection, child.name, sight, sas, heard, mine))
            elif len(child.phase2) > 1 and _left_out(each, live):
                agreed = f"agreed on: {', '.join(live.local)} to {', '.join(live.remote)}"
                found[each.name] = WhyDown(connection.name, each.name, "selectors", "list-sas", agreed)
    for name, why in sorted(found.items()):
        yield dataclasses.replace(why, phase2=name)


def _left_out(member: Phase2, live: LiveChild) -> bool:
    """Say whether the peer has narrowed a CHILD_SA of several phase 2s so that nothing of this one is left."""
    sides = ((member.local_networks, live.local), (member.remote_networks, live.remote))
    return any(networks and agreed and not _overlap(networks, agreed) for networks, agreed in sides)


def _overlap(networks: Sequence[str], agreed: Sequence[str]) -> bool:
    """Say whether some addresses are in both; of protocols and ports, which charon shows by name, nothing is claimed."""
    ours, theirs = ([_addresses_of(each) for each in side] for side in (networks, agreed))
    if any(not each.family for each in (*ours, *theirs)):
        # What is dynamic is known to charon only.
        return True
    return any(one.overlaps(other) for one in ours for other in theirs)


def _addresses_of(shown: str) -> Selector:
    return selector_of(shown.partition("[")[0].replace("..", "-"))


def _of_connection(connection: Phase1, sight: Sight, sas: Sequence[LiveSa], heard: Sequence[Heard]) -> WhyDown:
    name = connection.name
    if sight.trouble:
        return WhyDown(name, None, "daemon_down" if sight.down else "daemon_silent", "vici", sight.trouble)
    if name not in sight.loaded and not _waits(connection, sight):
        return WhyDown(name, None, "not_loaded", "list-conns")
    if name in sight.standby:
        return WhyDown(name, None, "standby", "addresses", f"its interfaces: {', '.join(connection.interfaces)}")
    if name in sight.unused:
        return WhyDown(name, None, "standby", "fallback", sight.unused[name])
    told = _telling(connection, heard)
    if told is not None:
        return _as_told(name, None, told)
    endpoint = connection.first_address()
    if endpoint in sight.unresolved:
        return WhyDown(name, None, "name_unresolved", "name service", str(endpoint))
    if sas:
        return WhyDown(name, None, *_underway(sas))
    return WhyDown(name, None, *_at_rest(connection, any(trapped == name for trapped, _child in sight.traps)))


def _of_child(
    connection: Phase1, child: str, sight: Sight, sas: Sequence[LiveSa], heard: Sequence[Heard], above: WhyDown | None
) -> WhyDown:
    """Return the reason of a phase 2; `above` is that of its phase 1, None where it is up."""
    name = connection.name
    if not sight.trouble and not _waits(connection, sight) and child not in sight.loaded.get(name, ()):
        return WhyDown(name, child, "not_loaded", "list-conns")
    of_this = [each for each in heard if each.child in ("", child) and REASONS[each.reason].child]
    told = _telling(connection, of_this)
    if told is not None and (above is None or REASONS[above.reason].child):
        return _as_told(name, child, told)
    if above is not None and above.reason not in ("waiting_for_traffic", "trap_missing"):
        return WhyDown(name, child, above.reason, above.source, above.detail, above.since)
    if above is None and any(sa.busy for sa in sas):
        return WhyDown(name, child, "connecting", "list-sas")
    return WhyDown(name, child, *_at_rest(connection, (name, child) in sight.traps))


def _waits(connection: Phase1, sight: Sight) -> bool:
    """Say whether charon may not have been told of a connection: its interfaces are names, and none has an address.

    One with an address of its own, such as a VIP, is loaded wherever the address is.
    """
    return connection.name in sight.standby and not any(map(address_family, connection.interfaces))


def _underway(sas: Sequence[LiveSa]) -> tuple[str, str, str]:
    if any(sa.answered for sa in sas):
        return "connecting", "list-sas", "the peer has answered, and the authentication is going on"
    return "peer_silent", "list-sas", "charon is trying, and no answer has come so far"


def _at_rest(connection: Phase1, trapped: bool) -> tuple[str, str]:
    """Return why nothing is going on, and what tells it."""
    if trapped:
        return "waiting_for_traffic", "list-policies"
    if not connection.initiates:
        return "waiting_for_peer", "objects"
    return ("not_tried", "list-sas") if connection.start_type == "start" else ("trap_missing", "list-policies")


def _as_told(name: str, child: str | None, told: Heard) -> WhyDown:
    return WhyDown(name, child, told.reason, told.source, told.text, told.epoch)


def _telling(connection: Phase1, heard: Sequence[Heard]) -> Heard | None:
    """Return what says most about the last attempt: of its moment, the cause and not what follows from it."""
    heard = [each for each in heard if each.reason != "certificate_status_unknown" or _demands_status(connection)]
    if not heard:
        return None
    last = [each for each in heard if each.epoch > heard[-1].epoch - _ONE_ATTEMPT_S]
    best = min(last, key=lambda each: _RANK[each.reason])
    if best.reason == "unreadable" and connection.ike_version == 1 and connection.auth_method == "psk":
        # The key of IKEv1's encryption is made of it, so that one end cannot read the other.
        return Heard(best.epoch, "authentication_failed", best.source, best.connection, best.address, text=best.text)
    return best


def _demands_status(connection: Phase1) -> bool:
    """Say whether a peer is refused whose certificate may be revoked for all that is known.

    charon tells so of each peer whose certificate names nobody to ask, and by default takes it all the same.
    """
    return any(each.revocation != "relaxed" for each in connection.remote_auth or ())


def _by_connection(gateway: Gateway, heard: Sequence[Heard]) -> dict[str, list[Heard]]:
    """Sort what was heard by phase 1.

    A peer that charon finds no connection for has none; there its address counts, where it is that of one connection.
    An alert carries no more than the beginning of a long name.
    """
    endpoints: dict[str, list[str]] = {}
    cut: dict[str, list[str]] = {}
    for name, connection in gateway.phase1.items():
        for endpoint in connection.remote_endpoints:
            if address_family(endpoint) is not None:
                endpoints.setdefault(endpoint, []).append(name)
        cut.setdefault(name[:LONGEST_NAME], []).append(name)
    found: dict[str, list[Heard]] = {}
    for each in heard:
        names = endpoints.get(each.address, [])
        if each.connection:
            names = [each.connection] if each.connection in gateway.phase1 else cut.get(each.connection, [])
        if len(names) == 1:
            found.setdefault(names[0], []).append(each)
    return found
