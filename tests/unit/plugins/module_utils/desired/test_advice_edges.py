# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of advice: every weak algorithm, the order of what is told, and how many of a sort."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.advice import advice, restarting_twice
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.page_settings import Dpd, PageSettings

P1: dict[str, Any] = {"remote_endpoints": ["198.51.100.2"], "psk": "Ohyae6Sooth2aeGhieL0oong"}
WEAK_CIPHERS = "des 3des cast128 blowfish blowfish128 blowfish192 blowfish256".split()
WEAK_GROUPS = "modp768 modp1024 modp1536 modp1024s160 modp2048s224 modp2048s256 ecp192".split()


def told(phase1: list[dict[str, Any]], phase2: list[dict[str, Any]] | None = None) -> list[str]:
    return advice(parse_gateway({"phase1": phase1, "phase2": phase2 or []}))


def lan(parent: str, **options: Any) -> dict[str, Any]:
    return {"name": "lan", "phase1": parent, **options}


@pytest.mark.parametrize("cipher", WEAK_CIPHERS)
def test_a_weak_cipher_is_told(cipher: str) -> None:
    [sentence] = told([{"name": "a", **P1, "proposals": [f"{cipher}-sha256-modp4096"]}])
    assert sentence.startswith(f"phase1 a: proposals: {cipher} is weak, and whoever is on the way")


@pytest.mark.parametrize("group", WEAK_GROUPS)
def test_a_weak_group_is_told(group: str) -> None:
    [sentence] = told([{"name": "a", **P1, "proposals": [f"aes256-sha256-{group}"]}])
    assert sentence.startswith(f"phase1 a: proposals: {group} is weak, and whoever is on the way")


@pytest.mark.parametrize("cipher", ["null-sha256", "aes128gmac", "aes192gmac", "aes256gmac"])
def test_what_does_not_encrypt_is_told(cipher: str) -> None:
    [sentence] = told([{"name": "a", **P1}], [lan("a", proposals=[cipher])])
    assert sentence.startswith(f"phase2 a/lan: proposals: {cipher.partition('-')[0]} does not encrypt")


def test_of_ah_its_own_proposals_count() -> None:
    ah = {"encryption_type": "ah", "init_type": "none"}
    [sentence] = told([{"name": "a", **P1, **ah}], [lan("a", ah_proposals=["md5-modp4096"])])
    assert sentence.startswith("phase2 a/lan: proposals: md5 is weak")


OLD = {"ike_version": 1, "aggressive": True, "local_id": "fqdn:gw.example.org"}
WEAK = {"proposals": ["3des-sha256-modp4096"]}
TWICE = {"dpd": {"action": "restart"}, "close_action": "connect_on_demand", "init_type": "start_on_demand"}
NEEDLESS = {
    "psk": None,
    "local_auth": [{"auth": "psk"}],
    "remote_auth": [
        {"auth": "psk", "psk": P1["psk"], "id": "fqdn:b.example.org"},
        {"ca_certificates": ["/etc/ca.pem"], "ca_id": "CN=ca"},
    ],
}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (WEAK, "objects with such algorithms"),
        (OLD, "phase 1s in aggressive mode"),
        (TWICE, "phase 1s that may have two tunnels for one"),
        (NEEDLESS, "rounds that name an authority for nothing"),
        ({"rekey": False}, "phase 1s without an end"),
    ],
)
def test_five_of_a_sort_are_told_in_the_order_of_names_and_the_others_counted(
    options: dict[str, Any], what: str
) -> None:
    named = [{"name": name, **P1, **options} for name in "gfedcba"]
    for many in (5, 6, 7):
        found = told(named[-many:])
        assert [sentence.partition(":")[0] for sentence in found[:5]] == [f"phase1 {name}" for name in "abcde"]
        assert found[5:] == ([f"and {many - 5} more {what}"] if many > 5 else [])


def behind(link_state: str, *init_types: str) -> list[str]:
    """Return what is told of tunnels that go by one link."""
    phase1 = [
        {"name": "gfedcba"[number], **P1, "init_type": each, "xfrm_interface": "x"}
        for number, each in enumerate(init_types)
    ]
    gateway = parse_gateway({"phase1": phase1, "xfrm_interfaces": [{"name": "x", "link_state": link_state}]})
    return advice(gateway)


@pytest.mark.parametrize("init_type", ["on_demand", "start_on_demand"])
def test_a_trap_waits_in_vain_behind_a_link_that_is_up_with_an_sa_only(init_type: str) -> None:
    [sentence] = behind("sa", "start", init_type)
    assert sentence == (
        f"phase1 f: init_type {init_type} waits for traffic, and none reaches its trap by xfrm_interface x (link_state: sa), "
        "which is down while no SA is up; take init_type: start, or link_state: follow"
    )
    assert behind("sa", "start", "none") == []
    assert [state for state in ("up", "follow", "down") if behind(state, init_type)] == []


def test_of_traps_that_wait_in_vain_five_are_told() -> None:
    found = behind("sa", *["on_demand"] * 6)
    assert [sentence.partition(":")[0] for sentence in found[:5]] == [f"phase1 {name}" for name in "bcdef"]
    assert found[5:] == ["and 1 more phase 1s whose trap waits in vain"]


def test_phase_2s_are_told_in_the_order_of_names() -> None:
    found = told([{"name": name, **P1} for name in "ba"], [lan(name, proposals=["null-sha256"]) for name in "ba"])
    assert [sentence.partition(":")[0] for sentence in found] == ["phase2 a/lan", "phase2 b/lan"]


def test_where_the_peer_initiates_whatever_we_do_comes_beside_it() -> None:
    waiting = PageSettings(init_type="none", dpd=Dpd(action="restart"))
    assert restarting_twice(waiting) == ("the peer", "dpd.action restart")
    assert restarting_twice(PageSettings(init_type="none", dpd=Dpd(action="none"))) == ()
    assert restarting_twice(PageSettings(init_type="start", dpd=Dpd(action="restart"))) == ()


def test_of_one_proposal_all_that_does_not_encrypt_is_told_in_order() -> None:
    found = told([{"name": "a", **P1}], [lan("a", proposals=["aes256gmac-aes192gmac-aes128gmac"])])
    assert [sentence.split()[3] for sentence in found] == ["aes128gmac", "aes192gmac", "aes256gmac"]
