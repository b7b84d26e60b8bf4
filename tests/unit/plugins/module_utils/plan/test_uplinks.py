# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of uplinks: a route before the rules that lead to it and after them, one gateway in another's place at once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import (
    SourceRule,
    UplinkRoute,
    UplinkRouting,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Step
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.uplinks import plan_uplinks

WAY, NOWHERE = UplinkRoute(4, 8300, 4294967294, "203.0.113.1", "wan1"), UplinkRoute(4, 8300, 4294967295)
FIRST, THEN = SourceRule(4, 8300, 254, "203.0.113.2", specific=True), SourceRule(4, 8301, 8300, "203.0.113.2")
SIX = SourceRule(6, 8301, 8300, "", "wan1")
# By what they are about: how people see a step, and its command without the verb.
TOLD: dict[UplinkRoute | SourceRule, tuple[str, str]] = {
    WAY: (
        "0.0.0.0/0 via 203.0.113.1 dev wan1 table 8300",
        "route {} 0.0.0.0/0 via 203.0.113.1 dev wan1 onlink table 8300 metric 4294967294 proto 83",
    ),
    NOWHERE: (
        "0.0.0.0/0 unreachable table 8300",
        "route {} unreachable 0.0.0.0/0 table 8300 metric 4294967295 proto 83",
    ),
    FIRST: (
        "rule for 203.0.113.2: table main, but no default route",
        "rule {} from 203.0.113.2 lookup 254 suppress_prefixlength 0 priority 8300 protocol 83",
    ),
    THEN: ("rule for 203.0.113.2: table 8300", "rule {} from 203.0.113.2 lookup 8300 priority 8301 protocol 83"),
    SIX: (
        "rule for IPv6 bound to wan1: table 8300",
        "-6 rule {} from all oif wan1 lookup 8300 priority 8301 protocol 83",
    ),
    UplinkRoute(6, 7, 4294967294, "fe80::1", "wan1"): (
        "::/0 via fe80::1 dev wan1 table 7",
        "route {} ::/0 via fe80::1 dev wan1 onlink table 7 metric 4294967294 proto 83",
    ),
    SourceRule(4, 8301, 8300, "", "wan1"): (
        "rule for IPv4 bound to wan1: table 8300",
        "rule {} from all oif wan1 lookup 8300 priority 8301 protocol 83",
    ),
    SourceRule(6, 8300, 254, "2001:db8::2", specific=True): (
        "rule for 2001:db8::2: table main, but no default route",
        "-6 rule {} from 2001:db8::2 lookup 254 suppress_prefixlength 0 priority 8300 protocol 83",
    ),
}  # fmt: skip


def routing(*each: UplinkRoute | SourceRule) -> UplinkRouting:
    return UplinkRouting(
        frozenset(one for one in each if isinstance(one, UplinkRoute)),
        frozenset(one for one in each if isinstance(one, SourceRule)),
    )


def told(steps: Iterable[Step]) -> list[tuple[str, str]]:
    return [(str(step), " ".join(command)) for step in steps for command in step.commands]


@pytest.mark.parametrize("one", TOLD, ids=lambda one: TOLD[one][0])
def test_how_each_comes_and_goes(one: UplinkRoute | SourceRule) -> None:
    name, command = TOLD[one]
    coming, nothing = plan_uplinks(routing(one), routing())
    assert (told(coming), nothing) == ([(f"add uplink {name}", command.format("add"))], [])
    nothing, going = plan_uplinks(routing(), routing(one))
    assert (told(going), nothing) == ([(f"remove uplink {name}", command.format("delete"))], [])


def test_what_is_there_stays() -> None:
    assert plan_uplinks(routing(WAY, NOWHERE, FIRST, THEN), routing(THEN, FIRST, NOWHERE, WAY)) == ([], [])


def test_the_order_in_which_they_come_is_that_in_which_they_go_turned_round() -> None:
    order: list[UplinkRoute | SourceRule] = [WAY, NOWHERE, FIRST, THEN, SIX]
    coming, _nothing = plan_uplinks(routing(*order), routing())
    assert [step.name for step in coming] == [TOLD[each][0] for each in order]
    _nothing, going = plan_uplinks(routing(), routing(*order))
    assert [step.name for step in going] == [TOLD[each][0] for each in (SIX, THEN, FIRST, NOWHERE, WAY)]


def test_many_of_a_kind_come_and_go_in_an_order() -> None:
    rules = [SourceRule(4, 8301, 8300, f"203.0.113.{n}") for n in range(1, 9)]
    routes = [UplinkRoute(4, 8300 + n, 4294967295) for n in range(8)]
    coming, _nothing = plan_uplinks(routing(*rules, *routes), routing())
    assert [step.name.split(" table ")[-1] for step in coming[:8]] == [str(each.table) for each in routes]
    assert [step.name.split()[2] for step in coming[8:]] == [f"{each.source}:" for each in rules]
    _nothing, going = plan_uplinks(routing(), routing(*rules, *routes))
    assert [step.name for step in going] == [step.name for step in reversed(coming)]


def test_another_gateway_takes_the_place_of_the_one_before_in_one_step() -> None:
    other = UplinkRoute(4, 8300, 4294967294, "203.0.113.9", "wan1")
    assert [told(steps) for steps in plan_uplinks(routing(other), routing(WAY))] == [
        [(
            "change uplink 0.0.0.0/0 via 203.0.113.9 dev wan1 table 8300",
            "route replace 0.0.0.0/0 via 203.0.113.9 dev wan1 onlink table 8300 metric 4294967294 proto 83",
        )],
        [],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [UplinkRoute(6, 8300, 4294967294, "::9", "wan1"), UplinkRoute(4, 8301, 4294967294, "203.0.113.1", "wan1"),
     UplinkRoute(4, 8300, 7, "203.0.113.1", "wan1")],
    ids=["family", "table", "metric"],
)  # fmt: skip
def test_a_route_of_another_place_is_added_and_the_one_before_goes(other: UplinkRoute) -> None:
    coming, going = plan_uplinks(routing(other), routing(WAY))
    assert [step.verb for step in (*coming, *going)] == ["add", "remove"]
