# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent as a process between two charons: a tunnel that fails gives its place to another, and gets it back."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.agents import LINES, AgentHost, answer, gateway, two_lines
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess, Mark

pytestmark = [pytest.mark.charon, pytest.mark.root]
# Checked five times a second from outside; it returns after a second without a fault.
CHECKED: dict[str, Any] = {
    "ping_check": True, "ping_address": [f"{LINES['paris']}.2"], "ping_interval": "200ms", "ping_fallback": True,
    "hold_down": 1, "rise": 3,
}  # fmt: skip
UNCHECKED: dict[str, Any] = {}


@pytest.fixture
def host(release: str) -> Iterator[AgentHost]:
    """Return a gateway with two lines to a peer that answers on both; nothing is wanted yet, and no agent runs."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as made:
        answer(made.there)
        yield made


def cold(host: AgentHost, fallback: dict[str, Any] | None = None, **more: Any) -> None:
    """Have the primary up and the agent running."""
    host.apply(gateway(CHECKED if fallback is None else fallback, **more))
    host.start()
    host.awaits(lambda: host.up() == ["paris"])


def hot(host: AgentHost, **more: Any) -> None:
    """Have both tunnels up and the agent running."""
    host.apply(gateway(CHECKED, hot=True, **more))
    host.start()
    host.awaits(lambda: host.up() == ["lyon", "paris"])


@each_release.EACH
@pytest.mark.proves("S32", option="fallback.mode")
@pytest.mark.proves("S33", option="fallback.ping_address")
@pytest.mark.proves("S34", option="fallback.ping_interval")
@pytest.mark.proves("S35", option="fallback.ping_fallback")
def test_a_cold_fallback_comes_up_when_the_primary_is_silent_and_goes_when_it_is_back(host: AgentHost) -> None:
    cold(host)
    host.cut("paris")
    host.awaits(lambda: host.in_use() == "lyon" and host.up() == ["lyon"])
    host.mend("paris")
    host.awaits(lambda: host.in_use() == "paris" and host.up() == ["paris"])
    host.stop()
    assert [each["state"] for each in host.status()["tunnels"]] == ["standby", "up"]
    told = [(each["kind"], each["tunnel"]) for each in host.explained("paris")]
    assert told[:3] == [("initiate", "lyon"), ("switch", "lyon"), ("terminate", "paris")]
    assert told[3:5] == [("initiate", "paris"), ("switch", "paris")]


@each_release.EACH
@pytest.mark.proves("S32", option="fallback.mode")
def test_hot_only_routes_move_and_no_sa_is_touched(host: AgentHost) -> None:
    hot(host)
    before = host.spis()
    assert host.way() == "xparis"
    host.cut("paris")
    host.awaits(lambda: host.way() == "xlyon")
    assert host.spis() == before
    host.mend("paris")
    host.awaits(lambda: host.way() == "xparis")
    assert host.spis() == before
    assert [each["kind"] for each in host.explained("site")] == ["switch", "rekey", "switch"]


@pytest.fixture
def impatient(release: str) -> Iterator[AgentHost]:
    """Return a gateway and a peer whose charons repeat a request after 1.5 and 4.2 s, and give up after 9.1 s."""
    patience = "retransmit_tries = 2\n    retransmit_timeout = 1.5"
    with (
        tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root,
        two_lines(Path(root), release=release, extra=patience) as made,
    ):
        yield made


def cut_until_repeated_last(host: AgentHost, asking: CharonProcess) -> Mark:
    """Cut the primary's line, and mend it when a charon has repeated its request for the last time; returns where its log was."""
    mark = asking.mark()
    host.cut("paris")
    host.awaits(lambda: "retransmit 2 of request" in asking.log(mark) and host.way() == "xlyon")
    host.mend("paris")
    return mark


