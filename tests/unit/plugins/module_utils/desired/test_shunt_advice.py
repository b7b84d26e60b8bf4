# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts that do what is hardly meant are told of, and one that would cut the session of a run is refused."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.advice import advice
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.management import Session
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import apply, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.units import STOPPED, FakeUnits

Made = dict[str, Any]


def shunt(kind: str, local: str, remote: str, **more: Any) -> Made:
    name = f"{'out' if kind == 'drop' else 'in'}"
    return {"name": name, "type": kind, "local_networks": [local], "remote_networks": [remote], **more}


def told(*shunts: Made, child: Made | None = None, **phase1: Any) -> list[str]:
    config: Made = {
        "phase1": [{"name": "big", "remote_endpoints": ["198.51.100.2"], "psk": "long enough a key", **phase1}],
        "phase2": [] if child is None else [{"name": "lan", "phase1": "big", **child}],
        "xfrm_interfaces": [{"name": "ipsec0"}],
        "shunts": [{**each, "name": f"{each['name']}{number}"} for number, each in enumerate(shunts)],
    }
    return advice(parse_gateway(config))


ALL, ALL6 = "0.0.0.0/0", "::/0"
SSH = shunt("pass", "dynamic[tcp/22]", "192.0.2.0/24")
LOCKED = (
    "it drops what anybody sends to ssh of {}, and no shunt of type pass lets it through: whoever administers this host"
)
NEIGHBOURS = "it drops the neighbour discovery of IPv6 as well, without which nobody on the same link is found"


@pytest.mark.parametrize(
    ("shunts", "words"),
    [
        ([shunt("drop", ALL, ALL)], [LOCKED.format(ALL)]),
        ([shunt("drop", "192.0.2.1/32", "dynamic")], [LOCKED.format("192.0.2.1/32")]),
        ([shunt("drop", "dynamic[tcp/1-1024]", ALL)], [LOCKED.format("dynamic[6/1-1024]")]),
        ([shunt("drop", ALL, ALL, interface="lo")], [LOCKED.format(ALL)]),
        ([shunt("drop", ALL6, ALL6)], [LOCKED.format(ALL6), NEIGHBOURS]),
        ([shunt("drop", ALL6, ALL6), SSH, shunt("pass", "dynamic[ipv6-icmp]", "dynamic")], [LOCKED.format(ALL6)]),
        ([shunt("drop", ALL6, ALL6), shunt("pass", "dynamic[tcp/22]", "2001:db8::/32")], [NEIGHBOURS]),
        ([shunt("drop", ALL, ALL), SSH], []),
        ([shunt("drop", ALL, ALL), shunt("pass", "10.0.0.0/8", "192.0.2.0/24")], []),
        ([shunt("drop", ALL, ALL), shunt("pass", "dynamic[tcp/443]", ALL)], [LOCKED.format(ALL)]),
        ([shunt("drop", ALL, ALL), {**SSH, "mark_in": 7}], [LOCKED.format(ALL)]),
        # Of these nobody knows here whom they lock out.
        ([shunt("drop", ALL, "10.0.0.0/8")], []),
        ([shunt("drop", "dynamic[udp]", ALL)], []),
        ([shunt("drop", "dynamic[tcp/23]", ALL)], []),
        ([shunt("drop", ALL, ALL, mark_in=7)], []),
        ([shunt("drop", ALL, ALL, interface="wan0")], []),
        ([shunt("pass", ALL, ALL)], []),
        ([shunt("drop", "2001:db8::/32", ALL6), shunt("pass", "dynamic[tcp/22]", ALL6)], [NEIGHBOURS]),
        ([shunt("drop", "2001:db8::/32[tcp]", ALL6), shunt("pass", "dynamic[tcp/22]", ALL6)], []),
    ],
)
def test_who_is_locked_out_is_told(shunts: list[Made], words: list[str]) -> None:
    found = told(*shunts)
    assert len(found) == len(words)
    assert all(map(operator.contains, found, words)), found
    assert all(each.startswith("shunt out0: ") for each in found)


