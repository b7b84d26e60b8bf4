# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's loop in simulated time: addresses and ways are looked at when the kernel tells of them, and at little cost."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import BEGAN, CHANGED, GAVE_UP, News
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.netlink import ADDRESS, LINK, ROUTE
from ansible_collections.swanfleet.ipsec.tests.fakes.echoes import FakeWay
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, ROME, ROME_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife

# Between two full looks, of which each reads everything.
QUIET_AT = 40.0


@pytest.fixture
def life() -> FakeLife:
    """Return a gateway with two tunnels that follow the way to their peers."""
    host = with_program(wan_host())
    both = [{**each, "restart_on_gateway_change": True} for each in (PARIS, ROME)]
    apply(host, config(both, [PARIS_LAN, ROME_LAN], [{"name": "ipsec-paris"}]))
    return FakeLife(host)


def reads(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is read of the kernel from now on, as it is read."""
    found: list[str] = []
    interfaces, to = life.host.kernel.interfaces, life.to

    def noted(what: str, call: Any) -> Any:
        def read(*arguments: Any) -> Any:
            found.append(what)
            return call(*arguments)

        return read

    monkeypatch.setattr(life.host.kernel, "interfaces", noted("addresses", interfaces))
    monkeypatch.setattr(life, "to", noted("ways", to))
    return found


def test_all_ways_are_asked_for_at_once(life: FakeLife) -> None:
    before: list[int] = []
    life.at(QUIET_AT, lambda: before.append(len(life.routed)))
    life.at(QUIET_AT, lambda: life.kernel.add(ROUTE))
    life.at(QUIET_AT + 0.05, lambda: setattr(life, "until", 0.0))
    life.run()
    assert life.routed[before[0] :] == [frozenset({("198.51.100.2", ""), ("198.51.100.3", "")})]


def test_addresses_come_before_ways(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reads(life, monkeypatch)
    life.at(QUIET_AT, found.clear)
    life.at(QUIET_AT, lambda: life.kernel.add(ADDRESS))
    life.at(QUIET_AT + 0.05, lambda: setattr(life, "until", 0.0))
    life.run()
    assert found == ["addresses", "ways"]


def test_an_interface_that_goes_down_puts_tunnels_on_standby_soon_where_links_change_all_the_time(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = {**PARIS, "interfaces": ["192.0.2.1"], "restart_on_gateway_change": True}
    apply(life.host, config([bound], [PARIS_LAN], [{"name": "ipsec-paris"}]))
    # News that come to nothing space full looks out, up to half a minute.
    for tenth in range(100, int(10 * QUIET_AT)):
        life.at(tenth / 10, lambda: life.kernel.add(LINK))
    found = reads(life, monkeypatch)
    spaced: list[int] = []
    life.at(20.0, found.clear)
    life.at(QUIET_AT, lambda: spaced.append(found.count("ways")))
    up: list[list[str]] = []

    def look() -> None:
        up.append([name for name, _tree in life.host.charon.sas()])

    def down() -> None:
        look()
        life.host.kernel.links["wan0"].up = False
        life.kernel.add(LINK)

    life.at(QUIET_AT + 0.5, down)
    life.at(QUIET_AT + 1.7, look)
    life.until = QUIET_AT + 2
    life.run()
    assert up == [["paris"], []]
    # One a second, and those of full looks.
    assert spaced[0] <= 24


CHECKED: dict[str, Any] = {
    "name": "site", "primary": "paris", "fallbacks": ["rome"], "ping_check": True, "ping_interval": "1s", "hold_down": 5,
}  # fmt: skip


def checked(life: FakeLife, primary: dict[str, Any], asked: str) -> None:
    """Have the primary be checked."""
    rome_lan = {**ROME_LAN, "remote_networks": ["10.2.0.0/24"]}
    wanted = config([{**PARIS, **primary}, ROME], [PARIS_LAN, rome_lan], [{"name": "ipsec-paris"}])
    apply(life.host, {**wanted, "fallbacks": [{**CHECKED, "ping_address": [asked]}]})


def sources(life: FakeLife, *moments: float) -> list[str]:
    """Return from where the last check before each moment has gone."""
    found: list[str] = []
    for moment in moments:
        life.at(moment, lambda: found.append(life.echoes.asked[-1].source))
    life.until = moments[-1]
    life.run()
    return found


def test_checks_go_from_where_the_tunnel_does_as_soon_as_that_has_moved(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(life, {"interfaces": ["192.0.2.1", "192.0.2.7"]}, "198.51.100.2")
    life.host.kernel.links["wan0"].addresses.append("192.0.2.7/24")
    life.echoes.ways["wan0"] = FakeWay(frozenset({"192.0.2.1", "192.0.2.7"}), frozenset({"198.51.100.2"}))
    local, listed = ["192.0.2.1"], life.host.charon.sas
    monkeypatch.setattr(
        life.host.charon,
        "sas",
        lambda names=None: [(name, {**tree, "local-host": local[0]}) for name, tree in listed(names)],
    )

    def move() -> None:
        local[0] = "192.0.2.7"
        life.charon.append(News(CHANGED, "paris"))

    life.at(QUIET_AT, move)
    assert sources(life, QUIET_AT, QUIET_AT + 1.5) == ["192.0.2.1", "192.0.2.7"]


def test_checks_from_inside_go_from_an_address_that_the_tunnel_takes_while_it_is_there(life: FakeLife) -> None:
    checked(life, {}, "10.2.0.1")
    own = ("192.0.2.1", "10.1.0.1", "10.1.0.9")
    life.echoes.ways["ipsec-paris"] = FakeWay(frozenset(own), frozenset({"10.2.0.1"}))

    def has(*addresses: str) -> None:
        life.host.kernel.links["lan0"] = FakeLink("veth", up=True, addresses=[f"{each}/24" for each in addresses])
        life.kernel.add(ADDRESS)

    life.at(20.0, lambda: has("10.1.0.1"))
    life.at(40.0, lambda: has("10.1.0.9"))
    life.at(60.0, has)
    # Without one it is left to the kernel, as it is told at the run.
    assert sources(life, 20.0, 21.5, 40.0, 41.5, 61.5) == ["", "10.1.0.1", "10.1.0.1", "10.1.0.9", ""]


def test_whoever_names_an_interface_and_an_address_that_is_elsewhere_is_not_usable(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the passive node of a pair: the engine has it on standby, and the agent sets nothing up."""
    both = {**PARIS, "interfaces": ["wan0", "192.0.2.100"], "init_type": "start"}
    apply(life.host, config([both], [PARIS_LAN], [{"name": "ipsec-paris"}]))
    begun: list[str] = []
    monkeypatch.setattr(life.host.charon, "initiate", lambda **named: begun.append(named["ike"]))
    life.host.kernel.links["wan0"].addresses.append("192.0.2.100/32")
    life.at(QUIET_AT, lambda: life.host.kernel.links["wan0"].addresses.remove("192.0.2.100/32"))
    life.at(QUIET_AT, lambda: life.kernel.add(ADDRESS))
    # An attempt that was begun before the address went has failed.
    life.at(QUIET_AT + 1, lambda: life.charon.append(News(BEGAN, "paris")))
    life.at(QUIET_AT + 2, lambda: life.charon.append(News(GAVE_UP, "paris")))
    life.until = QUIET_AT + 120
    life.run()
    assert begun == []
