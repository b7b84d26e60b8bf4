# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe tries what may be tried, within its time, and ends what it began."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.probe import Probed, probe
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.error_notify import Alert
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import read_stored
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.roles import encode_roles
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.tunnels import look
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.why import why_down
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, ROME_LAN, Config, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program

DMZ: Config = {**ROME_LAN, "name": "dmz", "local_networks": ["10.8.0.0/24"], "remote_networks": ["10.4.0.0/24"]}


@pytest.fixture
def host() -> FakeHost:
    made = with_program(wan_host())
    made.charon.reachable = False
    return made


def probed(host: FakeHost, *, seconds: float = 5.0, initiate: bool = True) -> tuple[Probed, list[tuple[Any, str]]]:
    gateway = read_stored(host.host).gateway
    host.charon.commands.clear()
    began = host.clock.elapsed()
    found = probe(host.host, gateway, look(host.host, gateway), seconds=seconds, initiate=initiate)
    assert host.clock.elapsed() - began <= seconds + 0.2
    assert not host.alerts.listening
    return found, [(each.phase2, each.reason) for each in why_down(gateway, found.sight)]


def test_what_is_up_is_not_tried(host: FakeHost) -> None:
    host.charon.reachable = True
    apply(host, config([{**ROME, "init_type": "start"}], [ROME_LAN]))
    assert probed(host)[1] == []
    assert host.charon.commands["initiate"] == 0


def test_what_comes_up_is_told_and_stays(host: FakeHost) -> None:
    apply(host, config([ROME], [ROME_LAN, DMZ]))
    host.charon.reachable = True
    found, told = probed(host)
    assert (found.came_up, told) == ((("rome", "dmz"), ("rome", "lan")), [])
    assert host.charon.commands["terminate"] == 0


def test_an_alert_is_told_of_the_child_that_was_being_tried(host: FakeHost) -> None:
    apply(host, config([ROME], [ROME_LAN, DMZ]))
    host.charon.reachable = True
    host.charon.declined = {("rome", "dmz")}
    host.alerts.coming = [Alert(9, "no proposal", "rome", "198.51.100.3", "198.51.100.3")]
    found, told = probed(host)
    assert (found.came_up, told) == ((("rome", "lan"),), [("dmz", "no_proposal")])
    assert found.sight.heard[0].text == "no proposal, 198.51.100.3"


def test_what_is_told_while_attempts_are_begun_is_heard_however_long_that_takes(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(host, config([ROME], [ROME_LAN]))
    begin = host.charon.initiate

    def slowly(**attempt: Any) -> None:
        host.clock.pause(9)
        begin(**attempt)

    monkeypatch.setattr(host.charon, "initiate", slowly)
    host.alerts.coming = [Alert(9, "no proposal", "rome", "198.51.100.3", "198.51.100.3")]
    gateway = read_stored(host.host).gateway
    found = probe(host.host, gateway, look(host.host, gateway), seconds=5)
    assert [each.reason for each in why_down(gateway, found.sight)] == ["no_proposal", "no_proposal"]


def test_an_attempt_that_ends_without_a_word_ends_the_probe(host: FakeHost) -> None:
    apply(host, config([ROME], [ROME_LAN]))
    began = host.clock.elapsed()
    assert probed(host, seconds=60)[1] == [(None, "waiting_for_traffic"), ("lan", "waiting_for_traffic")]
    assert host.clock.elapsed() - began < 2


def test_what_waits_for_its_peer_is_listened_to_and_never_called(host: FakeHost) -> None:
    apply(host, config([{**ROME, "init_type": "none"}], [ROME_LAN]))
    host.alerts.coming = [Alert(3, "peer authentication failed", "", "stranger", "198.51.100.3")]
    began = host.clock.elapsed()
    assert probed(host, seconds=3)[1] == [(None, "authentication_failed"), ("lan", "authentication_failed")]
    assert host.clock.elapsed() - began >= 3
    assert host.charon.commands["initiate"] == 0


def test_a_check_initiates_nothing(host: FakeHost) -> None:
    apply(host, config([ROME], [ROME_LAN]))
    host.charon.says = [("rome", "received AUTHENTICATION_FAILED notify error")]
    probed(host, initiate=False)
    assert (host.charon.commands["initiate"], host.charon.commands["terminate"]) == (0, 0)


def test_a_connection_without_an_address_of_its_own_is_not_tried(host: FakeHost) -> None:
    apply(host, config([{**ROME, "interfaces": ["192.0.2.200"]}], [ROME_LAN]))
    assert probed(host, seconds=1)[1] == [(None, "standby"), ("lan", "standby")]
    assert host.charon.commands["initiate"] == 0


def test_what_a_fallback_does_not_use_is_not_tried_and_says_so(host: FakeHost) -> None:
    oslo = {**ROME, "name": "oslo", "remote_endpoints": ["198.51.100.4"]}
    wanted = config([ROME, oslo], [ROME_LAN, {**ROME_LAN, "phase1": "oslo"}])
    apply(host, {**wanted, "fallbacks": [{"name": "south", "primary": "rome", "fallbacks": ["oslo"]}]})
    gateway = read_stored(host.host).gateway
    told = {each.phase1: each for each in why_down(gateway, look(host.host, gateway)) if each.phase2 is None}
    oslo_told = told["oslo"]
    assert (oslo_told.reason, oslo_told.source, oslo_told.detail) == ("standby", "fallback", "fallback south uses rome")
    assert told["rome"].reason == "waiting_for_traffic"
    host.charon.reachable = True
    assert probed(host)[0].came_up == (("rome", "lan"),)
    host.files.replace(host.paths.roles, encode_roles({"south": "oslo"}), 0o644)
    assert look(host.host, gateway).unused == {}, "rome is up, whatever it should be"
    host.charon.terminate(ike="rome", timeout_ms=-1)
    assert look(host.host, gateway).unused == {"rome": "fallback south uses oslo"}


def test_a_vip_that_is_here_is_no_standby_though_it_is_for_no_other_use(host: FakeHost) -> None:
    """keepalived deprecates an IPv6 address of its own, so that nothing else is sent from it."""
    apply(host, config([{**ROME, "interfaces": ["192.0.2.200"]}], [ROME_LAN]))
    host.kernel.links["wan0"].addresses.append("192.0.2.200/32")
    shown = host.kernel.interfaces()
    for each in (address for link in shown for address in link["addr_info"]):
        each["deprecated"] = each["local"] == "192.0.2.200"
    host.kernel.interfaces = lambda: shown  # type: ignore[method-assign]
    assert ("lan", "standby") not in probed(host, seconds=1)[1]
    assert host.charon.commands["initiate"] == 1


def test_without_the_plugin_it_says_so_and_goes_on(host: FakeHost) -> None:
    apply(host, config([ROME], [ROME_LAN]))
    host.alerts.trouble = "nobody is there"
    found, _told = probed(host)
    assert found.trouble == "nobody is there"
    assert host.charon.commands["initiate"] == 1


def test_a_call_that_charon_refuses_at_once_is_over(host: FakeHost) -> None:
    apply(host, config([ROME], [ROME_LAN]))
    host.charon.refuse["initiate", "rome/lan"] = "establishing CHILD_SA 'lan' failed"
    host.alerts.coming = [Alert(23, "failed to resolve peer address", "rome")]
    assert probed(host)[1] == [(None, "name_unresolved"), ("lan", "name_unresolved")]
