# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch between tunnels with links moves their routes at once, and the engine does the rest when nothing waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent import loop, mending
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import FALLBACK
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.keeping import write_override
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife, Killed

AT = 10.0
SWITCHED = AT + 1.2
SITE, OTHER, GUEST = "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24"


def tunnels(mode: str) -> dict[str, Any]:
    """Return two tunnels to one site that go by links, a fallback of the two, and the same once more."""
    peers = {"paris": "198.51.100.2", "lyon": "198.51.100.3", "oslo": "198.51.100.4", "bern": "198.51.100.5"}
    phase1 = [
        {**PARIS, "name": name, "remote_endpoints": [peer], "xfrm_interface": f"ipsec-{name}", "init_type": "start"}
        for name, peer in peers.items()
    ]
    lans = {"paris": SITE, "lyon": SITE, "oslo": OTHER, "bern": OTHER}
    children = [{**PARIS_LAN, "phase1": name, "remote_networks": [lan]} for name, lan in lans.items()]
    links = [{"name": f"ipsec-{name}"} for name in peers]
    # A tunnel by a link of theirs, whose own address is not here.
    phase1.append({**PARIS, "name": "guest", "remote_endpoints": ["198.51.100.6"], "xfrm_interface": "ipsec-lyon"})
    phase1[-1]["interfaces"] = ["192.0.2.77"]
    children.append({**PARIS_LAN, "phase1": "guest", "remote_networks": [GUEST]})
    site = {"name": "site", "primary": "paris", "fallbacks": ["lyon"], "mode": mode}
    other = {"name": "other", "primary": "oslo", "fallbacks": ["bern"], "mode": mode}
    return {**config(phase1, children, links), "fallbacks": [site, other]}


@pytest.fixture(params=["hot", "cold"])
def life(request: pytest.FixtureRequest) -> FakeLife:
    """Return a gateway on which somebody has the fallback used at `AT`, after a full look."""
    host = with_program(wan_host())
    apply(host, tunnels(request.param))
    life = FakeLife(host, until=AT + 20)
    life.at(AT, lambda: write_override(host.host, "site", FALLBACK))
    return life


def best(life: FakeLife, network: str = SITE) -> str:
    """Return the link of the best route to a network, "" where there is none."""
    links = life.host.kernel.links
    found = [(route.metric, name) for name in links for route in links[name].routes if route.destination == network]
    return min(found)[1] if found else ""


