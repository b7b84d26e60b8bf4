# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make the host's firewall what it must be: our table in whole, and the constant rules in chains of the host."""

from __future__ import annotations

from collections.abc import Iterator

from ..artifacts.marks import ACCEPTING, COMMENT
from ..artifacts.nft import FAMILY, TABLE, Command, NftTable, commands
from ..artifacts.values import FirewallArtifact
from ..desired.firewall import FIREWALLD, FIREWALLD_REASON
from ..errors import Problem
from ..observed.values import HostRule, ObservedFirewall, Place
from .steps import FIREWALL, Step

_OWN = f"table {FAMILY} {TABLE}"


def plan_firewall(wanted: FirewallArtifact, found: ObservedFirewall) -> tuple[list[Step], list[Step]]:
    """Return the steps that let through or stop more, and those that let through or stop less; the two run at different times."""
    first, last = _own_table(wanted, found)
    places = list(_places(wanted, found))
    right = {each.place: each for each in reversed(found.rules) if each.right}
    first += [_accept(place) for place in places if place not in right]
    kept = {right[place] for place in places if place in right}
    return first, last + [_unaccept(each) for each in found.rules if each not in kept]


def _own_table(wanted: FirewallArtifact, found: ObservedFirewall) -> tuple[list[Step], list[Step]]:
    there = found.table or NftTable()
    table = (wanted.table or NftTable()).with_followed(there)
    if table.is_like(there):
        return [], []
    both = table.merged(there)
    first, last = [], []
    if not both.is_like(there):
        first.append(Step("write", FIREWALL, _OWN, nft=tuple(commands(both))))
    if not table.is_like(both):
        verb = "write" if table else "remove"
        last.append(Step(verb, FIREWALL, _OWN, nft=tuple(commands(table))))
    return first, last


def _places(wanted: FirewallArtifact, found: ObservedFirewall) -> Iterator[Place]:
    """Yield the chains of the host that must accept what our table marks."""
    there = {each.place: each for each in found.chains}
    if not wanted.named:
        yield from (
            each.place for each in found.chains if each.drops and each.hook in wanted.hooks and _is_free(each.place)
        )
        return
    for place, hook in named_places(wanted):
        if place in there and hook in wanted.hooks:
            yield place


def _is_free(place: Place) -> bool:
    return place[1] != FIREWALLD


def named_places(wanted: FirewallArtifact) -> Iterator[tuple[Place, str]]:
    """Yield the chains of the host that are named, each with the hook that it is for."""
    for each in wanted.named:
        for chain, hook in ((each.input_chain, "input"), (each.forward_chain, "forward")):
            if chain is not None:
                yield (each.family, each.table, chain), hook


def firewall_problems(wanted: FirewallArtifact, found: ObservedFirewall) -> list[Problem]:
    """Return why the host's firewall cannot be opened: chains that it has not, and a table that others rule alone."""
    if not wanted.hooks:
        return []
    if found.firewalld and not wanted.named:
        return [Problem("the host's firewall", "firewall_rule", None, FIREWALLD_REASON)]
    there = {each.place for each in found.chains}
    chains = sorted({f"{' '.join(each.place)}" for each in found.chains if each.hook})
    return [
        Problem(
            f"firewall {place[0]}/{place[1]}",
            f"{hook}_chain",
            place[2],
            f"the host has no such chain; its chains for packets that come in or through are {', '.join(chains) or 'none'}",
        )
        for place, hook in named_places(wanted)
        if place not in there
    ]


def _accept(place: Place) -> Step:
    family, table, chain = place
    added = {"family": family, "table": table, "chain": chain, "expr": list(ACCEPTING), "comment": COMMENT}
    return Step("add", FIREWALL, _told(place), nft=({"insert": {"rule": added}},))


def _unaccept(each: HostRule) -> Step:
    family, table, chain = each.place
    command: Command = {"delete": {"rule": {"family": family, "table": table, "chain": chain, "handle": each.handle}}}
    return Step("remove", FIREWALL, _told(each.place), nft=(command,))


def _told(place: Place) -> str:
    return f"rule in {' '.join(place)}"
