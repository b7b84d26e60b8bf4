# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's loop in simulated time: peers and their names, which nobody waits for."""

from __future__ import annotations

import json

import pytest
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, ROME_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife

NAME = "rome.example.net"


@pytest.fixture
def named() -> FakeLife:
    """Return a gateway with one tunnel, to a peer with a name that the firewall lets in."""
    host = with_program(wan_host())
    host.names.known = {NAME: ("198.51.100.3",)}
    rome = {**ROME, "remote_endpoints": [NAME], "init_type": "start", "firewall_rule": True}
    apply(host, config([rome], [ROME_LAN]))
    host.names.known = {}
    return FakeLife(host, until=400.0)


def explained(host: FakeHost) -> list[str]:
    found = host.files.read(host.paths.decisions)
    return [] if found is None else [json.loads(line)["kind"] for line in found.content.splitlines()]


def test_a_name_that_gets_an_address_has_its_tunnel_initiated_at_once(named: FakeLife) -> None:
    asked: list[int] = []
    named.at(20.0, lambda: asked.append(len(named.lookups.asked)))
    named.at(20.0, lambda: named.lookups.known.update({NAME: ("198.51.100.9",)}))
    for sa in list(named.host.charon.sas()):
        named.host.charon.terminate(ike=sa[0], timeout_ms=0)
    named.at(26.0, lambda: setattr(named, "until", 26.0))
    named.run()
    assert 3 <= asked[0] <= 6
    assert explained(named.host) == ["note", "initiate"]
    assert "198.51.100.9" in repr(named.host.firewall.ruleset())


def test_a_guard_leaves_alone_what_a_name_has_moved_to() -> None:
    host = with_program(wan_host())
    host.names.known = {NAME: ("10.3.0.0",)}
    rome = {**ROME, "remote_endpoints": [NAME]}
    apply(host, config([rome], [{**ROME_LAN, "plaintext_guard": True}]))
    life = FakeLife(host, until=400.0)
    life.lookups.known[NAME] = ("10.3.0.255",)
    life.run()
    blocked = sorted(network for _source, network, _priority in host.kernel.blocks)
    assert (blocked[0], blocked[-1]) == ("10.3.0.0/25", "10.3.0.254/32")


def test_a_silent_name_server_holds_nothing_up(named: FakeLife) -> None:
    named.lookups.silent.add(NAME)
    named.run()
    assert named.lookups.asked == [NAME]
    assert named.said == []
    assert named.waits < 400 * 7
