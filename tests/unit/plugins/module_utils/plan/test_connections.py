# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon is told beside connections that have changed: secrets that were taken over, authorities, lost addresses."""

from __future__ import annotations

import dataclasses

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Artifacts, Rest, TakenOver
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.roles import Resting
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import (
    LiveChild,
    LiveSa,
    LiveSas,
    Observed,
    ObservedDaemon,
    Stored,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.connections import plan_daemon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Plan, Settlement
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, ROME_LAN, config
from ansible_collections.swanfleet.ipsec.tests.generators import material

SITUATION = Situation(b"k" * 32, {"wan0": ("192.0.2.1",)}, {4: "wan0"})
FLEET = {"name": "fleet", "ca_certificate": material.AUTHORITY, "crl_uris": ["http://example.org/fleet.crl"]}
NAMES = tuple(f"rome{number}" for number in range(9))
MANY = config([{**ROME, "name": name, "remote_id": f"fqdn:{name}"} for name in NAMES], [
    {**ROME_LAN, "phase1": name} for name in NAMES
])  # fmt: skip


def planned(wanted: Artifacts, daemon: ObservedDaemon, live: LiveSas | None) -> Plan:
    observed = Observed(stored=Stored(), situation=SITUATION, files={}, links={}, daemon=daemon)
    return plan_daemon(wanted, observed, daemon, live)


def holding(wanted: Artifacts) -> ObservedDaemon:
    state = DaemonState("charon-systemd", "5.9.8", (), "", 0)
    return ObservedDaemon(state, frozenset(wanted.connections), wanted.parts, frozenset(wanted.shared))


def test_of_secrets_that_were_taken_over_those_go_that_charon_has() -> None:
    taken = TakenOver(rest=Rest(secrets=("ike-old", "ike-gone")))
    wanted = dataclasses.replace(artifacts(parse_gateway({}), SITUATION), taken_over=taken)
    daemon = dataclasses.replace(holding(wanted), shared=frozenset({"ike-old", "ike-theirs"}))
    told = planned(wanted, daemon, {}).steps
    assert [(str(step), step.key) for step in told] == [("unload secret ike-old", "ike-old")]


def test_an_authority_is_loaded_before_connections_and_goes_after_them() -> None:
    few = config([ROME], [ROME_LAN])
    wanted = artifacts(parse_gateway({**few, "authorities": [FLEET]}), SITUATION)
    nothing = artifacts(parse_gateway({}), SITUATION)
    [section] = wanted.authorities
    told = [str(step) for step in planned(wanted, holding(nothing), {}).steps]
    assert told[-2:] == ["load authority fleet", "load connection rome"]
    held = dataclasses.replace(holding(wanted), authorities={section: {}})
    assert [str(step) for step in planned(nothing, held, {}).steps][-2:] == [
        "unload connection rome",
        "unload authority fleet",
    ]


def test_what_has_lost_its_address_ends_where_anything_of_it_is_up() -> None:
    made = artifacts(parse_gateway(MANY), SITUATION)
    wanted = dataclasses.replace(made, resting={name: Resting(standby=True, absent=("192.0.2.1",)) for name in NAMES})
    held = dataclasses.replace(holding(made), connections=frozenset(NAMES[:-1]))
    held = dataclasses.replace(held, unloaded=frozenset(NAMES[-1:]))
    assert planned(wanted, held, None).unsettled == NAMES[:-1]
    up = LiveSa(1, established=True, busy=False, children=(LiveChild("lan", 2, up=True),))
    told = planned(wanted, held, dict.fromkeys(NAMES[:-2], (up,)))
    assert [str(step) for step in told.steps] == [f"end sa {name}" for name in NAMES[:-2]]
    assert {step.settlement for step in told.steps} == {Settlement(whole=True, at_once=True)}
    assert (told.disruption, told.unsettled) == (dict.fromkeys(NAMES[:-2], "end"), ())
