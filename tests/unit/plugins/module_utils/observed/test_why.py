# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is seen and heard to the reason why a tunnel is not up."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import LiveChild, LiveSa
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.why import Heard, Sight, why_down
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, config

NOON = 1_700_000_000.0
LOADED = {"paris": frozenset({"lan", "dmz"})}
UP = LiveSa(1, established=True, busy=False)
CALLING = LiveSa(1, established=False, busy=True, answered=False)
Told = list[tuple[Any, str]]


def gateway(*, joined: bool = False, **change: Any) -> Gateway:
    """Return a gateway of a tunnel with two phase 2s; `joined` lets them share a CHILD_SA."""
    phase1 = {key: value for key, value in {**PARIS, **change}.items() if key != "xfrm_interface"}
    return parse_gateway(
        config(
            [phase1],
            [
                PARIS_LAN,
                {
                    **PARIS_LAN,
                    "name": "dmz",
                    "local_networks": ["10.8.0.0/24"] if not joined else PARIS_LAN["local_networks"],
                    "remote_networks": ["10.9.0.0/24"],
                },
            ],
        )
    )


def heard(reason: str, *, at: float = 0.0, child: str = "", connection: str = "paris", address: str = "") -> Heard:
    return Heard(NOON + at, reason, "error-notify", connection, address, child, "charon's words")


def told(sight: Sight, **change: Any) -> Told:
    return [(each.phase2, each.reason) for each in why_down(gateway(**change), sight)]


def all_of(reason: str) -> Told:
    return [(None, reason), ("dmz", reason), ("lan", reason)]


def joined(*remote: str) -> Sight:
    """Return a sight of the CHILD_SA that both phase 2s make when they share their local networks."""
    child = LiveChild("dmz", 1, True, ("10.1.0.0/16",), remote)
    return Sight(LOADED, {"paris": (LiveSa(1, True, False, (child,)),)})


