# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's routes and policies: what stops more comes before all else, what stops less after it, by ip(8)."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Guard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import ObservedGuard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.guard import plan_guard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Step

V4, V6 = "10.2.0.0/24", "2001:db8:2::/64"
MANY = [f"10.{number}.0.0/16" for number in range(1, 9)]
ROUTE = "route {} unreachable 10.2.0.0/24 table 254 metric 4294967295 proto 83"


def told(*steps: Step) -> list[tuple[str, str]]:
    return [(str(step), " ".join(command)) for step in steps for command in step.commands]


@pytest.mark.parametrize(
    ("wanted", "found", "first", "last"),
    [
        pytest.param(Guard(frozenset({V4}), frozenset({V6})), ObservedGuard(frozenset({V4}), frozenset({V6})), [], [],
                     id="all is there"),
        pytest.param(Guard(frozenset({V4})), ObservedGuard(), [("add guard unreachable 10.2.0.0/24", ROUTE.format("add"))],
                     [], id="a route comes"),
        pytest.param(Guard(), ObservedGuard(frozenset({V4})), [],
                     [("remove guard unreachable 10.2.0.0/24", ROUTE.format("delete"))], id="a route goes"),
        pytest.param(Guard(blocks=frozenset({V4})), ObservedGuard(blocks=frozenset()), [
            ("add guard block 10.2.0.0/24",
             "xfrm policy add dir out src 0.0.0.1/0 dst 10.2.0.0/24 action block priority 4294967290"),
        ], [], id="a policy comes"),
        pytest.param(Guard(), ObservedGuard(blocks=frozenset({V6})), [], [
            ("remove guard block 2001:db8:2::/64", "xfrm policy delete dir out src ::1/0 dst 2001:db8:2::/64"),
        ], id="a policy goes"),
        pytest.param(Guard(blocks=frozenset({V4})), ObservedGuard(), [], [], id="nobody looked for policies"),
    ],
)  # fmt: skip
def test_what_stops_packets_in_the_clear(
    wanted: Guard, found: ObservedGuard, first: list[tuple[str, str]], last: list[tuple[str, str]]
) -> None:
    before, after = plan_guard(wanted, found)
    assert (told(*before), told(*after)) == (first, last)


def test_they_come_and_go_in_the_order_of_networks() -> None:
    all_of_it = Guard(frozenset(MANY), frozenset(MANY))
    come, nothing = plan_guard(all_of_it, ObservedGuard(blocks=frozenset()))
    assert (nothing, [step.name.split()[1] for step in come]) == ([], MANY * 2)
    nothing, go = plan_guard(Guard(), ObservedGuard(all_of_it.routes, all_of_it.blocks))
    assert (nothing, [step.name.split()[1] for step in go]) == ([], MANY * 2)
