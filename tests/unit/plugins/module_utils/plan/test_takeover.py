# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was set up by hand, as ours: its interfaces as the host has them, what charon has loaded, and what it must not have."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Artifacts, Rest, TakenOver
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import (
    Observed,
    ObservedDaemon,
    ObservedLink,
    Stored,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.takeover import (
    as_on_host,
    as_ours,
    refuse_others,
    without_abandoned,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import INTERFACE, PARIS, PARIS_LAN, ROME, ROME_LAN, config

SITUATION = Situation(b"k" * 32, {"wan0": ("192.0.2.1",)}, {4: "wan0"}, {"to-paris": 7, "to-rome": 8, "ipsec-paris": 7})
CHARON = ObservedDaemon(DaemonState("charon-systemd", "5.9.8", (), "", 0), frozenset(), {}, frozenset())
# As it is read from a file, where an interface has a number and no name.
BY_HAND = parse_gateway(
    {
        "phase1": [{**PARIS, "xfrm_interface": "xfrm-7"}, {**ROME, "xfrm_interface": "xfrm-8"}],
        "phase2": [PARIS_LAN, ROME_LAN],
        "xfrm_interfaces": [{"name": "xfrm-7", "if_id": 7}, {"name": "xfrm-8", "if_id": 8}],
    }
)
TO_PARIS = ObservedLink("to-paris", "xfrm", ours=False, if_id=7, mtu=1500, addresses=("10.255.0.1/30", "fe80::1/64"))
TO_ROME = ObservedLink("to-rome", "xfrm", ours=False, if_id=8, mtu=1400)


def host(*links: ObservedLink, ours: Gateway | None = None, **of_daemon: Any) -> Observed:
    return Observed(
        stored=Stored(gateway=ours or Gateway()),
        situation=SITUATION,
        files={},
        links={link.name: link for link in links},
        daemon=dataclasses.replace(CHARON, **of_daemon),
    )


def refusals(*links: ObservedLink, ours: Gateway | None = None) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        as_on_host(TakenOver(BY_HAND), host(*links, ours=ours))
    return str(refused.value).splitlines()


def made(gateway: Gateway, **rest: Any) -> Artifacts:
    return dataclasses.replace(artifacts(gateway, SITUATION), taken_over=TakenOver(gateway, Rest(**rest)))


def test_interfaces_are_those_of_the_host_with_these_numbers() -> None:
    found = as_on_host(TakenOver(BY_HAND), host(TO_PARIS, TO_ROME)).gateway
    assert [each.install_routes for each in found.phase2.values()] == [False, False]
    assert {name: each.xfrm_interface for name, each in found.phase1.items()} == {
        "paris": "to-paris",
        "rome": "to-rome",
    }
    links = {name: (each.if_id, each.addresses, each.mtu) for name, each in found.xfrm_interfaces.items()}
    assert links == {"to-paris": (7, ("10.255.0.1/30",), None), "to-rome": (8, (), 1400)}


def test_the_mtu_of_an_interface_that_has_a_parent_follows_from_that() -> None:
    found = as_on_host(TakenOver(BY_HAND), host(TO_PARIS, dataclasses.replace(TO_ROME, parent="wan0"))).gateway
    assert (found.xfrm_interfaces["to-rome"].parent, found.xfrm_interfaces["to-rome"].mtu) == ("wan0", None)


NO_LINK = (
    "phase1 {}: if_id_in is {}: this host has no XFRM interface with this number; make it first, as 'ip link add NAME type xfrm "
    "if_id {}' does, or leave this connection out"
)
TAKEN = "this collection manages a connection of this name already: take one of the two away, or give it another name"


def test_every_number_that_no_interface_has_is_told_of_the_connection_that_has_it() -> None:
    assert refusals() == [NO_LINK.format("paris", 7, 7), NO_LINK.format("rome", 8, 8)]
    assert refusals(TO_PARIS) == [NO_LINK.format("rome", 8, 8)]
    assert refusals(TO_PARIS, dataclasses.replace(TO_ROME, kind="vti")) == [NO_LINK.format("rome", 8, 8)]


def test_what_cannot_be_ours_is_told_by_its_name_on_the_host() -> None:
    [told] = refusals(TO_PARIS, dataclasses.replace(TO_ROME, name="to+rome"))
    assert told.startswith("xfrm_interface to+rome: name is 'to+rome': an interface name of letters, digits")
    [told] = refusals(TO_PARIS, TO_ROME, ours=parse_gateway({"phase1": [ROME]}))
    assert told == f"phase1 rome: name is 'rome': {TAKEN}"


def test_what_charon_has_loaded_is_known_and_nothing_else() -> None:
    gateway = as_on_host(TakenOver(BY_HAND), host(TO_PARIS, TO_ROME)).gateway
    wanted = artifacts(gateway, SITUATION)
    found = as_ours(host(TO_PARIS, TO_ROME, connections=frozenset({"paris", "other"})), TakenOver(gateway), wanted)
    assert found.daemon is not None
    assert found.daemon.loaded == {"paris": wanted.parts["paris"]}
    assert {name: link.ours for name, link in found.links.items()} == {"to-paris": True, "to-rome": True}
    down = dataclasses.replace(host(TO_PARIS, TO_ROME), daemon=None)
    assert as_ours(down, TakenOver(gateway), wanted).daemon is None


OTHERWISE = (
    "phase1 {}: {} is {!r}: charon has loaded another one than the files say, with {} {}: run 'swanctl --load-all' first, or make "
    "the file what charon has"
)


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        pytest.param({}, "", id="as it is"),
        pytest.param({"version": "IKEv1"}, OTHERWISE.format("rome", "version", "IKEv2", "version", "IKEv1"), id="version"),
        pytest.param({"local_addrs": ["192.0.2.1"]}, OTHERWISE.format(
            "rome", "local_addrs", ["%any"], "local_addrs", ["192.0.2.1"]), id="our address"),
        pytest.param({"remote_addrs": ["192.0.2.1"]}, OTHERWISE.format(
            "rome", "remote_addrs", ROME["remote_endpoints"], "remote_addrs", ["192.0.2.1"]), id="the peer's address"),
        pytest.param({"children": {"lan": {}}}, OTHERWISE.format("rome", "children", ["clear"], "children", ["lan"]),
                     id="children"),
    ],
)  # fmt: skip
def test_a_connection_that_charon_visibly_has_otherwise_is_refused(shown: dict[str, Any], message: str) -> None:
    wanted = made(parse_gateway({"phase1": [{**ROME, "interfaces": ["any"]}]}), shunts=(("rome", "clear"),))
    listed = {
        "version": "IKEv2",
        "local_addrs": ["%any"],
        "remote_addrs": ROME["remote_endpoints"],
        "children": {"clear": {}},
    }
    refused = ""
    try:
        refuse_others(wanted, {"rome": {**listed, **shown}})
    except ValidationError as error:
        refused = str(error)
    assert refused == message