TRAPS = frozenset({("paris", "lan"), ("paris", "dmz")})
RESTING: dict[str, tuple[dict[str, Any], Sight, Told]] = {
    "charon-is-down": ({}, Sight(trouble="stopped", down=True), all_of("daemon_down")),
    "charon-hangs": ({}, Sight(trouble="no answer"), all_of("daemon_silent")),
    "nothing-is-loaded": ({}, Sight(), all_of("not_loaded")),
    "a-trap-waits": ({}, Sight(LOADED, traps=TRAPS), all_of("waiting_for_traffic")),
    "a-trap-is-missing": ({}, Sight(LOADED), all_of("trap_missing")),
    "one-trap-is-missing": (
        {}, Sight(LOADED, traps={("paris", "dmz")}),
        [(None, "waiting_for_traffic"), ("dmz", "waiting_for_traffic"), ("lan", "trap_missing")],
    ),
    "started-once": ({"init_type": "start"}, Sight(LOADED), all_of("not_tried")),
    "nothing-starts-it": ({"init_type": "none"}, Sight(LOADED), all_of("waiting_for_peer")),
    "a-child-is-not-loaded": (
        {}, Sight({"paris": {"lan"}}, traps=TRAPS),
        [(None, "waiting_for_traffic"), ("dmz", "not_loaded"), ("lan", "waiting_for_traffic")],
    ),
    "no-address-of-its-own": ({}, Sight(LOADED, traps=TRAPS, standby={"paris"}), all_of("standby")),
    "it-waits-for-an-address-and-is-not-loaded": ({}, Sight(standby={"paris"}), all_of("standby")),
    "the-address-is-elsewhere-and-it-is-not-loaded": (
        {"interfaces": ["192.0.2.200"]}, Sight(standby={"paris"}), all_of("not_loaded")
    ),
    "the-address-is-elsewhere": ({"interfaces": ["192.0.2.200"]}, Sight(LOADED, standby={"paris"}), all_of("standby")),
    "its-fallback-uses-another": ({}, Sight(LOADED, unused={"paris": "fallback wan uses lte"}), all_of("standby")),
    "standby-outweighs-what-was-heard-before": (
        {}, Sight(LOADED, standby={"paris"}, heard=[heard("authentication_failed")]), all_of("standby")
    ),
    "a-name-without-address": (
        {"remote_endpoints": ["gw.example.com"]}, Sight(LOADED, traps=TRAPS, unresolved={"gw.example.com"}),
        all_of("name_unresolved"),
    ),
    "another-name-without-address": (
        {}, Sight(LOADED, traps=TRAPS, unresolved={"gw.example.com"}), all_of("waiting_for_traffic")
    ),
}  # fmt: skip
UNDERWAY: dict[str, tuple[dict[str, Any], Sight, Told]] = {
    "no-answer": ({}, Sight(LOADED, {"paris": (CALLING,)}), all_of("peer_silent")),
    "an-answer": ({}, Sight(LOADED, {"paris": (LiveSa(1, established=False, busy=True),)}), all_of("connecting")),
    "all-is-up": (
        {}, Sight(LOADED, {"paris": (LiveSa(1, True, False, (LiveChild("lan", 1, True), LiveChild("dmz", 2, True))),)}), []
    ),
    "one-child-is-up": (
        {}, Sight(LOADED, {"paris": (LiveSa(1, True, False, (LiveChild("lan", 1, True),)),)}, traps=TRAPS),
        [("dmz", "waiting_for_traffic")],
    ),
    "a-child-is-being-set-up": (
        {}, Sight(LOADED, {"paris": (LiveSa(1, True, True, (LiveChild("lan", 1, True), LiveChild("dmz", 2, False))),)}),
        [("dmz", "connecting")],
    ),
    "a-child-of-two-is-up-for-both": ({"joined": True}, joined("10.9.0.0/24", "10.2.0.0/24"), []),
    "a-child-of-two-was-narrowed-to-one": ({"joined": True}, joined("10.9.0.0/24[udp/4789]"), [("lan", "selectors")]),
    "a-child-of-two-was-narrowed-to-a-range": ({"joined": True}, joined("10.9.0.0..10.9.0.9"), [("lan", "selectors")]),
    "a-child-of-two-was-narrowed-to-a-port": (
        {"joined": True}, joined("10.2.0.0..10.2.0.9[tcp/https]", "10.9.0.7/32[6/443]"), []
    ),
    "the-phase-1-alone-is-up": (
        {"init_type": "none"}, Sight(LOADED, {"paris": (UP,)}), [("dmz", "waiting_for_peer"), ("lan", "waiting_for_peer")]
    ),
}  # fmt: skip
TOLD: dict[str, tuple[dict[str, Any], Sight, Told]] = {
    "what-was-heard-outweighs-a-trap": (
        {}, Sight(LOADED, traps=TRAPS, heard=[heard("authentication_refused")]), all_of("authentication_refused")
    ),
    "the-last-attempt-counts": (
        {}, Sight(LOADED, heard=[heard("authentication_failed"), heard("peer_silent", at=60)]), all_of("peer_silent")
    ),
    "the-cause-stands-before-what-follows": (
        {}, Sight(LOADED, heard=[heard("certificate_expired"), heard("authentication_failed", at=0.1)]),
        all_of("certificate_expired"),
    ),
    "a-child-has-its-own": (
        {}, Sight(LOADED, {"paris": (UP,)}, heard=[heard("no_proposal", child="lan"), heard("selectors", child="dmz")]),
        [("dmz", "selectors"), ("lan", "no_proposal")],
    ),
    "a-refusal-without-a-child-is-told-of-all": (
        {}, Sight(LOADED, {"paris": (UP,)}, heard=[heard("refused")]), [("dmz", "refused"), ("lan", "refused")]
    ),
    "with-the-phase-1-up-no-authentication-has-failed": (
        {}, Sight(LOADED, {"paris": (UP,)}, traps=TRAPS, heard=[heard("authentication_failed")]),
        [("dmz", "waiting_for_traffic"), ("lan", "waiting_for_traffic")],
    ),
    "of-another-connection": (
        {}, Sight(LOADED, traps=TRAPS, heard=[heard("peer_silent", connection="rome")]), all_of("waiting_for_traffic")
    ),
    "by-the-address-of-one": (
        {}, Sight(LOADED, traps=TRAPS, heard=[heard("authentication_failed", connection="", address="198.51.100.2")]),
        all_of("authentication_failed"),
    ),
    "by-the-address-of-nobody": (
        {}, Sight(LOADED, traps=TRAPS, heard=[heard("authentication_failed", connection="", address="198.51.100.9")]),
        all_of("waiting_for_traffic"),
    ),
    "that-nobody-could-be-asked-about-a-certificate-is-no-reason": (
        {}, Sight(LOADED, traps=TRAPS, heard=[heard("certificate_status_unknown")]), all_of("waiting_for_traffic")
    ),
    "ikev1-cannot-read-with-another-key": (
        {"ike_version": 1}, Sight(LOADED, heard=[heard("unreadable")]), all_of("authentication_failed")
    ),
    "ikev2-cannot-read": ({}, Sight(LOADED, heard=[heard("unreadable")]), all_of("unreadable")),
}  # fmt: skip


