# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From nft's list of the whole ruleset to our table, and to the chains of the host that may drop what we let through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..artifacts.marks import ACCEPTING, COMMENT
from ..artifacts.nft import FAMILY, TABLE, canonical, parse_table
from ..desired.firewall import FIREWALLD, HA_TABLE
from .values import HostChain, HostRule, ObservedFirewall, Place

HOOKS = ("input", "forward")
_FAMILIES = ("inet", "ip", "ip6")
# Ours, and that of the role for pairs, which drops nothing of tunnels.
_OWN = ((FAMILY, TABLE), (FAMILY, HA_TABLE))
# A rule with nothing but these has all packets that come to it.
_IDLE = frozenset({"counter", "comment"})
_ENDING = frozenset({"drop", "reject", "DROP", "REJECT"})
_UNCONDITIONAL = _IDLE | _ENDING | {"log", "LOG"}
_CALLING = _IDLE | {"log", "LOG", "jump", "goto"}


def parse_ruleset(ruleset: Sequence[Mapping[str, Any]], legacy: Iterable[str] = ()) -> ObservedFirewall:
    """Return what the engine looks at in a whole ruleset."""
    chains: dict[Place, Mapping[str, Any]] = {}
    rules: dict[Place, list[Mapping[str, Any]]] = {}
    maps: dict[Place, Any] = {}
    for entry in ruleset:
        if "chain" in entry:
            chains[_place(entry["chain"], "name")] = entry["chain"]
        elif "rule" in entry:
            rules.setdefault(_place(entry["rule"], "chain"), []).append(entry["rule"])
        elif "map" in entry:
            maps[_place(entry["map"], "name")] = entry["map"].get("elem", ())
    foreign = {place: told for place, told in chains.items() if place[:2] not in _OWN and place[0] in _FAMILIES}
    found = tuple(
        HostChain(place, _hook(told), *_ends(place, told, rules, maps), int(told.get("prio", 0)))
        for place, told in foreign.items()
        if _fits(told)
    )
    ours = tuple(
        HostRule(place, int(each["handle"]), _accepts(each))
        for place in foreign
        for each in rules.get(place, ())
        if each.get("comment") == COMMENT or _accepts(each)
    )
    firewalld = any(place[1] == FIREWALLD for place in foreign)
    return ObservedFirewall(parse_table(ruleset), found, ours, firewalld, tuple(legacy))


def _accepts(told: Mapping[str, Any]) -> bool:
    """Say whether a rule accepts what our table marks; iptables, when it saves and restores, gives it a form of its own."""
    return canonical([each for each in told.get("expr", ()) if _name(each) not in _IDLE]) == canonical(ACCEPTING)


def _name(statement: Mapping[str, Any]) -> str:
    """Return what a statement is; for an extension of iptables, its name."""
    ((kind, told),) = statement.items()
    return str(told.get("name")) if kind == "xt" and isinstance(told, Mapping) else str(kind)


def _place(told: Mapping[str, Any], name: str) -> Place:
    return str(told.get("family")), str(told.get("table")), str(told.get(name))


def _hook(told: Mapping[str, Any]) -> str:
    return str(told.get("hook", ""))


def _fits(told: Mapping[str, Any]) -> bool:
    """Say whether a chain has a say about packets that come in or through: it filters them, or is called by one that does."""
    return not told.get("hook") or (told.get("type") == "filter" and told["hook"] in HOOKS)


def _ends(
    place: Place,
    told: Mapping[str, Any],
    rules: Mapping[Place, Sequence[Mapping[str, Any]]],
    maps: Mapping[Place, Any],
) -> tuple[bool, bool, bool]:
    """Say of a base chain whether it, or one it calls, ends by a drop; whether all packets come there; whether some are dropped."""
    if not told.get("hook"):
        return False, False, False
    closed = drops = told.get("policy") == "drop"
    some = False
    # Each chain with whether all packets come to it, which are not accepted before.
    left = [(place, True)]
    seen = set(left)
    while left:
        here, all_come = left.pop()
        for each in rules.get(here, ()):
            statements = each.get("expr", ())
            kinds = {_name(statement) for statement in statements}
            verdicts = _verdicts(here, statements, maps)
            ends = bool(kinds & _ENDING and kinds <= _UNCONDITIONAL)
            drops, closed = drops or ends, closed or (ends and all_come)
            some = some or bool(kinds & _ENDING) or any(_name(verdict) in _ENDING for verdict in verdicts)
            for target in _targets((*statements, *verdicts)):
                there = ((place[0], place[1], target), all_come and kinds <= _CALLING)
                if there not in seen:
                    seen.add(there)
                    left.append(there)
    return drops, closed, some


def _verdicts(
    place: Place, statements: Iterable[Mapping[str, Any]], maps: Mapping[Place, Any]
) -> list[Mapping[str, Any]]:
    """Return what the maps say that a rule looks verdicts up in: one of its own, or one of the table by its name."""
    found: list[Mapping[str, Any]] = []
    for each in statements:
        data = each.get("vmap", {}).get("data")
        pairs: Any = ()
        if isinstance(data, str):
            pairs = maps.get((place[0], place[1], data[1:]), ())
        elif isinstance(data, Mapping):
            pairs = data.get("set", ())
        found += [pair[1] for pair in pairs if isinstance(pair[1], Mapping)]
    return found


def _targets(statements: Iterable[Mapping[str, Any]]) -> list[str]:
    called = (statement.get(word) for statement in statements for word in ("jump", "goto"))
    return [str(each["target"]) for each in called if each]