@pytest.fixture
def ended(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return which tunnels were ended, each with the link by which the traffic went then."""
    found: list[str] = []
    terminate = life.host.charon.terminate

    def seen(**named: Any) -> Any:
        found.append(f"{named['ike']}, traffic by {best(life)}")
        return terminate(**named)

    monkeypatch.setattr(life.host.charon, "terminate", seen)
    return found


def start_action(life: FakeLife) -> str:
    tree: dict[str, Any] = dict(life.host.charon.loaded["lyon"])
    return str(tree["children"]["lan"]["start_action"])


def test_routes_move_before_the_whole_host_is_looked_at(life: FakeLife, looks: list[float]) -> None:
    """Hot tunnels differ by routes alone; of cold ones charon is told as well, at once."""
    found: list[str] = []
    life.at(AT, looks.clear)
    run = life.host.kernel.run

    def ran(commands: Any) -> None:
        found.append(f"{len(looks)} looks before")
        run(commands)

    life.at(AT, lambda: setattr(life.host.kernel, "run", ran))
    for moment in (AT, SWITCHED):
        life.at(moment, lambda: found.append(best(life)))
    life.run()
    assert found == ["ipsec-paris", "0 looks before", "ipsec-lyon"]
    hot = life.host.host.generations.read(1).objects["objects"]["fallbacks"][0].get("mode") == "hot"
    assert (SWITCHED + 3 < looks[0] < SWITCHED + 5.2) if hot else (AT < looks[0] < SWITCHED)
    assert start_action(life) == "start"


@pytest.mark.parametrize("life", ["hot"], indirect=True)
@pytest.mark.parametrize(
    ("few", "begun"), [(32, "initiate rome, 0 looks before"), (0, "initiate rome, 1 looks before")]
)
def test_routes_wait_for_nothing_and_a_peer_answers_while_the_engine_works(
    life: FakeLife, looks: list[float], monkeypatch: pytest.MonkeyPatch, few: int, begun: str
) -> None:
    """Of three groups that change at one moment one goes by routes, one by links that follow, one is to be set up."""
    monkeypatch.setattr(loop, "_FEW", few)
    wanted = tunnels("hot")
    for link in wanted["xfrm_interfaces"]:
        link["link_state"] = "sa" if link["name"] in ("ipsec-oslo", "ipsec-bern") else "up"
    for number, name in enumerate(("nice", "rome"), start=7):
        remote = {"name": name, "remote_endpoints": [f"198.51.100.{number}"]}
        wanted["phase1"].append({**PARIS, **remote, "xfrm_interface": None})
        wanted["phase2"].append({**PARIS_LAN, "phase1": name, "remote_networks": ["10.5.0.0/24"]})
    wanted["fallbacks"].append({"name": "begun", "primary": "nice", "fallbacks": ["rome"], "mode": "cold"})
    apply(life.host, wanted)
    found: list[str] = []

    def noted(what: str, work: Any) -> Any:
        def done(*args: Any, **named: Any) -> Any:
            found.append(f"{what}{named.get('ike', '')}, {len(looks)} looks before")
            return work(*args, **named)

        return done

    def all_of_them() -> None:
        looks.clear()
        monkeypatch.setattr(life.host.kernel, "run", noted("routes", life.host.kernel.run))
        monkeypatch.setattr(life.host.charon, "initiate", noted("initiate ", life.host.charon.initiate))
        for name in ("site", "other", "begun"):
            write_override(life.host.host, name, FALLBACK)

    life.at(AT, all_of_them)
    life.at(SWITCHED, lambda: found.extend([best(life), best(life, OTHER)]))
    life.run()
    assert found[0] == "routes, 0 looks before"
    assert next(each for each in found if each.startswith("initiate rome")) == begun
    assert {"ipsec-lyon", "ipsec-bern"} <= set(found)


def test_a_tunnel_by_the_same_link_whose_address_is_not_here_gets_no_routes(life: FakeLife) -> None:
    found: list[str] = []
    for moment in (AT, SWITCHED, AT + 15):
        life.at(moment, lambda: found.append(best(life, GUEST)))
    life.run()
    assert found == ["", "", ""]


@pytest.mark.parametrize("trouble", ["kernel", "unfinished"])
def test_what_routes_alone_do_not_settle_the_engine_does_at_once(
    life: FakeLife, looks: list[float], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    run = life.host.kernel.run

    def refused(_commands: Any) -> None:
        monkeypatch.setattr(life.host.kernel, "run", run)
        raise KernelRefused("ip route replace: no", 0)

    def strike() -> None:
        if trouble == "unfinished":
            life.host.host.generations.write({}, {})
        else:
            monkeypatch.setattr(life.host.kernel, "run", refused)

    found: list[str] = []
    life.at(AT, looks.clear)
    life.at(AT, strike)
    life.at(SWITCHED, lambda: found.append(best(life)))
    life.run()
    assert found == ["ipsec-lyon"]
    assert looks[0] < SWITCHED


def test_nothing_moves_while_a_run_holds_the_lock_and_soon_after_it_all_does(
    life: FakeLife, looks: list[float]
) -> None:
    found: list[str] = []
    life.at(AT, looks.clear)
    life.at(AT, lambda: setattr(life.host.files, "locked_by", "process 7, ipsec_gateway"))
    life.at(AT + 4, lambda: found.append(best(life)))
    life.at(AT + 4, lambda: setattr(life.host.files, "locked_by", None))
    life.at(AT + 4.5, lambda: found.append(best(life)))
    life.run()
    assert found == ["ipsec-paris", "ipsec-lyon"]
    assert looks[0] < AT + 4.5


def test_routes_do_not_move_without_the_roles_that_they_go_by(life: FakeLife, ended: list[str]) -> None:
    replace, found = life.host.files.replace, []

    def no_room(path: str, content: bytes, mode: int) -> None:
        if path == life.host.paths.roles:
            raise FileTrouble(f"cannot write {path}: No space left on device")
        replace(path, content, mode)

    life.at(AT, lambda: setattr(life.host.files, "replace", no_room))
    life.at(AT + 4, lambda: found.append(best(life)))
    life.at(AT + 4, lambda: setattr(life.host.files, "replace", replace))
    life.at(AT + 8, lambda: found.append(best(life)))
    life.run()
    assert found == ["ipsec-paris", "ipsec-lyon"]
    assert "paris, traffic by ipsec-paris" not in ended


def test_another_switch_takes_along_what_has_not_moved_yet(
    life: FakeLife, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run held the lock at the first one. What carried its traffic ends after that has gone elsewhere."""
    monkeypatch.setattr(mending, "_LOCKED_S", 30.0)
    found: list[str] = []
    life.at(AT, lambda: setattr(life.host.files, "locked_by", "process 7, ipsec_gateway"))
    life.at(AT + 4, lambda: found.append(best(life)))
    life.at(AT + 4, lambda: setattr(life.host.files, "locked_by", None))
    life.at(AT + 4, lambda: write_override(life.host.host, "other", FALLBACK))
    life.at(AT + 5.5, lambda: found.extend([best(life), best(life, OTHER)]))
    life.run()
    assert found == ["ipsec-paris", "ipsec-lyon", "ipsec-bern"]
    assert "paris, traffic by ipsec-paris" not in ended


def test_another_switch_takes_along_what_there_were_no_roles_for(life: FakeLife) -> None:
    replace = life.host.files.replace
    found: list[str] = []

    def little_room(path: str, content: bytes, mode: int) -> None:
        if path == life.host.paths.roles and b"bern" not in content:
            raise FileTrouble(f"cannot write {path}: No space left on device")
        replace(path, content, mode)

    life.at(AT, lambda: setattr(life.host.files, "replace", little_room))
    life.at(AT + 4, lambda: found.append(best(life)))
    life.at(AT + 4, lambda: write_override(life.host.host, "other", FALLBACK))
    life.at(AT + 5.5, lambda: found.extend([best(life), best(life, OTHER)]))
    life.run()
    assert found == ["ipsec-paris", "ipsec-lyon", "ipsec-bern"]


def test_a_fault_of_the_program_is_told_in_full_and_ends_neither_it_nor_the_switch(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = life.host.kernel.routes

    def broken(protocol: int) -> Any:
        monkeypatch.setattr(life.host.kernel, "routes", routes)
        raise OSError(12, "Cannot allocate memory", str(protocol))

    found: list[str] = []
    life.at(AT, lambda: monkeypatch.setattr(life.host.kernel, "routes", broken))
    life.at(SWITCHED, lambda: found.append(best(life)))
    life.run()
    assert found == ["ipsec-lyon"]
    assert [text for text in life.said if "Traceback" in text and "Cannot allocate memory" in text]


@pytest.mark.parametrize("call", range(30))
def test_killed_at_any_call_of_a_switch_the_next_agent_ends_it(life: FakeLife, call: int) -> None:
    life.at(AT, life.host.calls.clear)
    life.at(AT, lambda: setattr(life.host, "fail_at", (call, Killed())))
    try:
        life.run()
    except Killed:
        life.host.files.locked_by = None
    life.host.fail_at = None
    life.until = life.host.clock.time + 20
    life.run()
    assert best(life) == "ipsec-lyon"
    assert start_action(life) == "start"
