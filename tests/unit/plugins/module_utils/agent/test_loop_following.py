# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's loop in simulated time: links follow their tunnels soon, and the engine is not asked for nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent, DaemonHung
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import CAME, CHANGED, WENT, News
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife

LINK = "ipsec-paris"
# A rest after the look before, and the engine's work.
SOON_S = 0.2
SPACED_S = 1.2


def wanted(state: str = "follow") -> dict[str, list[dict[str, object]]]:
    return config([{**PARIS, "init_type": "none"}], [PARIS_LAN], [{"name": LINK, "link_state": state}])


@pytest.fixture
def life() -> FakeLife:
    """Return a gateway whose one tunnel has a link that follows it, and nothing else to watch."""
    host = with_program(wan_host())
    apply(host, wanted())
    return FakeLife(host)


def tell(life: FakeLife, kind: str = CHANGED, connection: str = "paris") -> None:
    life.charon.append(News(kind, connection))


def comes(life: FakeLife) -> None:
    life.host.charon.initiate(ike="paris", child="lan", timeout_ms=0)
    tell(life)


def goes(life: FakeLife) -> None:
    life.host.charon.terminate(ike="paris", timeout_ms=0)
    tell(life)


def is_up(host: FakeHost) -> bool:
    link = host.kernel.links[LINK]
    assert bool(link.routes) is link.up
    return link.up


def seen(life: FakeLife, *moments: float) -> dict[float, bool]:
    """Have the link looked at at some moments; returns what will be seen then."""
    found: dict[float, bool] = {}
    for moment in moments:
        life.at(moment, lambda moment=moment: found.update({moment: is_up(life.host)}))  # type: ignore[misc]  # mypy cannot infer a default
    return found


def test_link_and_routes_follow_the_tunnel_at_once(life: FakeLife) -> None:
    life.at(5.0, lambda: comes(life))
    life.at(20.0, lambda: goes(life))
    found = seen(life, 4.9, 5.0 + SOON_S, 19.9, 20.0 + SOON_S, 59.0)
    life.run()
    assert list(found.values()) == [False, True, True, False, False]
    assert f"put in place: change link {LINK}; add route 10.2.0.0/24 by {LINK}" in life.said


def test_what_nobody_tells_of_is_found_within_half_a_minute(life: FakeLife) -> None:
    life.at(5.0, lambda: life.host.charon.initiate(ike="paris", child="lan", timeout_ms=0))
    found = seen(life, 5.0 + SOON_S, 36.0)
    life.run()
    assert list(found.values()) == [False, True]


def looks(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that says how often the engine has looked at the host's links."""
    made: list[float] = []
    interfaces = life.host.kernel.interfaces

    def counted() -> object:
        made.append(life.host.clock.time)
        return interfaces()

    monkeypatch.setattr(life.host.kernel, "interfaces", counted)
    return lambda: len({round(moment, 3) for moment in made})


def test_news_that_move_no_link_cost_no_look_of_the_engine(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> None:
    life.at(2.0, lambda: comes(life))
    for number in range(100):
        life.at(5.0 + number / 5, lambda: tell(life))
    count = looks(life, monkeypatch)
    before: list[int] = []
    life.at(4.0, lambda: before.append(count()))
    life.at(26.0, lambda: before.append(count()))
    life.run()
    # Whatever is heard first after the engine has moved a link is looked at.
    assert before[1] - before[0] <= 1


def test_a_tunnel_that_flaps_has_the_engine_look_once_a_second(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        life.at(5.0 + number / 5, lambda number=number: (goes if number % 2 else comes)(life))  # type: ignore[misc]  # mypy cannot infer a default
    life.at(25.0, lambda: comes(life))
    count = looks(life, monkeypatch)
    found = seen(life, 25.0 + SPACED_S)
    life.run()
    assert list(found.values()) == [True]
    # Each full look that changes something makes the kernel tell, which a test has to do by itself.
    assert 5 <= count() <= 35


@pytest.mark.parametrize("up", [True, False])
def test_a_charon_that_hangs_leaves_the_link_as_it_is(life: FakeLife, *, up: bool) -> None:
    if up:
        life.at(2.0, lambda: comes(life))
    life.at(5.0, lambda: setattr(life.host.charon, "unavailable", DaemonHung("it hangs")))
    life.at(6.0, lambda: tell(life))
    found = seen(life, 59.0)
    life.run()
    assert list(found.values()) == [up]
    assert life.said.count("it hangs") <= 2


def test_a_charon_that_starts_again_has_its_links_down_until_tunnels_are_up(life: FakeLife) -> None:
    def went() -> None:
        life.host.charon.restart()
        life.host.charon.unavailable = DaemonAbsent("nobody listens")
        tell(life, WENT, "")

    def came() -> None:
        life.host.charon.unavailable = None
        tell(life, CAME, "")

    life.at(5.0, lambda: comes(life))
    life.at(20.0, went)
    life.at(22.0, came)
    life.at(30.0, lambda: comes(life))
    found = seen(life, 19.0, 20.0 + SOON_S, 22.0 + SPACED_S, 30.0 + SOON_S)
    life.run()
    # Until systemd knows that it is down, nobody does.
    assert list(found.values()) == [True, True, False, True]


def test_a_link_that_follows_from_now_on_is_looked_at(life: FakeLife) -> None:
    apply(life.host, wanted("up"))
    life.at(5.0, lambda: comes(life))
    life.at(10.0, lambda: apply(life.host, wanted()))
    life.at(15.0, lambda: goes(life))
    found = seen(life, 4.0, 14.0, 15.0 + SOON_S)
    life.run()
    assert list(found.values()) == [True, True, False]


def test_a_tunnel_that_comes_while_the_engine_is_at_work_is_not_forgotten(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its SAs are replaced, and the engine alone has seen the moment between, in which there was none."""
    life.at(2.0, lambda: comes(life))
    life.at(10.0, lambda: life.host.charon.terminate(ike="paris", timeout_ms=0))
    run = life.host.kernel.run

    def late(commands: list[list[str]]) -> None:
        run(commands)
        if any(command[-1] == "down" for command in commands):
            life.host.charon.initiate(ike="paris", child="lan", timeout_ms=0)
            tell(life)

    monkeypatch.setattr(life.host.kernel, "run", late)
    found = seen(life, 34.0)
    life.run()
    assert list(found.values()) == [True]
    assert f"put in place: remove route 10.2.0.0/24 by {LINK}; change link {LINK}" in life.said
