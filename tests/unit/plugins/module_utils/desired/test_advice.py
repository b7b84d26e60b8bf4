# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is possible and not wise is told once, and the page's good sets are not told of."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.advice import advice, restarting_twice
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.page_settings import (
    CLOSE_ACTIONS,
    DPD_ACTIONS,
    INIT_TYPES,
    Dpd,
    PageSettings,
)

P1 = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "Ohyae6Sooth2aeGhieL0oong"}
P2 = {"name": "lan", "phase1": "paris", "remote_networks": ["10.2.0.0/24"]}


def told(*phase1: dict[str, Any], **phase2: Any) -> list[str]:
    connections = [{**P1, **each} for each in phase1 or ({},)]
    return advice(parse_gateway({"phase1": connections, "phase2": [{**P2, **phase2}]}))


def test_defaults_are_wise() -> None:
    assert told() == []


WEAK = "is weak, and whoever is on the way may make both ends choose it; aes256, sha256 and modp4096 are recommended at least"


@pytest.mark.parametrize(
    ("phase1", "phase2", "sentences"),
    [
        pytest.param(["aes256-sha256-modp4096", "3des-md5-modp1024"], None, [
            f"phase1 paris: proposals: {each} {WEAK}" for each in ("3des", "md5", "modp1024")], id="weak, once each"),
        pytest.param(["aes256gcm16-prfsha256-modp4096", "aes256gcm16-prfsha384-modp4096"], None, [
            "phase1 paris: proposals: aes256gcm16 is not recommended for a phase 1; take aes256 with sha256 or better"],
            id="GCM in phase 1, once"),
        pytest.param(["aes128-sha384-ecp384", "aes256ccm16-prfsha256-x25519"], None, [], id="less than recommended is not weak"),
        pytest.param(None, ["aes256-sha1"], [f"phase2 paris/lan: proposals: sha1 {WEAK}"], id="weak in phase 2"),
        pytest.param(None, ["null-sha256"], [
            "phase2 paris/lan: proposals: null does not encrypt: anybody on the way can read the traffic"], id="open"),
        pytest.param(None, ["aes256gmac"], [
            "phase2 paris/lan: proposals: aes256gmac does not encrypt: anybody on the way can read the traffic"], id="open too"),
        pytest.param(None, ["aes128gcm16"], [], id="GCM in phase 2"),
    ],
)  # fmt: skip
def test_algorithms(phase1: list[str] | None, phase2: list[str] | None, sentences: list[str]) -> None:
    assert told({"proposals": phase1}, proposals=phase2) == sentences


def test_aggressive_mode_is_told() -> None:
    assert told({"ike_version": 1, "aggressive": True, "local_id": "fqdn:gw.example.org"}) == [
        (
            "phase1 paris: aggressive mode shows the identities, and to whoever asks a value by which pre-shared keys can be tried "
            "at home; use IKEv2, or main mode"
        )
    ]


def test_an_ike_sa_without_an_end_is_told() -> None:
    assert told({"rekey": False, "lifetime": "4h"}) == [
        (
            "phase1 paris: rekey is false, so charon sets the IKE SA no end: after lifetime (14400 s) the agent of the role "
            "swanfleet.ipsec.gateway ends it, unless the peer has renewed it; a host without the agent never does"
        )
    ]


@pytest.mark.proves("S38", option="phase1.init_type")
def test_what_makes_two_tunnels_of_one_is_told_with_the_good_sets() -> None:
    assert told({"init_type": "start_on_demand", "dpd": {"action": "restart"}, "close_action": "connect"}) == [
        (
            "phase1 paris: init_type start_on_demand and dpd.action restart and close_action connect can each set the tunnel up "
            "again, and then there are two for one; two sets of options do not: init_type: start with dpd.action: restart and "
            "close_action: none (connect where dpd is not enabled), or init_type: on_demand with dpd.action: none and "
            "close_action: none"
        )
    ]


def settings(init_type: str, dpd_action: str | None, close_action: str, *, enabled: bool = True) -> PageSettings:
    return PageSettings(init_type=init_type, dpd=Dpd(enabled=enabled, action=dpd_action), close_action=close_action)


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(settings("start", "restart", "none"), id="the page's first set"),
        pytest.param(settings("start", "none", "connect", enabled=False), id="the same without DPD"),
        pytest.param(settings("on_demand", "none", "none"), id="the page's second set"),
        *(pytest.param(settings(each, None, "none"), id=f"{each} with our defaults") for each in INIT_TYPES),
    ],
)
def test_a_good_set(good: PageSettings) -> None:
    assert restarting_twice(good) == ()


def test_two_that_set_up_again_are_one_too_many() -> None:
    """Go through all combinations: a trap, a restart and a connection at closing, of which one may be there."""
    for init_type, dpd_action, close_action in itertools.product(INIT_TYPES, DPD_ACTIONS, CLOSE_ACTIONS):
        at_once = ("restart" in dpd_action) + ("connect" in close_action)
        others = init_type != "start"
        found = restarting_twice(settings(init_type, dpd_action, close_action))
        assert bool(found) == (at_once > 0 and at_once + others > 1), (init_type, dpd_action, close_action)


def test_many_of_a_sort_are_counted() -> None:
    many = [
        {"name": f"n{number}", "rekey": False, "remote_endpoints": [f"198.51.100.{number}"]} for number in range(1, 9)
    ]
    found = told({}, *many)
    assert len(found) == 6
    assert found[-1] == "and 3 more phase 1s without an end"


@pytest.mark.parametrize(
    ("remote", "found"),
    [
        ({"ca_id": "dn:CN=CA"}, 0),
        ({"ca_certificates": ["/etc/ca.pem"]}, 0),
        ({"ca_id": "dn:CN=CA", "ca_certificates": ["/etc/ca.pem"]}, 1),
        ({"ca_id": "dn:CN=CA", "token_ca_certificates": [{"handle": "0a"}]}, 1),
    ],
)
def test_the_name_of_an_authority_beside_certificates_demands_nothing(remote: dict[str, Any], found: int) -> None:
    rounds = {"local_auth": [{"id": "gw.example.org"}], "remote_auth": [remote]}
    item = {"name": "t", "remote_endpoints": ["198.51.100.2"], "remote_id": "any", **rounds}
    said = advice(parse_gateway({"phase1": [item]}))
    assert (
        len([each for each in said if each.startswith("phase1 t: remote_auth[0].ca_id: it demands nothing")]) == found
    )
