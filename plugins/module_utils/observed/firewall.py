# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From nft's list of the whole ruleset to our table, and to the chains of the host that may drop what we let through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..artifacts.marks import ACCEPTING, COMMENT
from ..artifacts.nft import FAMILY, TABLE, canonical, parse_table
from ..desired.firewall import FIREWALLD
from .values import HostChain, HostRule, ObservedFirewall, Place

HOOKS = ("input", "forward")
_FAMILIES = ("inet", "ip", "ip6")
# A rule with nothing but these has all packets that come to it.
_IDLE = frozenset({"counter", "comment"})
_ENDING = frozenset({"drop", "reject", "DROP", "REJECT"})
_UNCONDITIONAL = _IDLE | _ENDING | {"log", "LOG"}


def parse_ruleset(ruleset: Sequence[Mapping[str, Any]]) -> ObservedFirewall:
    """Return what the engine looks at in a whole ruleset."""
    chains: dict[Place, Mapping[str, Any]] = {}
    rules: dict[Place, list[Mapping[str, Any]]] = {}
    for entry in ruleset:
        if "chain" in entry:
            chains[_place(entry["chain"], "name")] = entry["chain"]
        elif "rule" in entry:
            rules.setdefault(_place(entry["rule"], "chain"), []).append(entry["rule"])
    foreign = {place: told for place, told in chains.items() if place[:2] != (FAMILY, TABLE) and place[0] in _FAMILIES}
    found = tuple(
        HostChain(place, _hook(told), _ends(place, told, rules)) for place, told in foreign.items() if _fits(told)
    )
    ours = tuple(
        HostRule(place, int(each["handle"]), _accepts(each))
        for place in foreign
        for each in rules.get(place, ())
        if each.get("comment") == COMMENT or _accepts(each)
    )
    firewalld = any(place[1] == FIREWALLD for place in foreign)
    return ObservedFirewall(parse_table(ruleset), found, ours, firewalld)


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


def _ends(place: Place, told: Mapping[str, Any], rules: Mapping[Place, Sequence[Mapping[str, Any]]]) -> bool:
    """Say whether a base chain has an end for packets that no rule of it has accepted."""
    if not told.get("hook"):
        return False
    if told.get("policy") == "drop":
        return True
    seen, left = {place}, [place]
    while left:
        here = left.pop()
        for each in rules.get(here, ()):
            statements = each.get("expr", ())
            kinds = {_name(statement) for statement in statements}
            if kinds & _ENDING and kinds <= _UNCONDITIONAL:
                return True
            for target in _targets(statements):
                there = (place[0], place[1], target)
                if there not in seen:
                    seen.add(there)
                    left.append(there)
    return False


def _targets(statements: Iterable[Mapping[str, Any]]) -> list[str]:
    called = (statement.get(word) for statement in statements for word in ("jump", "goto"))
    return [str(each["target"]) for each in called if each]