@each_release.EACH
def test_no_return_to_a_tunnel_that_charon_is_about_to_give_up(impatient: AgentHost) -> None:
    """Its line works again, yet charon repeats no request between the last repetition and the end of its patience."""
    host = impatient
    answer(host.there)
    hot(host, dpd={"delay": "2s", "action": "restart"})
    before = host.spis()["paris"]
    mark = cut_until_repeated_last(host, host.here)
    host.awaits(lambda: host.way() == "xparis")
    assert "giving up after 2 retransmits" in host.here.log(mark)
    assert host.spis()["paris"] != before


@each_release.EACH
def test_no_return_to_a_tunnel_that_its_peer_is_about_to_give_up(impatient: AgentHost) -> None:
    """As above, but it is the peer's charon that waits, of which nothing is seen here, and which would tell nobody."""
    host = impatient
    answer(host.there, dpd_delay="2s")
    hot(host, dpd={"enabled": False}, mobike=False)
    before = host.spis()["paris"]
    mark = cut_until_repeated_last(host, host.there)
    host.awaits(lambda: host.way() == "xparis")
    back = host.there.mark()
    # It checks each of the two tunnels every 2 s, so that its patience of 4.9 s more has ended by then.
    host.awaits(lambda: host.there.log(back).count("sending DPD request") >= 8, timeout=30)
    assert "giving up" not in host.there.log(mark)
    assert host.spis()["paris"] == before
    assert host.way() == "xparis"


def answered_in_a_row(host: AgentHost) -> int:
    """Return how many of the last checks of the primary were answered, as the agent keeps it for the one after it."""
    health = json.loads((host.root / "run/swanfleet/agent.json").read_text())["state"]["groups"]["site"]["health"]
    return int(health["streak"])


@each_release.EACH
@pytest.mark.proves("S33", option="fallback.ping_address")
def test_a_check_from_inside_goes_from_an_address_that_the_tunnel_takes(host: AgentHost) -> None:
    host.here.inside("ip", "address", "delete", "10.1.0.1/32", "dev", "lo")
    host.here.inside("ip", "link", "add", "lan", "type", "bridge")
    host.here.inside("ip", "address", "add", "10.1.0.1/24", "dev", "lan")
    host.here.inside("ip", "link", "set", "lan", "up")
    # As by an XFRM interface, a route that names no source: the kernel would take the line's address, of which no policy is.
    host.here.inside("ip", "route", "add", "10.2.0.0/16", "dev", "ipsec0", "table", "99")
    host.here.inside("ip", "rule", "add", "pref", "99", "lookup", "99")
    assert " src 192.0.2.1 " in host.here.inside("ip", "route", "get", "10.2.0.1")
    # Where processor time is short an answer may take longer than three checks of 200 ms.
    cold(host, {**CHECKED, "ping_address": ["10.2.0.1"], "ping_interval": "1s", "ping_fallback": False})
    # More in a row than would fail it.
    host.awaits(lambda: answered_in_a_row(host) > 3)
    assert (host.status()["fallbacks"][0]["check"], host.in_use()) == ("answered", "paris")
    host.cut("paris")
    host.awaits(lambda: host.in_use() == "lyon" and host.up() == ["lyon"])


def test_a_peer_that_is_dead_counts_without_any_check(host: AgentHost) -> None:
    dpd = {"enabled": True, "delay": 1, "timeout": 3, "action": "restart"}
    cold(host, UNCHECKED, dpd=dpd, init_type="start")
    host.cut("paris")
    host.awaits(lambda: host.in_use() == "lyon" and host.up() == ["lyon"], timeout=40)
    assert any("has not answered a check" in each["reason"] for each in host.explained("paris"))


def test_killed_while_the_fallback_is_in_use_the_next_agent_goes_on(host: AgentHost) -> None:
    cold(host)
    host.cut("paris")
    host.awaits(lambda: host.in_use() == "lyon" and host.up() == ["lyon"])
    host.kill()
    # Nobody watches, and everything stays.
    assert (host.in_use(), host.up()) == ("lyon", ["lyon"])
    assert "the agent does not run" in host.run("status")
    host.start()
    assert (host.in_use(), host.up()) == ("lyon", ["lyon"])
    host.mend("paris")
    host.awaits(lambda: host.in_use() == "paris" and host.up() == ["paris"])