def test_a_connection_that_charon_visibly_has_as_it_is_may_be_listed_in_any_order() -> None:
    shunts = tuple(("rome", name) for name in "badc")
    wanted = made(parse_gateway({"phase1": [{**ROME, "interfaces": ["192.0.2.1"]}]}), shunts=shunts)
    listed = {"version": "IKEv2", "local_addrs": ["192.0.2.1"], "remote_addrs": ROME["remote_endpoints"]}
    refuse_others(wanted, {"rome": {**listed, "children": {name: {} for name in "dcab"}}})


def test_a_shunt_that_charon_visibly_has_otherwise_is_refused() -> None:
    emptied = {"wall": {"children": {name: {"mode": "drop"} for name in "dbca"}}}
    wanted = made(Gateway(), emptied=emptied)
    refuse_others(wanted, {"wall": {"children": {name: {"mode": "DROP"} for name in "abcd"}}})
    with pytest.raises(ValidationError) as refused:
        refuse_others(
            wanted, {"wall": {"children": {**{name: {"mode": "DROP"} for name in "acd"}, "b": {"mode": "PASS"}}}}
        )
    says, holds = [f"{name} (drop)" for name in "abcd"], ["a (drop)", "b (pass)", "c (drop)", "d (drop)"]
    assert str(refused.value) == OTHERWISE.format("wall", "children", says, "children", holds)


def test_what_an_unfinished_takeover_was_about_is_not_known_to_the_next_run() -> None:
    parts = artifacts(parse_gateway(config([PARIS, ROME], [PARIS_LAN, ROME_LAN], [INTERFACE])), SITUATION).parts
    observed = host(loaded=parts)
    assert without_abandoned(observed) == observed
    left = without_abandoned(dataclasses.replace(observed, stored=Stored(abandoned=frozenset({"rome"}))))
    assert left.daemon is not None
    assert left.daemon.loaded == {"paris": parts["paris"]}
