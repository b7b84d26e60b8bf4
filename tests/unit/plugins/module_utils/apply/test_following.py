# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that follow their tunnels, through the engine: a run, a check, a boot, and a charon that is down or does not answer."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent, DaemonHung
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, DisruptionRefused
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, Config, apply, config, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.units import STOPPED

NETWORKS = {"paris": "10.2.0.0/24", "rome": "10.3.0.0/24"}
ADDRESSES = ["10.255.0.1/30", "2001:db8:255::1/64"]
LINK = "ipsec0"


def gateway(state: str = "follow", init_type: str = "none", **changes: Any) -> Config:
    """Return two tunnels by one link."""
    phase1 = [
        {**PARIS, "name": name, "xfrm_interface": LINK, "init_type": init_type, "remote_endpoints": [f"198.51.100.{n}"]}
        for n, name in enumerate(NETWORKS, start=2)
    ]
    lans = [{**PARIS_LAN, "phase1": name, "remote_networks": [each]} for name, each in NETWORKS.items()]
    return config(phase1, lans, [{"name": LINK, "addresses": ADDRESSES, "link_state": state, **changes}])


@pytest.fixture
def host() -> FakeHost:
    return with_program(wan_host())


def shown(host: FakeHost) -> tuple[bool, list[str], list[str]]:
    """Return whether the link is up, its addresses, and the networks that are reached by it."""
    link = host.kernel.links[LINK]
    return link.up, sorted(link.addresses), sorted(route.destination for route in link.routes)


UP = (True, ADDRESSES, sorted(NETWORKS.values()))
DOWN: tuple[bool, list[str], list[str]] = (False, ADDRESSES[:1], [])


def set_up(host: FakeHost, name: str) -> None:
    host.charon.initiate(ike=name, child="lan", timeout_ms=0)


def end(host: FakeHost, name: str) -> None:
    host.charon.terminate(ike=name, timeout_ms=0)


def look(host: FakeHost, **how: Any) -> list[str]:
    """Do what the agent does; returns the steps that were taken, of which a second look finds none."""
    done = restore(host.host, **{"with_daemon": True, **how})
    assert done.failures == ()
    again = restore(host.host, **{"with_daemon": True, **how})
    assert again.steps == ()
    return [str(step) for step in done.steps]


def test_link_and_routes_come_with_the_first_tunnel_and_go_with_the_last(host: FakeHost) -> None:
    apply(host, gateway())
    assert shown(host) == DOWN
    set_up(host, "rome")
    assert look(host)[0] == f"change link {LINK}"
    assert shown(host) == UP
    set_up(host, "paris")
    end(host, "rome")
    assert look(host) == []
    end(host, "paris")
    assert look(host)[-1] == f"change link {LINK}"
    assert shown(host) == DOWN


@pytest.mark.parametrize("state", ["follow", "sa"])
def test_a_run_finds_nothing_to_do_whatever_the_tunnels_do(host: FakeHost, state: str) -> None:
    apply(host, gateway(state))
    assert not apply(host, gateway(state)).changed
    set_up(host, "paris")
    look(host)
    assert shown(host) == UP
    assert not apply(host, gateway(state)).changed


def test_a_tunnel_that_comes_up_during_a_run_does_not_fail_it(host: FakeHost) -> None:
    apply(host, gateway("sa", "start"))
    assert shown(host) == DOWN
    assert len(look(host)) == 4
    assert shown(host) == UP


@pytest.mark.parametrize("state", ["follow", "sa", "up", "down"])
def test_a_trap_has_its_link_up_from_the_first_moment(host: FakeHost, state: str) -> None:
    apply(host, gateway(state, "on_demand"))
    assert shown(host)[0] is (state in ("follow", "up"))
    assert look(host) == []