@pytest.mark.parametrize(("change", "sight", "wanted"), RESTING.values(), ids=RESTING)
def test_where_nothing_goes_on_the_reason_is_what_keeps_it(change: dict[str, Any], sight: Sight, wanted: Told) -> None:
    assert told(sight, **change) == wanted


@pytest.mark.parametrize(("change", "sight", "wanted"), UNDERWAY.values(), ids=UNDERWAY)
def test_the_sas_tell_what_goes_on(change: dict[str, Any], sight: Sight, wanted: Told) -> None:
    assert told(sight, **change) == wanted


@pytest.mark.parametrize(("change", "sight", "wanted"), TOLD.values(), ids=TOLD)
def test_what_was_heard_tells_the_reason(change: dict[str, Any], sight: Sight, wanted: Told) -> None:
    assert told(sight, **change) == wanted


def test_a_reason_is_told_to_people_and_to_programs() -> None:
    first = why_down(gateway(), Sight(LOADED, heard=[heard("peer_silent")]))[0].as_data()
    message = first.pop("message")
    assert first == {
        "phase1": "paris", "phase2": None, "state": "down", "reason": "peer_silent", "source": "error-notify",
        "since": "2023-11-14T22:13:20Z",
    }  # fmt: skip
    assert message.endswith("(charon's words)")


def test_an_address_of_two_connections_tells_of_neither() -> None:
    both = parse_gateway(
        config([{**PARIS, "xfrm_interface": None}, {**PARIS, "name": "oslo", "xfrm_interface": None}], [])
    )
    sight = Sight(
        {"paris": frozenset(), "oslo": frozenset()},
        heard=[heard("authentication_failed", connection="", address="198.51.100.2")],
    )
    assert {each.reason for each in why_down(both, sight)} == {"trap_missing"}


def test_a_name_that_charon_has_cut_is_found_where_it_is_the_only_one() -> None:
    long = "p" * 70
    cut = heard("peer_silent", connection="p" * 63)
    one = [{**PARIS, "name": long, "xfrm_interface": None}]
    two = [*one, {**PARIS, "name": long + "x", "xfrm_interface": None}]
    for phase1, reason in ((one, "peer_silent"), (two, "trap_missing")):
        sight = Sight({each["name"]: frozenset() for each in phase1}, heard=[cut])
        assert {each.reason for each in why_down(parse_gateway(config(phase1, [])), sight)} == {reason}


def test_phase_2s_that_share_a_child_sa_are_told_each_by_its_own_name() -> None:
    shared = {**PARIS_LAN, "name": "far", "remote_networks": ["10.9.0.0/24"]}
    phase1 = {key: value for key, value in PARIS.items() if key != "xfrm_interface"}
    found = parse_gateway(config([phase1], [PARIS_LAN, shared]))
    sight = Sight({"paris": frozenset({"far"})}, traps=frozenset({("paris", "far")}))
    told_of = [(each.phase2, each.reason) for each in why_down(found, sight)]
    assert told_of == [(name, "waiting_for_traffic") for name in (None, "far", "lan")]
    up = LiveSa(1, True, False, (LiveChild("far", 1, True),))
    assert why_down(found, Sight({"paris": frozenset({"far"})}, {"paris": (up,)})) == []