def test_without_its_memory_an_agent_goes_by_what_is_in_use(host: AgentHost) -> None:
    cold(host, {**CHECKED, "hold_down": 4})
    host.cut("paris")
    host.awaits(lambda: host.in_use() == "lyon" and host.up() == ["lyon"])
    host.stop()
    (host.root / "run/swanfleet/agent.json").unlink()
    host.start()
    assert (host.in_use(), host.up()) == ("lyon", ["lyon"])
    host.mend("paris")
    host.awaits(lambda: host.in_use() == "paris")
    assert [each["kind"] for each in host.explained("site")].count("switch") == 2


@pytest.mark.parametrize("moment", ["initiate lyon", "switch to lyon", "put in place: write file"])
def test_killed_in_the_middle_of_a_switch_the_next_agent_ends_it(host: AgentHost, moment: str) -> None:
    cold(host)
    host.cut("paris")
    host.awaits(lambda: moment in host.said())
    host.kill()
    host.start()
    host.awaits(lambda: host.in_use() == "lyon" and host.up() == ["lyon"])
    assert [each["role"] for each in host.status()["tunnels"]] == ["active", "standby"]


def test_what_people_decide_holds_until_they_say_otherwise(host: AgentHost) -> None:
    cold(host)
    assert host.run("override", "site", "fallback").startswith("override of site is fallback now")
    host.awaits(lambda: host.in_use() == "lyon" and host.up() == ["lyon"])
    host.kill()
    host.start()
    host.awaits(lambda: host.status()["fallbacks"][0]["check"] == "answered")
    # Nothing to await: well checked and good enough to return for seconds, it does not.
    time.sleep(2.5)
    assert (host.in_use(), host.status()["fallbacks"][0]["override"]) == ("lyon", "fallback")
    host.run("override", "paris", "auto")
    host.awaits(lambda: host.in_use() == "paris")


def test_a_name_that_is_not_there_is_told_with_those_that_are(host: AgentHost) -> None:
    host.apply(gateway(UNCHECKED))
    assert "its fallbacks are site (paris, lyon)" in host.run("override", "sit", "auto", status=1)
    assert "did you mean paris?" in host.run("explain", "pari", status=1)
    assert "nothing was decided about paris yet" in host.run("explain", "paris")
    assert "invalid choice: 'on' (choose from" in host.run("override", "site", "on", status=2)


def test_a_switch_waits_for_a_run_and_is_made_when_that_has_ended(host: AgentHost) -> None:
    hot(host)
    with host.locked():
        host.cut("paris")
        host.awaits(lambda: "switch to lyon" in host.said())
        assert host.way() == "xparis"
    host.awaits(lambda: host.way() == "xlyon")


def test_routes_move_while_charon_hangs(host: AgentHost) -> None:
    hot(host)
    host.here.freeze()
    try:
        host.cut("paris")
        host.awaits(lambda: host.way() == "xlyon", timeout=40)
    finally:
        host.here.thaw()


def test_a_new_generation_is_taken_up_at_once(host: AgentHost) -> None:
    cold(host)
    host.apply(gateway({**CHECKED, "primary": "lyon", "fallbacks": ["paris"], "ping_address": [f"{LINES['lyon']}.2"]}))
    host.awaits(lambda: host.in_use() == "lyon" or host.up() == ["lyon"])
    host.apply(gateway(None))
    host.awaits(lambda: host.in_use() == "")


