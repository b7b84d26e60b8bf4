# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of links: what others own, what the kernel takes along, and how steps are told."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Link, LinkRoute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import ObservedLink, ObservedRoute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.kernel import plan_links


def link(name: str = "ipsec0", number: int = 7, *addresses: str, routes: tuple[LinkRoute, ...] = ()) -> Link:
    return Link(name, number, None, None, addresses, routes)


def there(
    name: str = "ipsec0", number: int = 7, *addresses: str, routes: tuple[ObservedRoute, ...] = ()
) -> ObservedLink:
    return ObservedLink(name, "xfrm", True, number, None, 1500, True, addresses, routes)


def told(wanted: list[Link], present: list[ObservedLink]) -> list[str]:
    """Return all steps as people read them."""
    build, remove = plan_links({each.name: each for each in wanted}, {each.name: each for each in present})
    return [str(step) for step in build + remove]


def verbs(wanted: list[Link], present: list[ObservedLink]) -> list[str]:
    """Return the commands that change routes."""
    build, _remove = plan_links({each.name: each for each in wanted}, {each.name: each for each in present})
    return [" ".join(each[:3]) for step in build for each in step.commands if each[0] == "route"]


R4, R6 = LinkRoute("10.2.0.0/24", 0, 254), LinkRoute("2001:db8:2::/64", 1024, 254)
HELD4, HELD6 = ObservedRoute("10.2.0.0/24", 0, 254, None), ObservedRoute("2001:db8:2::/64", 1024, 254, None)


@pytest.mark.parametrize(
    ("wanted", "present", "steps"),
    [
        pytest.param([link()], [ObservedLink("ipsec0", "xfrm", True, 7, None, 1400, True)], ["change link ipsec0"],
                     id="a link changes"),
        pytest.param([link()], [there("ipsec0", 7, "10.255.1.1/30", "10.255.0.1/30")], [
            "remove address 10.255.0.1/30 on ipsec0", "remove address 10.255.1.1/30 on ipsec0"],
            id="addresses go, sorted"),
        pytest.param([link("ipsec0", 7, "2001:db8::1/64")], [there("ipsec0", 7, "10.255.0.1/30", "2001:db8::1/64")], [
            "remove address 10.255.0.1/30 on ipsec0"], id="an IPv4 address does not take those of IPv6 along"),
        pytest.param([link(routes=(R4, R6))], [there("ipsec0", 7, "10.255.0.1/30", routes=(HELD4, HELD6))], [
            "remove address 10.255.0.1/30 on ipsec0", "add route 10.2.0.0/24 by ipsec0"],
            id="an IPv4 address takes the routes of IPv4 along, and not those of IPv6"),
        pytest.param([link()], [there(routes=(HELD4, HELD6))], [
            "remove route 10.2.0.0/24 by ipsec0", "remove route 2001:db8:2::/64 by ipsec0"],
            id="routes with the kernel's own metric and table"),
        pytest.param([link()], [there(routes=(
            ObservedRoute("10.2.0.0/24", 1024, 254, None), ObservedRoute("2001:db8:2::/64", 7, 100, None),
            ObservedRoute("10.2.0.0/24", 5, 100, None)))], [
            "remove route 10.2.0.0/24 by ipsec0 table 100 metric 5",
            "remove route 2001:db8:2::/64 by ipsec0 table 100 metric 7",
            "remove route 10.2.0.0/24 by ipsec0 metric 1024"], id="others are told with theirs, sorted by table"),
        pytest.param([link()], [there(), ObservedLink("wan0", "veth", False, 7)], [],
                     id="the number of a link of another kind is in nobody's way"),
        pytest.param([link(f"x{n:02}", n) for n in range(10, 20)], [there(f"y{n:02}", n) for n in range(10, 20)], [
            *(f"remove link y{n}" for n in range(10, 20)), *(f"add link x{n}" for n in range(10, 20))],
            id="what is in the way goes first, sorted"),
        pytest.param([], [there(f"y{n:02}", n) for n in reversed(range(10, 30))], [
            f"remove link y{n}" for n in range(10, 30)], id="what goes is sorted"),
    ],
)  # fmt: skip
def test_steps(wanted: list[Link], present: list[ObservedLink], steps: list[str]) -> None:
    assert told(wanted, present) == steps


@pytest.mark.parametrize(
    ("holder", "command"),
    [
        pytest.param(there("old", 9, routes=(HELD4,)), "route replace 10.2.0.0/24", id="ours"),
        pytest.param(
            ObservedLink("wan0", "veth", False, 0, None, 1500, True, (), (HELD4,)),
            "route add 10.2.0.0/24",
            id="of others",
        ),
    ],
)
def test_only_a_route_of_ours_is_replaced(holder: ObservedLink, command: str) -> None:
    assert verbs([link(routes=(R4,))], [holder]) == [command]


@pytest.mark.parametrize(
    ("number", "parent", "words"),
    [
        pytest.param(8, None, "if_id 8, parent none", id="another number"),
        pytest.param(7, "wan1", "if_id 7, parent wan1", id="another parent"),
    ],
)
def test_an_xfrm_interface_of_others_is_not_made_anew(number: int, parent: str | None, words: str) -> None:
    foreign = ObservedLink("ipsec0", "xfrm", False, number, parent, 1500, True)
    with pytest.raises(ValidationError) as refused:
        plan_links({"ipsec0": link()}, {"ipsec0": foreign})
    assert str(refused.value) == (
        "xfrm_interface ipsec0: name is 'ipsec0': the host has an XFRM interface of this name that is not ours "
        f"({words}); choose another name, or remove it first with 'ip link delete dev ipsec0'"
    )


def test_all_that_is_in_the_way_is_told_together() -> None:
    present = {
        "a": ObservedLink("a", "bridge", False),
        "b": ObservedLink("b", "xfrm", False, 8),
        "z": ObservedLink("z", "xfrm", False, 3),
    }
    with pytest.raises(ValidationError) as refused:
        plan_links({name: link(name, number) for name, number in (("a", 1), ("b", 2), ("c", 3))}, present)
    assert [(problem.where, problem.option) for problem in refused.value.problems] == [
        ("xfrm_interface a", "name"),
        ("xfrm_interface c", "if_id"),
        ("xfrm_interface b", "name"),
    ]
