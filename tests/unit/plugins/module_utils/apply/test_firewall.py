# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's firewall lets through, and how: by sets, one constant rule in chains that drop, one transaction."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import Restored, restore, restore_firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.firewall import firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.nft import NftTable, commands
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import FirewallRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import (
    ApplyError,
    DependencyMissing,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.firewall import parse_ruleset
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    TWO,
    Config,
    apply,
    config,
    ruled,
    steps,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.host_rules import COUNTER, DROPPING, chain, places, with_rules

OPEN_PARIS = {**PARIS, "firewall_rule": True}
WEB: Config = {"protocol": "tcp", "ports": [443]}
OPENED = config([OPEN_PARIS], [{**PARIS_LAN, "allow": [WEB]}], [INTERFACE])
WITHOUT = config([PARIS], [PARIS_LAN], [INTERFACE])
WRITE = "write firewall table inet swanfleet"
MISSING = "the program 'nft' is missing"


@pytest.mark.proves("S23", option="phase1.firewall_rule")
@pytest.mark.proves("S43", option="phase2.allow")
def test_a_host_that_drops_gets_our_table_and_a_rule_in_both_chains_and_loses_them_again() -> None:
    host = with_rules(*DROPPING)
    before = host.firewall.told()
    assert steps(apply(host, OPENED))[:3] == [
        WRITE,
        "add firewall rule in inet filter input",
        "add firewall rule in inet filter forward",
    ]
    assert places(host) == ["inet filter forward", "inet filter input"]
    assert host.firewall.transactions == 1
    assert steps(apply(host, WITHOUT))[-3:] == [
        "remove firewall table inet swanfleet",
        "remove firewall rule in inet filter input",
        "remove firewall rule in inet filter forward",
    ]
    assert host.firewall.told() == before


def test_an_unchanged_firewall_is_read_once_and_not_written() -> None:
    host = with_rules(*DROPPING)
    apply(host, OPENED)
    host.firewall.reads = host.firewall.transactions = 0
    assert steps(apply(host, OPENED)) == []
    assert (host.firewall.reads, host.firewall.transactions) == (1, 0)


def test_a_gateway_without_rules_asks_for_no_firewall() -> None:
    host = wan_host()
    host.firewall.missing = MISSING
    apply(host, TWO)
    apply(host, WITHOUT)
    assert host.firewall.reads == 0


def test_a_host_without_nftables_is_told_before_anything_is_touched() -> None:
    host = wan_host()
    host.firewall.missing = MISSING
    before = host.state()
    with pytest.raises(DependencyMissing, match=MISSING):
        apply(host, OPENED)
    assert host.state() == before


def test_rules_can_be_given_up_where_nftables_has_gone() -> None:
    host = wan_host()
    apply(host, OPENED)
    host.firewall.flush()
    host.firewall.missing = MISSING
    assert apply(host, WITHOUT).changed


def test_what_comes_is_let_in_before_and_what_goes_after_charon_is_told() -> None:
    host = wan_host()
    apply(host, config([OPEN_PARIS], [PARIS_LAN], [INTERFACE]))
    oslo = {**ROME, "name": "oslo", "firewall_rule": True}
    told = steps(apply(host, config([oslo], [{**ROME_LAN, "phase1": "oslo"}])))
    assert told[0] == told[-1] == WRITE
    assert "unload connection paris" in told[1:-1]


def test_our_rule_in_the_form_that_iptables_gives_it_is_ours() -> None:
    host = with_rules(chain("ip", "filter", "INPUT", "input", "drop"))
    apply(host, config([OPEN_PARIS], [], [INTERFACE]))
    for entry in host.firewall.entries:
        if entry.get("rule", {}).get("comment"):
            del entry["rule"]["comment"]
            entry["rule"]["expr"][1:1] = [{"xt": {"type": "match", "name": "comment"}}, COUNTER]
    assert steps(apply(host, config([OPEN_PARIS], [], [INTERFACE]))) == []
    assert steps(apply(host, WITHOUT))[-1] == "remove firewall rule in ip filter INPUT"


def test_our_rule_that_somebody_has_changed_is_made_anew() -> None:
    host = with_rules(chain("ip", "filter", "INPUT", "input", "drop"))
    apply(host, config([OPEN_PARIS], [], [INTERFACE]))
    for entry in host.firewall.entries:
        if entry.get("rule", {}).get("comment"):
            entry["rule"]["expr"] = [{"accept": None}]
    assert steps(apply(host, config([OPEN_PARIS], [], [INTERFACE]))) == [
        "add firewall rule in ip filter INPUT",
        "remove firewall rule in ip filter INPUT",
    ]
    assert places(host) == ["ip filter INPUT"]


def test_what_a_flush_takes_away_comes_back_by_itself_and_by_a_run() -> None:
    host = with_rules(*DROPPING)
    apply(host, OPENED)
    whole = host.firewall.told()
    ways: list[Callable[[], Restored]] = [
        lambda: restore_firewall(host.host),
        lambda: restore(host.host, with_daemon=False),
    ]
    for back in ways:
        host.firewall.entries = list(with_rules(*DROPPING).firewall.entries)
        assert [str(step) for step in back().steps] == [
            WRITE,
            "add firewall rule in inet filter input",
            "add firewall rule in inet filter forward",
        ]
        assert host.firewall.told() == whole
        assert back().steps == ()


def test_a_restored_firewall_needs_no_address_of_an_interface() -> None:
    host = with_rules(*DROPPING)
    apply(host, OPENED)
    whole = host.firewall.told()
    host.firewall.entries = list(with_rules(*DROPPING).firewall.entries)
    host.kernel.links["wan0"].addresses.clear()
    restore(host.host, with_daemon=False)
    assert host.firewall.told() == whole


def test_a_transaction_that_nft_refuses_takes_the_run_back(monkeypatch: pytest.MonkeyPatch) -> None:
    host = with_rules(*DROPPING)
    apply(host, WITHOUT)
    before = host.state()
    real = host.firewall.commit

    def refuse(_commands: Any) -> None:
        monkeypatch.setattr(host.firewall, "commit", real)
        raise FirewallRefused("nft a transaction: Could not process rule: Cannot allocate memory")

    monkeypatch.setattr(host.firewall, "commit", refuse)
    with pytest.raises(ApplyError, match="Cannot allocate memory; the host is as before the run") as failed:
        apply(host, OPENED)
    assert failed.value.step.startswith(WRITE)
    assert host.state() == before


def test_anyone_is_told_of() -> None:
    host = wan_host()
    anyone = {**ROME, "init_type": "none", "remote_endpoints": ["0.0.0.0"], "firewall_rule": True}  # noqa: S104  # a peer
    told = apply(host, config([anyone], [])).warnings
    assert told == (
        "phase1 rome: firewall_rule: its ports 500, 4500 and ESP are open to anyone, as remote_endpoints say",
    )


def test_addresses_of_names_are_followed_and_what_more_is_there_stays() -> None:
    host = wan_host()
    named = config([{**ROME, "remote_endpoints": ["gw.example.com"], "firewall_rule": True}], [])
    host.names.known = {"gw.example.com": ("198.51.100.7",)}
    apply(host, named)
    host.names.known = {"gw.example.com": ("198.51.100.8", "198.51.100.7")}
    assert steps(apply(host, named)) == [WRITE]
    host.names.known = {"gw.example.com": ("198.51.100.8",)}
    assert steps(apply(host, named)) == []
    host.names.known = {}
    assert steps(apply(host, named)) == []


def let_in(host: FakeHost) -> set[str]:
    """Return the addresses in the set of the peers that have names."""
    found = parse_ruleset(host.firewall.ruleset()).table
    assert found is not None
    [each] = [each for name, each in found.sets.items() if name.startswith("names")]
    return {str(ip_address(int(box[0][0]))) for box in each.boxes}


def test_what_is_looked_up_all_the_time_is_let_in_and_nobody_else() -> None:
    host = wan_host()
    named = config([{**ROME, "remote_endpoints": ["gw.example.com"], "firewall_rule": True}], [])
    host.names.known = {"gw.example.com": ("198.51.100.7",)}
    apply(host, named)
    looks: list[tuple[dict[str, tuple[str, ...]], set[str]]] = [
        ({}, {"198.51.100.7"}),
        ({"gw.example.com": ("198.51.100.7", "198.51.100.8")}, {"198.51.100.7", "198.51.100.8"}),
        ({"gw.example.com": ("198.51.100.8",)}, {"198.51.100.8"}),
        ({}, {"198.51.100.8"}),
    ]
    for told, wanted in looks:
        # Nobody is asked again.
        host.names.known = {}
        restored = restore(host.host, with_daemon=True, names=told)
        assert restored.failures == ()
        assert let_in(host) == wanted
        restored = restore(host.host, with_daemon=True, names=told, known=restored.stored)
        assert restored.steps == ()
        # Where it has changed, the generation is read anew once.
        assert restored.stored is not None
    # A boot goes by the last addresses, and a run by what is there.
    restore_firewall(host.host)
    assert let_in(host) == {"198.51.100.8"}
    host.names.known = {"gw.example.com": ("198.51.100.8",)}
    assert steps(apply(host, named)) == []


def table_of(gateway: Gateway) -> NftTable:
    found = firewall(gateway, Situation(b"k" * 32))[0].table
    assert found is not None
    return found


def test_rules_on_the_way_of_packets_do_not_grow_with_peers() -> None:
    assert len(table_of(parse_gateway(ruled(1000))).rules) == len(table_of(parse_gateway(ruled(1))).rules)


def test_elements_grow_with_peers_and_not_with_pairs_of_them() -> None:
    for count in (1, 30, 60):
        sets = table_of(parse_gateway(ruled(count))).sets
        # Neighbours among peers are one element.
        found = {name.partition("_")[0]: len(each.boxes) for name, each in sets.items() if "peers" not in name}
        assert found == dict.fromkeys(("allow", "exempt4", "mss4"), count)


def test_the_same_gateway_in_another_order_is_the_same_transaction() -> None:
    one = parse_gateway(config([OPEN_PARIS, {**ROME, "firewall_rule": True}], [PARIS_LAN, ROME_LAN], [INTERFACE]))
    other = parse_gateway(config([{**ROME, "firewall_rule": True}, OPEN_PARIS], [ROME_LAN, PARIS_LAN], [INTERFACE]))
    tables = [table_of(each) for each in (one, other)]
    assert commands(tables[0]) == commands(tables[1])
