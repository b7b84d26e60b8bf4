# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every way to a plan shares: allotted numbers, and live SAs where the plan depends on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..artifacts.values import Artifacts
from ..desired.gateway import Gateway
from ..desired.rules import followed_names, let_in_names, uses_firewall
from ..desired.situation import Situation, allot_if_ids, differs, dump_situation
from ..desired.uplink import allot_tables
from ..desired.xfrm_interface import GUARD_PRIORITY, GUARD_SOURCES, ROUTE_PROTOCOL
from ..drivers.host import Host
from ..errors import DependencyMissing
from ..observed.following import observe_carrying
from ..observed.sas import live_sas
from ..observed.uplinks import parse_source_rules
from ..observed.values import Carrying, Observed, ObservedFirewall
from ..plan.difference import plan
from ..plan.steps import Plan

_RESOLVING_S = 5.0


def situation_of(host: Host, observed: Observed, gateway: Gateway) -> Situation:
    """Return the situation with all that the artifacts of a gateway depend on: numbers, and addresses of names.

    A name that cannot be told now keeps the addresses that it had.
    """
    found = with_numbers(observed, gateway)
    names = followed_names(gateway)
    told = host.names.addresses(names, timeout=_RESOLVING_S) if names else {}
    known = {name: told.get(name) or found.names.get(name, ()) for name in names}
    return dataclasses.replace(found, names=known)


def with_names(situation: Situation, gateway: Gateway, told: Mapping[str, tuple[str, ...]]) -> Situation:
    """Return the situation with the addresses of names that somebody has looked up, and keeps looking up.

    Where all that it lets in are told, the firewall lets in those and nobody else; else whoever was let in before as well.
    """
    names = followed_names(gateway)
    if not told or not names:
        return situation
    known = {name: told.get(name) or situation.names.get(name, ()) for name in names}
    complete = all(told.get(name) for name in let_in_names(gateway))
    return dataclasses.replace(situation, names=known, names_complete=complete)


def to_remember(gateway: Gateway, before: Situation, now: Situation) -> bool:
    """Say whether a generation that knows of the situation `before` shall be told of that of `now`."""
    return differs(gateway, before, now) or (now.names_complete and before.names != now.names)


def with_numbers(observed: Observed, gateway: Gateway) -> Situation:
    """Return the situation with an `if_id` and the wanted addresses for every XFRM interface, and a table for every uplink."""
    foreign = {link.if_id for link in observed.links.values() if link.kind == "xfrm" and not link.ours}
    given = allot_if_ids(gateway, observed.stored.if_ids, foreign)
    tables = allot_tables(gateway.uplinks, observed.stored.tables, gateway.xfrm_interfaces)
    return dataclasses.replace(observed.situation.with_links_of(gateway), if_ids=given, tables=tables)


def situation_at_boot(observed: Observed, gateway: Gateway, *, before_charon: bool) -> Situation:
    """Return the situation where interfaces may not be there yet: nobody is asked for names, and networks are as they were.

    What `before_charon` has no address yet is taken to have the one that it had: nobody might ask again.
    """
    found, before = with_numbers(observed, gateway), observed.stored.situation
    connected = {*found.connected, *before.connected}
    present = found.present
    if before_charon and present is not None:
        present = present.union(before.present or ())
    return dataclasses.replace(found, connected=tuple(sorted(connected)), present=present)


def remember(host: Host, observed: Observed, situation: Situation) -> None:
    """Have the generation in force keep the addresses that its connections have now, where it knows of others, or none.

    Only a run that changes something makes a generation, and a line may have got another address since that one.
    """
    stored = observed.stored
    if stored.number is not None and to_remember(stored.gateway, stored.situation, situation):
        now = dataclasses.replace(
            stored.situation,
            addresses=situation.addresses,
            default_interface=situation.default_interface,
            present=situation.present,
            names=situation.names,
        )
        host.generations.amend(stored.number, {"situation": dump_situation(stored.gateway, now)})


def planned(host: Host, wanted: Artifacts, observed: Observed) -> Plan:
    """Return the plan; live SAs are only asked for where it touches connections that charon has loaded, or links follow them."""
    carrying = _carrying(host, wanted, observed)
    first = plan(wanted, observed, carrying=carrying)
    if not first.unsettled:
        return first
    return plan(wanted, observed, live_sas(host.charon.sas(first.unsettled)), carrying)


def _carrying(host: Host, wanted: Artifacts, observed: Observed) -> Carrying | None:
    """Return which tunnels carry traffic or have a trap, for links that follow them; None where nobody knows."""
    if observed.daemon is None:
        return Carrying() if observed.daemon_down else None
    return observe_carrying(host.charon, [link.bound for link in wanted.links.values()])


def with_rules(host: Host, wanted: Artifacts, observed: Observed) -> Observed:
    """Return the host with its firewall and our rules of routing, read only where something of ours is there, may be, or shall be.

    Where nothing of ours shall be there, a host without nftables has none of it either.
    """
    if observed.firewall is not None:
        return observed
    if wanted.uplinks.rules or observed.stored.gateway.uplinks or observed.stored.unfinished:
        rules = parse_source_rules(host.kernel.rules(ROUTE_PROTOCOL))
        observed = dataclasses.replace(observed, uplinks=dataclasses.replace(observed.uplinks, rules=rules))
    blocks = wanted.guard.blocks or any(each.plaintext_guard for each in observed.stored.gateway.phase2.values())
    if blocks or observed.stored.unfinished:
        found = frozenset(host.kernel.blocked(GUARD_PRIORITY, GUARD_SOURCES.values()))
        observed = dataclasses.replace(observed, guard=dataclasses.replace(observed.guard, blocks=found))
    if not wanted.firewall and not observed.stored.unfinished and not uses_firewall(observed.stored.gateway):
        return observed
    from ..artifacts.nft import FAMILY, TABLE
    from ..observed.firewall import parse_ruleset

    try:
        rules_found = parse_ruleset(host.firewall.ruleset((FAMILY, TABLE)), host.firewall.legacy())
        return dataclasses.replace(observed, firewall=rules_found)
    except DependencyMissing:
        if wanted.firewall:
            raise
        return dataclasses.replace(observed, firewall=ObservedFirewall())
