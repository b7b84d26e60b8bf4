# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a link is up, what a plan does to bring that about, and what it tells of the tunnels that go by it."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Bound, Link, LinkRoute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import (
    Carrying,
    LiveChild,
    LiveSa,
    ObservedLink,
    ObservedRoute,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.difference import plan
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.disruption import END, NONE, REKEY
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.following import followed, is_up, silenced
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.kernel import plan_links
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.links import with_links
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import INTERFACE, PARIS, PARIS_LAN, Config, config
from ansible_collections.swanfleet.ipsec.tests.unit.plugins.module_utils.plan.test_plan import LINK, there, wanted

NOTHING, OTHER = Carrying(), Carrying(frozenset({"rome"}), frozenset({"rome"}))
SA, TRAP = Carrying(sas=frozenset({"b", "rome"})), Carrying(traps=frozenset({"b", "rome"}))
ADDRESSES = ("10.255.0.1/30", "2001:db8::1/64")
ROUTE, HELD = LinkRoute("10.2.0.0/24", 0, 254), ObservedRoute("10.2.0.0/24", 0, 254, None)
UP = LiveSa(1, True, False, (LiveChild("lan", 1, True),))
IDLE = LiveSa(1, True, False, ())


def bound(state: str, *, trapped: bool = False) -> Bound:
    return Bound(state, ("a", "b"), trapped)


@pytest.mark.parametrize(
    ("tie", "by"),
    [
        pytest.param(Bound(), {"nothing", "others", "sa", "trap"}, id="it is up by default"),
        pytest.param(bound("up"), {"nothing", "others", "sa", "trap"}, id="up"),
        pytest.param(bound("down", trapped=True), set(), id="down"),
        pytest.param(bound("follow"), {"sa", "trap"}, id="follow"),
        pytest.param(bound("follow", trapped=True), {"nothing", "others", "sa", "trap"}, id="a trap is to be there"),
        pytest.param(bound("sa", trapped=True), {"sa"}, id="sa"),
        pytest.param(Bound("follow"), set(), id="nobody goes by it"),
    ],
)
def test_a_link_is_up_as_one_of_its_tunnels_is(tie: Bound, by: set[str]) -> None:
    told = {"nothing": NOTHING, "others": OTHER, "sa": SA, "trap": TRAP}
    assert {name for name, carrying in told.items() if is_up(tie, carrying)} == by


def link(tie: Bound, name: str = "ipsec0", number: int = 7, *, routes: tuple[LinkRoute, ...] = (ROUTE,)) -> Link:
    return Link(name, number, None, None, ADDRESSES, routes, tie)


def held(name: str = "ipsec0", number: int = 7, *, up: bool = True) -> ObservedLink:
    """Return the link as the kernel has it while it is up, or down."""
    addresses = ADDRESSES if up else ADDRESSES[:1]
    return ObservedLink(name, "xfrm", True, number, None, 1500, up, addresses, (HELD,) if up else ())


@pytest.mark.parametrize(
    ("tie", "present", "up"),
    [
        (bound("up"), False, True),
        (bound("down"), True, False),
        (bound("follow"), True, True),
        (bound("follow"), False, False),
        (bound("follow"), None, True),
        (bound("follow", trapped=True), False, True),
        (bound("sa"), True, True),
        (bound("sa"), False, False),
        (bound("sa", trapped=True), None, False),
    ],
)
def test_where_nobody_knows_what_tunnels_do_it_stays_as_it_is(tie: Bound, present: bool | None, up: bool) -> None:
    there = {} if present is None else {"ipsec0": held(up=present)}
    found = followed({"ipsec0": link(tie)}, there, None)["ipsec0"]
    assert (found.up, found.routes) == (up, (ROUTE,) if up else ())


def test_nothing_else_of_a_link_depends_on_its_tunnels() -> None:
    one = link(bound("follow"))
    assert followed({"ipsec0": one}, {}, SA) == {"ipsec0": one}
    assert followed({"ipsec0": one}, {}, NOTHING) == {"ipsec0": dataclasses.replace(one, up=False, routes=())}


def commands(wish: dict[str, Link], present: dict[str, ObservedLink], carrying: Carrying) -> list[str]:
    build, remove = plan_links(followed(wish, present, carrying), present)
    assert remove == []
    return [" ".join(words) for step in build for words in step.commands]


FOLLOWER = {"ipsec0": link(bound("follow"))}
ADDRESS_6 = "address replace 2001:db8::1/64 dev ipsec0 nodad"
ADD_ROUTE = "route add 10.2.0.0/24 dev ipsec0 table 254 metric 0 proto 83"
CREATED = [
    "link add dev ipsec0 type xfrm if_id 7",
    "link set dev ipsec0 alias swanfleet",
    "address replace 10.255.0.1/30 dev ipsec0",
]


