# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the engine is to look at links that follow their tunnels: where one is to be another than it was, and only there."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.following import Following
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonHung, DaemonUnavailable
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Step
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, config
from ansible_collections.swanfleet.ipsec.tests.unit.plugins.module_utils.observed.test_following import tree

LINKS = {"paris": "x", "rome": "x", "oslo": "y", "bonn": "z"}
STATES = {"x": "follow", "y": "sa", "z": "up"}


def gateway(*names: str, init_type: str = "none") -> Gateway:
    """Return a gateway with these tunnels."""
    phase1 = [{**PARIS, "name": name, "xfrm_interface": LINKS[name], "init_type": init_type} for name in names]
    lans = [{**PARIS_LAN, "phase1": name} for name in names]
    return parse_gateway(config(phase1, lans, [{"name": name, "link_state": each} for name, each in STATES.items()]))


@pytest.fixture
def charon() -> FakeCharon:
    """Return a charon that has all tunnels, and none of them up."""
    made = FakeCharon()
    for name in LINKS:
        made.load_connection(name, tree("none"))
    return made


@pytest.fixture
def following(charon: FakeCharon) -> Following:
    """Return what knows that all links are down."""
    made = Following(charon)
    made.read(gateway(*LINKS))
    assert made.moved()
    charon.commands.clear()
    return made


def set_up(charon: FakeCharon, name: str) -> None:
    charon.initiate(ike=name, child="lan", timeout_ms=0)


def test_where_nothing_follows_nobody_is_asked(charon: FakeCharon) -> None:
    following = Following(charon)
    assert not following
    following.read(gateway("bonn"))
    following.heard("bonn")
    # x and y follow, and nobody goes by them.
    assert following
    assert not following.moved()
    following.read(parse_gateway(config([], [], [{"name": "z"}])))
    assert not following
    assert not charon.commands["list-sas"]


def test_a_tunnel_that_comes_moves_its_link_once(following: Following, charon: FakeCharon) -> None:
    assert not following.moved()
    assert not charon.commands
    set_up(charon, "paris")
    following.heard("paris")
    assert following.moved()
    assert not following.moved()
    following.heard("paris")
    assert not following.moved()


def test_the_last_of_several_takes_the_link_down(following: Following, charon: FakeCharon) -> None:
    for name in ("paris", "rome"):
        set_up(charon, name)
        following.heard(name)
    assert following.moved()
    charon.terminate(ike="paris", timeout_ms=0)
    following.heard("paris")
    assert not following.moved()
    charon.terminate(ike="rome", timeout_ms=0)
    following.heard("rome")
    assert following.moved()


def test_where_one_that_was_heard_of_is_up_nobody_else_is_asked_for(
    following: Following, charon: FakeCharon, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    sas = charon.sas

    def noted(names: list[str]) -> object:
        asked.append(names)
        return sas(names)

    monkeypatch.setattr(charon, "sas", noted)
    set_up(charon, "rome")
    following.heard("rome")
    assert following.moved()
    assert (asked, charon.commands["list-policies"]) == ([["rome"]], 0)
    following.heard("paris")
    assert not following.moved()
    assert asked[1:] == [["paris"], ["paris", "rome"]]


def test_a_trap_moves_a_link_that_follows_and_no_other(following: Following, charon: FakeCharon) -> None:
    for name in ("oslo", "paris"):
        charon.load_connection(name, tree("trap"))
    following.heard("oslo")
    assert not following.moved()
    following.heard("paris")
    assert following.moved()


def test_what_has_no_such_link_is_passed_over(following: Following, charon: FakeCharon) -> None:
    for name in ("bonn", "theirs"):
        following.heard(name)
    assert not following.moved()
    assert not charon.commands


def test_what_is_heard_of_all_is_about_each(following: Following, charon: FakeCharon) -> None:
    set_up(charon, "oslo")
    following.heard()
    assert following.moved()
    following.heard()
    assert not following.moved()


def test_the_same_objects_read_again_are_no_news(following: Following, charon: FakeCharon) -> None:
    following.read(gateway(*LINKS, init_type="on_demand"))
    assert not following.moved()
    assert not charon.commands
    following.read(gateway("paris", "oslo", "bonn"))
    assert following.moved()
    set_up(charon, "rome")
    following.heard("rome")
    assert not following.moved()


def test_what_was_heard_of_other_objects_counts_no_more(following: Following) -> None:
    following.heard("oslo")
    following.read(parse_gateway(config([], [])))
    assert not following.moved()


def test_what_the_engine_did_to_a_link_may_be_old_already(following: Following) -> None:
    following.acted([Step("add", "route", "x"), Step("change", "link", "y")])
    following.heard("paris")
    assert not following.moved()
    following.heard("oslo")
    assert following.moved()


def test_of_a_charon_that_was_not_there_all_that_is_heard_is_new(following: Following, charon: FakeCharon) -> None:
    charon.unavailable = DaemonUnavailable("charon is not running")
    following.heard()
    assert not following.moved()
    charon.unavailable = None
    assert not following.moved()
    following.heard("oslo")
    assert following.moved()


def test_a_charon_that_hangs_is_asked_again(following: Following, charon: FakeCharon) -> None:
    set_up(charon, "oslo")
    following.heard("oslo")
    charon.unavailable = DaemonHung("charon does not answer")
    with pytest.raises(DaemonHung):
        following.moved()
    charon.unavailable = None
    assert following.moved()
