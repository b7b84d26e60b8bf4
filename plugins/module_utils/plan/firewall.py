# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make the host's firewall what it must be: our table in whole, and the constant rules in chains of the host."""

from __future__ import annotations

from collections.abc import Iterator

from ..artifacts.marks import ACCEPTING, AFTER, BEFORE, COMMENT, MARK
from ..artifacts.nft import FAMILY, TABLE, Command, NftTable, commands
from ..artifacts.values import FirewallArtifact
from ..desired.firewall import FIREWALLD, FIREWALLD_REASON
from ..errors import Problem
from ..observed.values import HostChain, HostRule, ObservedFirewall, Place
from .steps import FIREWALL, Step

_OWN = f"table {FAMILY} {TABLE}"
_COMING = {"input": "come in", "forward": "go through"}
_PRIORITY = f"a priority from {BEFORE + 1} to {AFTER - 1}, such as 0 (filter)"
_NO_MARK = (
    f"where packets do not have the mark by which it would know tunnels (they have it from {BEFORE + 1} to {AFTER - 1})"
)
_INSTEAD = f"{_PRIORITY}, is needed, or a list in firewall of the chains that are to accept what is let through"
_LEGACY = (
    "iptables-legacy has a table filter of {}, which nft does not show: if it drops, move its rules to nftables, or insert"
    f" '-m mark --mark {MARK:#x}/{MARK:#x} -j ACCEPT' into its chains INPUT and FORWARD"
)


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
            each.place
            for each in found.chains
            if each.drops and each.hook in wanted.hooks and _is_free(each.place) and _in_time(each)
        )
        return
    for place, hook in named_places(wanted):
        if place in there and hook in wanted.hooks:
            yield place


def _is_free(place: Place) -> bool:
    return place[1] != FIREWALLD


def _in_time(chain: HostChain) -> bool:
    """Say whether packets have our mark when they come to a chain: at our own priorities nobody knows who is first."""
    return BEFORE < chain.priority < AFTER


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
    there = {each.place: each for each in found.chains}
    chains = sorted({f"{' '.join(each.place)}" for each in found.chains if each.hook})
    problems = []
    for place, hook in named_places(wanted):
        where, option = f"firewall {place[0]}/{place[1]}", f"{hook}_chain"
        if place not in there:
            told = f"its chains for packets that come in or through are {', '.join(chains) or 'none'}"
            problems.append(Problem(where, option, place[2], f"the host has no such chain; {told}"))
        elif hook in wanted.hooks and _is_late(there[place]):
            told = f"it drops at priority {there[place].priority}, {_NO_MARK}: {_PRIORITY}, or another chain, is needed"
            problems.append(Problem(where, option, place[2], told))
    if wanted.named:
        return problems
    return [
        Problem(
            f"chain {' '.join(each.place)} of the host",
            "priority",
            each.priority,
            f"it drops there, {_NO_MARK}: {_INSTEAD}",
        )
        for each in found.chains
        if each.closed and each.hook in wanted.hooks and not _in_time(each)
    ]


def _is_late(chain: HostChain) -> bool:
    """Say whether a chain would drop what has not got our mark yet, or has it no more."""
    return bool(chain.hook) and (chain.drops or chain.drops_some) and not _in_time(chain)


def firewall_warnings(wanted: FirewallArtifact, found: ObservedFirewall) -> list[str]:
    """Return what may drop tunnels' packets on this host, and gets no rule of ours: one for each chain."""
    tables = {(each.family, each.table) for each in wanted.named}
    places = set(_places(wanted, found))
    chains = [
        f"chain {' '.join(each.place)} of the host drops packets that {_COMING[each.hook]}, and gets no rule that accepts what"
        f" firewall_rule and allow let through: {_advice(each)}"
        for each in sorted(found.chains, key=lambda each: each.place)
        if (each.drops or each.drops_some) and each.hook in wanted.hooks
        if each.place not in places and each.place[:2] not in tables
    ]
    return chains + [_LEGACY.format(family) for family in found.legacy if wanted.hooks]


def _advice(chain: HostChain) -> str:
    if not _is_free(chain.place):
        return "firewalld takes rules by its own commands only, such as 'firewall-cmd --permanent --add-service=ipsec'"
    if not _in_time(chain):
        return f"its priority is {chain.priority}, {_NO_MARK}; accept there by rules of your own what it must not drop"
    family, table, name = chain.place
    return (
        f"if it may drop that, list {{family: {family}, table: {table}, {chain.hook}_chain: {name}}} in firewall, with all other"
        f" chains that are to have the rule; without {chain.hook}_chain it is left alone and not told of"
    )


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