@pytest.mark.parametrize(
    ("present", "carrying", "told"),
    [
        pytest.param(held(), SA, [], id="up, as it is to be"),
        pytest.param(held(up=False), NOTHING, [], id="down, as it is to be, without routes and IPv6 addresses"),
        pytest.param(dataclasses.replace(held(), up=False, routes=()), NOTHING, [],
                     id="an IPv6 address that somebody added while it was down"),
        pytest.param(held(up=False), SA, ["link set dev ipsec0 up", ADDRESS_6, ADD_ROUTE], id="it goes up"),
        pytest.param(held(), NOTHING, ["route delete 10.2.0.0/24 dev ipsec0 table 254 metric 0 proto 83",
                     "link set dev ipsec0 down"], id="it goes down, as the last thing"),
        pytest.param(None, NOTHING, CREATED, id="it is made, and stays down"),
        pytest.param(None, SA, [*CREATED[:2], "link set dev ipsec0 up", CREATED[2], ADDRESS_6, ADD_ROUTE],
                     id="it is made, and is up"),
        pytest.param(dataclasses.replace(held(up=False), mtu=1400), NOTHING, ["link set dev ipsec0 mtu 1500"],
                     id="what else differs is changed while it is down"),
        pytest.param(dataclasses.replace(held(), mtu=1400, routes=()), NOTHING,
                     ["link set dev ipsec0 mtu 1500", "link set dev ipsec0 down"], id="it is changed and goes down"),
    ],
)  # fmt: skip
def test_what_is_done(present: ObservedLink | None, carrying: Carrying, told: list[str]) -> None:
    assert commands(FOLLOWER, {} if present is None else {"ipsec0": present}, carrying) == told


def test_a_network_whose_route_moves_to_another_link_has_it_before_the_first_goes_down() -> None:
    wish = {
        "ipsec0": link(Bound("follow", ("a",))),
        "ipsec1": link(Bound("follow", ("b",)), "ipsec1", 8),
    }
    present = {"ipsec0": held(), "ipsec1": held("ipsec1", 8, up=False)}
    assert commands(wish, present, SA) == [
        "link set dev ipsec1 up",
        "address replace 2001:db8::1/64 dev ipsec1 nodad",
        "route replace 10.2.0.0/24 dev ipsec1 table 254 metric 0 proto 83",
        "link set dev ipsec0 down",
    ]


def paris(state: str) -> Config:
    return config([PARIS], [PARIS_LAN], [{**INTERFACE, "link_state": state}])


DOWN_LINK = dataclasses.replace(LINK, up=False, routes=())


@pytest.mark.parametrize(
    ("state", "present", "live", "disruption"),
    [
        pytest.param("down", LINK, UP, {"paris": "end"}, id="down for good, and a tunnel is up"),
        pytest.param("down", LINK, IDLE, {"paris": "none"}, id="down for good, and nothing is up"),
        pytest.param("down", DOWN_LINK, UP, {}, id="it is down already"),
        pytest.param("follow", LINK, UP, {}, id="it follows from now on"),
        pytest.param("sa", LINK, IDLE, {}, id="it goes down by itself"),
        pytest.param("up", DOWN_LINK, UP, {}, id="it goes up"),
    ],
)
def test_only_a_link_that_goes_down_for_good_ends_the_traffic_of_its_tunnels(
    state: str, present: ObservedLink, live: LiveSa, disruption: dict[str, str]
) -> None:
    observed = there(paris("up"), links={"ipsec-paris": present})
    carrying = Carrying(frozenset({"paris"} if live == UP else ()))
    assert plan(wanted(paris(state)), observed, carrying=carrying).unsettled == tuple(disruption)
    found = plan(wanted(paris(state)), observed, {"paris": (live,)}, carrying)
    assert found.disruption == disruption
    down = "change link ipsec-paris" in map(str, found.steps)
    assert down == (present.up != (state == "up" or (state != "down" and live == UP)))


def test_a_connection_that_charon_does_not_have_is_not_asked_about() -> None:
    observed = there(paris("up"), connections=frozenset())
    assert plan(wanted(paris("down")), observed).unsettled == ()


def test_who_goes_by_a_link_that_is_never_up() -> None:
    wish = {name: link(Bound(state, (state,)), name) for name, state in (("a", "down"), ("b", "down"), ("c", "follow"))}
    present = {"a": held("a"), "c": held("c", 8)}
    assert silenced(wish, present) == {"down": "a"}
    assert silenced(wish, {"a": held("a", up=False)}) == {}


def test_the_worst_is_told_where_a_link_is_made_anew_and_goes_down() -> None:
    told = {"paris": REKEY, "oslo": NONE}
    found = with_links(told, frozenset(told), told, {"paris": (UP,), "oslo": (IDLE,)})
    assert found == {"paris": END, "oslo": NONE}