LAN: Made = {"local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}
TURNED = "shunt out0, phase2 big/lan: it also drops what comes out of that tunnel and is forwarded"
ROUTED = "shunt out0, phase2 big/lan: a packet meets it before it is routed into ipsec0"
OPEN = "shunt in0, phase2 big/lan: all that the tunnel is for between 10.1.0.0/24 and 10.2.0.0/24 passes by it in the clear"


@pytest.mark.parametrize(
    ("shunts", "phase1", "words"),
    [
        ([shunt("drop", ALL, ALL), SSH], {}, [TURNED]),
        ([shunt("drop", "10.0.0.0/8", "10.0.0.0/8")], {}, [TURNED]),
        ([shunt("drop", "10.0.0.0/8[udp]", "10.0.0.0/8")], {}, [TURNED]),
        ([shunt("drop", ALL, ALL), SSH, shunt("pass", "10.2.0.0/24", "10.1.0.0/24")], {}, []),
        ([shunt("drop", "10.1.0.0/16", ALL), SSH], {}, []),
        ([shunt("drop", "10.1.0.0/16", ALL), SSH], {"xfrm_interface": "ipsec0"}, [ROUTED]),
        ([shunt("drop", "10.1.0.0/16", ALL), SSH, shunt("pass", "10.1.0.0/24", "10.2.0.0/24")],
         {"xfrm_interface": "ipsec0"}, []),
        ([shunt("drop", "10.1.0.0/16", "10.3.0.0/16")], {"xfrm_interface": "ipsec0"}, []),
        ([shunt("pass", "10.0.0.0/8", "10.2.0.0/16")], {}, [OPEN]),
        ([shunt("pass", "dynamic", "dynamic")], {}, [OPEN]),
        ([shunt("pass", "10.0.0.0/8[tcp]", "10.2.0.0/16")], {}, []),
        ([shunt("pass", "10.0.0.0/8", "10.2.0.0/25")], {}, []),
        ([shunt("pass", "10.0.0.0/8", "10.2.0.0/16", mark_in=7)], {}, []),
        ([shunt("pass", "10.0.0.0/8", "10.2.0.0/16")], {"xfrm_interface": "ipsec0"}, []),
    ],
)  # fmt: skip
def test_what_tunnels_lose_is_told(shunts: list[Made], phase1: Made, words: list[str]) -> None:
    found = told(*shunts, child=LAN, **phase1)
    assert len(found) == len(words)
    assert all(map(operator.contains, found, words)), found


def test_of_many_some_are_told_and_the_rest_counted() -> None:
    found = told(*[shunt("drop", ALL, ALL) for _number in range(8)])
    assert (len(found), found[-1]) == (6, "and 3 more shunts with such effects")


# Who runs Ansible here, and where the host is.
ADMIN = Session("203.0.113.9", 51234, "192.0.2.1", 22)
CUT = (
    r"shunt out: remote_networks is \['0.0.0.0/0'\]: it would drop the packets of the very session that this run comes by, from "
    r"203.0.113.9 to port 22 of 192.0.2.1, and nobody would hear how it ended. Leave that out, or let it through by a shunt of "
    r"type pass, such as one with local_networks \['192.0.2.1/32\[tcp/22\]'\] and remote_networks \['203.0.113.9/32'\]"
)


def wanted(*shunts: Made, **more: Any) -> Made:
    return {"shunts": list(shunts), **more}


@pytest.fixture
def host() -> FakeHost:
    made = wan_host()
    made.managers = (ADMIN,)
    return made


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    "shunts",
    [
        [shunt("drop", ALL, ALL)],
        [shunt("drop", "192.0.2.1/32[tcp/22]", ALL)],
        [shunt("drop", ALL, ALL, interface="wan0")],
        [shunt("drop", ALL, ALL), shunt("pass", "dynamic[tcp/22]", "203.0.113.0/29")],
        [shunt("drop", ALL, ALL), shunt("pass", "dynamic[tcp/22]", ALL, mark_in=7)],
        [shunt("drop", ALL, ALL), shunt("pass", "dynamic[tcp/22]", ALL, interface="wan0")],
    ],
)
def test_a_run_that_would_cut_its_own_session_is_refused(host: FakeHost, shunts: list[Made], *, check: bool) -> None:
    before = host.state()
    with pytest.raises(ValidationError, match=CUT):
        apply(host, wanted(*shunts), check=check)
    assert host.state() == before


@pytest.mark.parametrize(
    "shunts",
    [
        [shunt("drop", ALL, ALL), shunt("pass", "192.0.2.1/32[tcp/22]", "203.0.113.9/32")],
        [shunt("drop", ALL, "10.0.0.0/8")],
        [shunt("drop", "dynamic[udp]", ALL)],
        [shunt("drop", ALL6, ALL6)],
        [shunt("drop", ALL, ALL, mark_in=7)],
    ],
)
def test_a_run_that_cuts_others_goes_on(host: FakeHost, shunts: list[Made]) -> None:
    apply(host, wanted(*shunts))
    assert len(host.charon.held_shunts()) == len(shunts)


def test_a_session_through_a_tunnel_is_what_the_tunnel_is_for(host: FakeHost) -> None:
    tunnel = {
        "phase1": [{"name": "big", "remote_endpoints": ["198.51.100.2"], "psk": "x"}],
        "phase2": [{"name": "lan", "phase1": "big", "local_networks": ["192.0.2.1"], "remote_networks": ["203.0.113.0/24"]}],
    }  # fmt: skip
    apply(host, wanted(shunt("drop", "192.0.2.1/32", "203.0.113.0/24"), **tunnel))
    assert len(host.charon.held_shunts()) == 1


def test_one_that_is_in_force_already_cuts_nobody(host: FakeHost) -> None:
    host.managers = ()
    apply(host, wanted(shunt("drop", ALL, ALL)))
    host.managers = (ADMIN,)
    tunnel = [{"name": "big", "remote_endpoints": ["198.51.100.2"], "psk": "x"}]
    assert "load connection big" in steps(apply(host, wanted(shunt("drop", ALL, ALL), phase1=tunnel)))


def test_one_that_charon_loads_when_it_starts_is_refused_as_well(host: FakeHost) -> None:
    host.charon.unavailable, host.units = DaemonAbsent("nobody listens"), FakeUnits({"strongswan.service": STOPPED})
    change = to(wanted(shunt("drop", ALL, ALL)))
    with pytest.raises(ValidationError, match=CUT):
        run_transaction(host.host, change, check=False, demands=RunOptions(daemon="optional"))


def test_a_tunnel_without_its_phase_1_is_no_matter_of_shunts() -> None:
    lost = {"phase1": "gone", "local_networks": ["10.1.0.0/16"], "remote_networks": ["10.2.0.0/16"]}
    assert told(shunt("pass", "10.0.0.0/8", "10.2.0.0/16"), child={**lost, "phase1": "big"}) != []
    assert told(shunt("pass", "10.0.0.0/8", "10.2.0.0/16"), child=lost) == []