@each_release.EACH
@pytest.mark.proves("S37", option="phase1.restart_on_gateway_change")
def test_a_tunnel_follows_the_way_to_its_peer_and_a_refresh_restarts_nothing(host: AgentHost) -> None:
    lone = {**gateway(None), "phase1": [], "phase2": []}
    paris = gateway(None)["phase1"][0]
    far = {**paris, "interfaces": ["any"], "remote_endpoints": ["203.0.113.9"], "restart_on_gateway_change": True}
    host.there.inside("ip", "address", "add", "203.0.113.9/32", "dev", "lo")
    answer(host.there, local="203.0.113.9")
    host.here.inside("ip", "route", "add", "default", "via", f"{LINES['paris']}.2")
    host.apply({**lone, "phase1": [far], "phase2": gateway(None)["phase2"][:1]})
    host.start()
    host.awaits(lambda: host.source("paris") == f"{LINES['paris']}.1")
    before = host.ike_sas()
    for _refresh in range(100):
        host.here.inside("ip", "route", "replace", "default", "via", f"{LINES['paris']}.2")
    host.here.inside("ip", "route", "delete", "default")
    host.here.inside("ip", "route", "add", "default", "via", f"{LINES['paris']}.2")
    # Nothing to await: no restart, for longer than a way must last for one.
    time.sleep(3)
    assert (host.ike_sas(), host.explained("paris")) == (before, [])
    began = time.monotonic()
    host.here.inside("ip", "route", "replace", "default", "via", f"{LINES['lyon']}.2")
    host.awaits(lambda: host.source("paris") == f"{LINES['lyon']}.1")
    assert time.monotonic() - began < 5


@each_release.EACH
@pytest.mark.proves("S36", option="fallback.ping_schedule")
def test_a_calendar_has_the_primary_checked(host: AgentHost) -> None:
    by_calendar = {**CHECKED, "ping_interval": None, "ping_schedule": "*:*:*", "ping_retries": 2}
    cold(host, {name: value for name, value in by_calendar.items() if value is not None})
    host.awaits(lambda: host.status()["fallbacks"][0]["check"] in ("answered", "unknown"))
    host.cut("paris")
    host.awaits(lambda: host.in_use() == "lyon")


@each_release.EACH
@pytest.mark.proves("S02", option="phase1.interfaces")
def test_an_address_that_comes_begins_a_tunnel_and_one_that_goes_ends_it(host: AgentHost) -> None:
    shared = "192.0.2.77"
    lone = gateway(None)
    answer(host.there, ["paris"], local=f"{LINES['paris']}.2")
    host.apply({**lone, "phase1": [{**lone["phase1"][0], "interfaces": [shared]}], "phase2": lone["phase2"][:1]})
    host.start()
    assert (host.up(), host.status()["tunnels"][0]["state"]) == ([], "standby")
    host.here.inside("ip", "address", "add", f"{shared}/32", "dev", "paris")
    host.awaits(lambda: host.source("paris") == shared)
    began = time.monotonic()
    host.here.inside("ip", "address", "delete", f"{shared}/32", "dev", "paris")
    host.awaits(lambda: host.ike_sas() == [])
    assert time.monotonic() - began < 2
    assert host.status()["tunnels"][0]["state"] == "standby"


@each_release.EACH
@pytest.mark.proves("S01", option="phase1.interfaces")
def test_an_interface_that_gets_another_address_takes_its_tunnel_along(host: AgentHost) -> None:
    lone = gateway(None)
    answer(host.there, ["paris"], local=f"{LINES['paris']}.2")
    wanted = {**lone["phase1"][0], "interfaces": ["paris"], "mobike": False}
    host.apply({**lone, "phase1": [wanted], "phase2": lone["phase2"][:1]})
    host.start()
    host.awaits(lambda: host.source("paris") == "192.0.2.1")
    # As DHCP does it: in the other order the kernel would take the new one away with the old one.
    host.here.inside("ip", "address", "delete", "192.0.2.1/24", "dev", "paris")
    host.here.inside("ip", "address", "add", "192.0.2.50/24", "dev", "paris")
    host.awaits(lambda: host.source("paris") == "192.0.2.50", timeout=30)