def test_a_trap_that_nobody_wrote_counts(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(host, gateway())
    # As after dpd.action: trap, or swanctl --install.
    traps = {("paris", "lan")}
    monkeypatch.setattr(host.charon, "traps", lambda: frozenset(traps))
    look(host)
    assert shown(host) == UP
    traps.clear()
    look(host)
    assert shown(host) == DOWN


def test_a_link_that_is_never_up_has_no_routes(host: FakeHost) -> None:
    apply(host, gateway("down"))
    set_up(host, "paris")
    assert look(host) == []
    assert shown(host) == DOWN


@pytest.mark.parametrize(("state", "found"), [("up", UP), ("follow", UP), ("sa", UP), ("down", DOWN)])
def test_what_somebody_does_to_the_link_is_put_right(
    host: FakeHost, state: str, found: tuple[bool, list[str], list[str]]
) -> None:
    apply(host, gateway(state))
    set_up(host, "paris")
    look(host)
    host.kernel.run([("link", "set", "dev", LINK, "down" if found == UP else "up")])
    look(host)
    assert shown(host) == found
    host.kernel.run([("link", "delete", "dev", LINK)])
    look(host)
    assert shown(host) == found


def absent(host: FakeHost) -> None:
    """Stop charon, as systemd does."""
    host.charon.restart()
    host.charon.unavailable = DaemonAbsent("nobody listens")
    host.units.units["strongswan.service"] = STOPPED


def test_a_charon_that_is_down_carries_nothing(host: FakeHost) -> None:
    apply(host, gateway())
    set_up(host, "paris")
    look(host)
    absent(host)
    done = restore(host.host, with_daemon=True)
    assert (shown(host), len(done.failures)) == (DOWN, 1)


@pytest.mark.parametrize("how", [{"daemon_hangs": True}, {}], ids=["known to hang", "it does not answer"])
@pytest.mark.parametrize("up", [True, False])
def test_a_charon_that_does_not_answer_leaves_the_link_as_it_is(
    host: FakeHost, how: dict[str, Any], *, up: bool
) -> None:
    apply(host, gateway("sa"))
    if up:
        set_up(host, "paris")
        look(host)
    host.charon.unavailable = DaemonHung("charon does not answer")
    assert restore(host.host, with_daemon=True, **how).steps == ()
    assert shown(host) == (UP if up else DOWN)


@pytest.mark.parametrize(
    ("state", "init_type", "found"),
    [("follow", "none", DOWN), ("follow", "on_demand", UP), ("follow", "start", DOWN), ("sa", "start_on_demand", DOWN)],
)
def test_at_boot_a_link_is_down_unless_a_trap_comes(
    host: FakeHost, state: str, init_type: str, found: tuple[bool, list[str], list[str]]
) -> None:
    apply(host, gateway(state, init_type))
    del host.kernel.links[LINK]
    host.charon.restart()
    look(host, with_daemon=False)
    assert shown(host) == found


@pytest.mark.parametrize("before", ["up", "follow"])
@pytest.mark.parametrize("after", ["up", "follow", "sa"])
def test_another_link_state_interrupts_nothing_that_is_up(host: FakeHost, before: str, after: str) -> None:
    apply(host, gateway(before))
    set_up(host, "paris")
    look(host)
    outcome = run_transaction(host.host, to(gateway(after)), check=False, demands=RunOptions(allow_disruption=False))
    assert (steps(outcome), outcome.disruption, outcome.changed) == ([], {}, after != before)
    assert shown(host) == UP


def test_a_link_that_goes_down_for_good_is_told_and_refused_where_nothing_may_be_interrupted(host: FakeHost) -> None:
    apply(host, gateway("up"))
    set_up(host, "paris")
    careful = RunOptions(allow_disruption=False)
    told = r"tunnels: paris \(no traffic any more, as xfrm_interface ipsec0 has link_state: down\)\. Nothing"
    with pytest.raises(DisruptionRefused, match=told):
        run_transaction(host.host, to(gateway("down")), check=False, demands=careful)
    assert shown(host) == UP
    outcome = apply(host, gateway("down"))
    assert outcome.disruption == {"paris": "end", "rome": "none"}
    assert shown(host) == DOWN


def test_a_link_that_is_never_up_is_no_reason_for_what_else_interrupts(host: FakeHost) -> None:
    def beside(*networks: str, **changes: Any) -> Config:
        found = gateway("down", "start", **changes)
        oslo = {**PARIS, "name": "oslo", "xfrm_interface": None, "remote_endpoints": ["198.51.100.9"]}
        found["phase1"].append(oslo)
        found["phase2"] += [
            {**PARIS_LAN, "name": each, "phase1": "oslo", "remote_networks": [f"10.{each}.0.0/24"]} for each in networks
        ]
        return found

    apply(host, beside("4"))
    changed = beside()
    changed["phase1"][0]["psk"] = "another"
    told = r"oslo \(SAs end\); paris \(is interrupted and set up again; changed: psk\)\. Nothing"
    with pytest.raises(DisruptionRefused, match=told):
        run_transaction(host.host, to(changed), check=True, demands=RunOptions(allow_disruption=False))


def test_what_ends_behind_a_link_that_follows_ends_by_itself(host: FakeHost) -> None:
    apply(host, gateway())
    set_up(host, "paris")
    look(host)
    fewer = gateway()
    del fewer["phase2"][0]
    with pytest.raises(DisruptionRefused, match=r"tunnels: paris \(SAs end\)\. Nothing"):
        run_transaction(host.host, to(fewer), check=True, demands=RunOptions(allow_disruption=False))


def test_a_check_tells_what_a_run_does(host: FakeHost) -> None:
    apply(host, gateway("up"))
    told = apply(host, gateway("follow"), check=True)
    assert steps(told) == steps(apply(host, gateway("follow")))
    assert steps(told)[-1] == f"change link {LINK}"
    assert told.disruption == {}
    assert shown(host) == DOWN


def test_a_run_that_fails_leaves_the_link_as_its_tunnels_are(host: FakeHost) -> None:
    apply(host, gateway())
    set_up(host, "paris")
    look(host)
    host.charon.refuse["load-conn", "oslo"] = "no"
    more = gateway("down")
    more["phase1"].append({**PARIS, "name": "oslo", "xfrm_interface": None})
    more["phase2"].append({**PARIS_LAN, "phase1": "oslo", "remote_networks": ["10.4.0.0/24"]})
    with pytest.raises(ApplyError, match="the host is as before the run"):
        apply(host, more)
    assert shown(host) == UP
