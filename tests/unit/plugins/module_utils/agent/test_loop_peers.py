# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's loop in simulated time: a peer that owes answers is dead, and one that gives each is not, however many it owes."""

from __future__ import annotations

import json

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonHung
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import CHANGED, CHECKED, HEARD, News
from ansible_collections.swanfleet.ipsec.tests.fakes.echoes import FakeEchoes, FakeWay
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, ROME, ROME_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife

SILENT_FROM = 60.0
TIMEOUT = 10


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> FakeLife:
    """Return a gateway that renews the keys of one tunnel after the other, so that an answer is owed at each look."""
    host = with_program(wan_host())
    dpd = {"enabled": True, "delay": 5, "timeout": TIMEOUT, "action": "none"}
    apply(host, config([{**PARIS, "init_type": "start", "dpd": dpd}], [PARIS_LAN], [{"name": "ipsec-paris"}]))
    listed = host.charon.sas
    monkeypatch.setattr(
        host.charon,
        "sas",
        lambda names=None: [(name, {**tree, "tasks-active": ["CHILD_REKEY"]}) for name, tree in listed(names)],
    )
    return FakeLife(host, until=SILENT_FROM + 2 * TIMEOUT)


def test_one_that_gives_each_answer_is_not_dead_until_it_is_silent(life: FakeLife) -> None:
    def exchange() -> None:
        life.charon.extend((News(HEARD, "paris"), News(CHECKED, "paris")))

    for half in range(2, 2 * int(SILENT_FROM) + 1):
        life.at(half / 2, exchange)
    up: dict[float, bool] = {}
    for moment in (SILENT_FROM, SILENT_FROM + TIMEOUT - 0.5, SILENT_FROM + TIMEOUT + 2.5):
        life.at(moment, lambda moment=moment: up.update({moment: bool(life.host.charon.sas())}))  # type: ignore[misc]  # mypy cannot infer a default
    life.run()
    assert list(up.values()) == [True, True, False]


def test_a_primary_is_used_again_as_soon_as_charon_has_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other words of the peer's are none, and the next look at everything is half a minute away."""
    host = with_program(wan_host())
    site = {
        "name": "site", "primary": "paris", "fallbacks": ["rome"], "mode": "hot", "ping_check": True, "ping_interval": "1s",
        "ping_address": ["198.51.100.2"], "ping_fallback": True, "hold_down": 5,
    }  # fmt: skip
    # Without checks of its own charon gives a peer up all the same, that it has told of its addresses.
    more = {"init_type": "start", "dpd": {"enabled": False}}
    tunnels = [{**each, **more} for each in (PARIS, {**ROME, "xfrm_interface": "ipsec-rome"})]
    children = [PARIS_LAN, {**ROME_LAN, "remote_networks": PARIS_LAN["remote_networks"]}]
    apply(host, {**config(tunnels, children, [{"name": "ipsec-paris"}, {"name": "ipsec-rome"}]), "fallbacks": [site]})
    listed = host.charon.sas
    tasks: list[str] = []
    monkeypatch.setattr(
        host.charon, "sas", lambda names=None: [(name, {**tree, "tasks-active": tasks}) for name, tree in listed(names)]
    )
    way = FakeWay(frozenset({"192.0.2.1"}), frozenset({"198.51.100.2"}))
    life = FakeLife(host, echoes=FakeEchoes({"wan0": way}, "wan0"))
    used: list[str] = []

    def happens(word: str, *, cut: bool, owed: bool) -> None:
        way.cut = cut
        tasks[:] = ["IKE_MOBIKE"] if owed else []
        life.charon.append(News(word, "paris"))

    def look() -> None:
        found = host.files.read(host.paths.roles)
        assert found is not None
        used.append(json.loads(found.content)["site"])

    life.at(10, lambda: happens(CHECKED, cut=True, owed=True))
    life.at(20, lambda: happens(HEARD, cut=False, owed=True))
    life.at(40.9, look)
    life.at(41, lambda: happens(HEARD, cut=False, owed=False))
    life.at(43, look)
    life.run()
    assert used == ["rome", "paris"]


@pytest.mark.parametrize("answered", [True, False])
def test_a_peer_is_not_judged_while_charon_hangs(monkeypatch: pytest.MonkeyPatch, answered: bool) -> None:
    """Its answer may have come long since; if it has not when charon is well again, it is dead as ever."""
    host = with_program(wan_host())
    dpd = {"enabled": True, "delay": 5, "timeout": TIMEOUT, "action": "restart"}
    apply(host, config([{**PARIS, "init_type": "start", "dpd": dpd}], [PARIS_LAN], [{"name": "ipsec-paris"}]))
    listed = host.charon.sas
    tasks: list[str] = []
    monkeypatch.setattr(
        host.charon, "sas", lambda names=None: [(name, {**tree, "tasks-active": tasks}) for name, tree in listed(names)]
    )
    before = listed()
    life = FakeLife(host)

    def asks() -> None:
        tasks.append("IKE_DPD")
        life.charon.append(News(CHECKED, "paris"))

    life.at(10.0, asks)
    # After the suspicion, and before the peer would be dead.
    life.at(12.0, lambda: setattr(host.charon, "unavailable", DaemonHung("it hangs")))
    life.at(12.0, lambda: life.charon.append(News(CHANGED, "paris")))
    if answered:
        life.at(14.0, tasks.clear)
    life.at(25.0, lambda: setattr(host.charon, "unavailable", None))
    life.run()
    assert (listed() == before) is answered
    assert any("has not answered a check" in text for text in life.said) is not answered
