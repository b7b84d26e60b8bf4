# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine relies on in nftables, held against the fake and the real one in a network namespace of its own.

What is written reads back as it was written; a transaction is whole or nothing; and what others have stays as it is.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.firewall import firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.nft import (
    FAMILY,
    TABLE,
    NftTable,
    commands,
    parse_table,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers import nftables
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import (
    Firewall,
    FirewallRefused,
    Nftables,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.firewall import parse_ruleset
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import ObservedFirewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.firewall import plan_firewall
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _own_network
from ansible_collections.swanfleet.ipsec.tests.fakes.firewall import FakeFirewall
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    Config,
    apply,
    config,
    ruled,
    steps,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host

__all__ = ["_own_network"]

SITUATION = Situation(
    host_key=b"k" * 32,
    addresses={"wan0": ("192.0.2.1", "2001:db8::1")},
    names={"gw.example.com": ("198.51.100.77", "2001:db8:77::1")},
    mtus={"wan0": 1500},
)
V6 = {"local_networks": ["2001:db8:1::/64"], "remote_networks": ["2001:db8:2::/64"]}
GATEWAYS: dict[str, Config] = {
    "one peer": config([{**PARIS, "firewall_rule": True, "xfrm_interface": None}], []),
    "subnets, ranges, names, both families, AH, ports of its own": config(
        [
            {
                **PARIS, "xfrm_interface": None, "firewall_rule": True, "ip_type": "any", "encryption_type": "ah",
                "remote_endpoints": [
                    "198.51.100.2", "198.51.100.3", "203.0.113.0/24", "192.0.2.100-192.0.2.109", "2001:db8:9::1",
                    "2001:db8:a::/48", "gw.example.com",
                ],
            },
            {**ROME, "firewall_rule": True, "interfaces": ["any"], "local_port": 4500},
            {**ROME, "name": "oslo", "firewall_rule": True, "interfaces": ["192.0.2.1"]},
        ],
        [],
    ),
    "anyone": config(
        [
            {**ROME, "firewall_rule": True, "init_type": "none", "remote_endpoints": ["::"], "ip_type": "any"},
            {**ROME, "name": "x", "firewall_rule": True, "init_type": "none", "remote_endpoints": ["0.0.0.0/0"],
             "interfaces": ["any"]},
        ],
        [],
    ),
    "rules for traffic": config(
        [PARIS, ROME],
        [
            {**PARIS_LAN, "allow": [{"protocol": "tcp", "ports": ["22", "80", "443", "8000-8099"]}, {"protocol": "icmp"}]},
            {**PARIS_LAN, **V6, "name": "lan6", "allow": [{"protocol": "tcp", "ports": [443]}, {"protocol": "icmpv6"}]},
            {**ROME_LAN, "allow": [{"source": ["10.3.0.0/25"], "destination": ["10.1.0.7"]}, {"protocol": "gre"}]},
            {**ROME_LAN, **V6, "name": "lan6", "allow": [{"protocol": "udp", "ports": [53, "1-99"]}]},
        ],
        [{**INTERFACE, "allow": [{"protocol": "tcp", "ports": ["20-25"], "source": ["10.2.0.0/16"]}, {"protocol": "ospf"}]}],
    ),
    "translation and segments": config(
        [PARIS, ROME],
        [
            {**PARIS_LAN, "nat_exemption": True, "mss": "auto"},
            {**ROME_LAN, "nat_exemption": True, "mss": 1200, "local_networks": ["10.1.0.0/24", "10.1.0.128-10.1.1.77"]},
            {**ROME_LAN, **V6, "name": "lan6", "nat_exemption": True, "mss": 1200},
        ],
        [INTERFACE],
    ),
}  # fmt: skip
HOST_RULES = """
table inet filter {
    set known { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iifname "lo" accept
        tcp dport { 22, 80 } counter accept comment "of others"
    }
    chain forward { type filter hook forward priority filter; policy drop; ip saddr @known counter accept; }
    chain output { type filter hook output priority filter; policy drop; }
}
table ip nat {
    chain DOCKER { }
    chain POSTROUTING { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }
}
"""


def table_of(wanted: Config) -> NftTable:
    found = firewall(parse_gateway(wanted), SITUATION)[0].table
    assert found is not None
    return found


def nft(*arguments: str, text: str = "") -> str:
    done = subprocess.run(["nft", *arguments], input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.root)])
def rules(request: pytest.FixtureRequest) -> Firewall:
    if request.param == "fake":
        return FakeFirewall()
    request.getfixturevalue("_own_network")
    return Nftables()


@pytest.fixture
def host_rules(_own_network: None) -> Firewall:
    nft("-f", "-", text=HOST_RULES)
    return Nftables()


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_table_reads_back_as_it_was_written(rules: Firewall, name: str) -> None:
    table = table_of(GATEWAYS[name])
    assert table.rules
    rules.commit(commands(table))
    found = parse_table(rules.ruleset())
    assert found.chains == table.chains
    assert found.sets == table.sets
    assert found.rules == table.rules
    assert table.is_like(found)


def test_a_table_takes_the_place_of_another(rules: Firewall) -> None:
    for name, wanted in GATEWAYS.items():
        rules.commit(commands(table_of(wanted)))
        assert table_of(wanted).is_like(parse_table(rules.ruleset())), name
    rules.commit(commands(NftTable()))
    assert rules.ruleset() == []


def test_a_transaction_that_is_refused_changes_nothing(rules: Firewall) -> None:
    rules.commit(commands(table_of(GATEWAYS["one peer"])))
    before = parse_table(rules.ruleset())
    missing = {"insert": {"rule": {"family": "ip", "table": "none", "chain": "input", "expr": [{"accept": None}]}}}
    with pytest.raises(FirewallRefused, match="No such file or directory"):
        rules.commit([*commands(NftTable()), missing])
    assert parse_table(rules.ruleset()) == before


@pytest.mark.parametrize(("first", "then"), [(one, other) for one in GATEWAYS for other in GATEWAYS if one < other])
def test_both_of_two_tables_can_stand_in_one(rules: Firewall, first: str, then: str) -> None:
    rules.commit(commands(table_of(GATEWAYS[first])))
    both = table_of(GATEWAYS[then]).merged(parse_table(rules.ruleset()))
    rules.commit(commands(both))
    assert both.is_like(parse_table(rules.ruleset()))


def plain(ruleset: Sequence[dict[str, Any]], *, without: str = "swanfleet") -> list[str]:
    """Return what is there beside our table and our rules."""
    told = []
    for entry in ruleset:
        ((kind, what),) = entry.items()
        ours = without in (what.get("table"), what.get("name"), what.get("comment"))
        if not ours:
            told.append(f"{kind} {json.dumps({k: v for k, v in what.items() if k != 'handle'}, sort_keys=True)}")
    return sorted(told)


def carried_out(rules: Firewall, wanted: Config) -> ObservedFirewall:
    artifact = firewall(parse_gateway(wanted), SITUATION)[0]
    first, last = plan_firewall(artifact, parse_ruleset(rules.ruleset()))
    for part in (first, last):
        if part:
            rules.commit([command for step in part for command in step.nft])
    found = parse_ruleset(rules.ruleset())
    assert plan_firewall(artifact, found) == ([], [])
    return found


@pytest.mark.root
def test_rules_of_others_stay_and_get_one_rule_of_ours_in_each_chain_that_drops(host_rules: Firewall) -> None:
    before = plain(host_rules.ruleset())
    found = carried_out(host_rules, GATEWAYS["one peer"])
    assert [each.place for each in found.rules] == [("inet", "filter", "input")]
    found = carried_out(host_rules, GATEWAYS["rules for traffic"])
    assert sorted(each.place[2] for each in found.rules) == ["forward", "input"]
    assert plain(host_rules.ruleset()) == before
    found = carried_out(host_rules, config([PARIS], [], [INTERFACE]))
    assert found.rules == ()
    assert plain(host_rules.ruleset()) == before
    assert not found.table


@pytest.mark.root
def test_what_a_reload_of_the_hosts_rules_took_away_is_seen(host_rules: Firewall) -> None:
    carried_out(host_rules, GATEWAYS["rules for traffic"])
    nft("-f", "-", text="flush ruleset\n" + HOST_RULES)
    artifact = firewall(parse_gateway(GATEWAYS["rules for traffic"]), SITUATION)[0]
    first, last = plan_firewall(artifact, parse_ruleset(host_rules.ruleset()))
    assert [str(step) for step in first] == [
        "write firewall table inet swanfleet",
        "add firewall rule in inet filter input",
        "add firewall rule in inet filter forward",
    ]
    assert last == []


@pytest.mark.root
@pytest.mark.parametrize(
    "change",
    [
        "delete rule inet swanfleet input handle {rule}", "flush chain inet swanfleet input",
        "add element inet swanfleet {set} {{ 10.9.9.9 }}", "delete chain inet swanfleet input_after",
        "add rule inet swanfleet input accept", "chain inet swanfleet input {{ policy drop; }}",
        "add set inet swanfleet more {{ type ipv4_addr; }}", "add map inet swanfleet more {{ type ipv4_addr : verdict; }}",
    ],
)  # fmt: skip
def test_each_change_of_our_table_is_seen(host_rules: Firewall, change: str) -> None:
    found = carried_out(host_rules, GATEWAYS["one peer"])
    told = host_rules.ruleset()
    handle = next(e["rule"]["handle"] for e in told if "rule" in e and e["rule"]["table"] == "swanfleet")
    if change.startswith("delete chain"):
        nft("flush chain inet swanfleet input_after")
    assert found.table is not None
    nft(change.format(rule=handle, set=next(iter(found.table.sets))))
    first, last = plan_firewall(
        firewall(parse_gateway(GATEWAYS["one peer"]), SITUATION)[0], parse_ruleset(host_rules.ruleset())
    )
    assert first or last
    carried_out(host_rules, GATEWAYS["one peer"])


OWN = (FAMILY, TABLE)
BLOCKED = {
    "family": "inet",
    "table": "blk",
    "name": "blocked",
    "type": "ipv4_addr",
    "elem": ["203.0.113.7", "203.0.113.9"],
}


@pytest.fixture
def blocking(rules: Firewall) -> Firewall:
    """Return a host with a table of its own that has a set, and ours."""
    chain = {
        "family": "inet",
        "table": "blk",
        "name": "in",
        "type": "filter",
        "hook": "input",
        "prio": 0,
        "policy": "drop",
    }
    theirs = [{"table": {"family": "inet", "name": "blk"}}, {"set": BLOCKED}, {"chain": chain}]
    rules.commit([{"add": each} for each in theirs] + commands(table_of(GATEWAYS["rules for traffic"])))
    return rules


def test_long_sets_of_others_are_listed_once_and_ours_always(
    blocking: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nftables, "_LONG", len(BLOCKED["elem"]) - 1)
    whole = blocking.ruleset()
    assert parse_ruleset(blocking.ruleset(OWN)) == parse_ruleset(whole)
    told = blocking.ruleset(OWN)
    assert parse_ruleset(told) == parse_ruleset(whole)
    assert parse_table(told).is_like(table_of(GATEWAYS["rules for traffic"]))
    assert [entry["set"].get("elem") for entry in told if entry.get("set", {}).get("name") == "blocked"] == [None]
    blocking.commit(commands(NftTable()))
    assert not parse_table(blocking.ruleset(OWN))


@pytest.mark.root
def test_a_long_map_of_others_is_listed_once(host_rules: Firewall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nftables, "_LONG", 1)
    nft("add map inet filter marks { type ipv4_addr : mark; elements = { 203.0.113.7 : 0x1, 203.0.113.9 : 0x2 } }")
    told = [entry["map"] for _look in range(2) for entry in host_rules.ruleset(OWN) if "map" in entry]
    assert [len(each.get("elem", ())) for each in told] == [2, 0]


@pytest.mark.root
def test_short_sets_of_others_come_with_all_that_there_is(host_rules: Firewall) -> None:
    nft("add set inet filter few { type ipv4_addr; elements = { 203.0.113.7 } }")
    host_rules.commit(commands(table_of(GATEWAYS["rules for traffic"])))
    whole = host_rules.ruleset()
    assert [host_rules.ruleset(OWN) for _time in range(2)] == [whole, whole]


@pytest.mark.root
def test_maps_of_verdicts_of_others_are_listed(host_rules: Firewall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nftables, "_LONG", -1)
    host_rules.ruleset(OWN)
    told = 'map inet filter verdicts { type ifname : verdict; elements = { "wan0" : drop } }'
    nft("-f", "-", text=f"add {told}\nadd rule inet filter input iifname vmap @verdicts")
    [found] = [each for each in parse_ruleset(host_rules.ruleset(OWN)).chains if each.hook == "input"]
    assert found.drops_some


@pytest.mark.root
def test_a_table_that_goes_between_two_looks_is_none(host_rules: Firewall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nftables, "_LONG", -1)
    host_rules.commit(commands(table_of(GATEWAYS["one peer"])))
    host_rules.ruleset(OWN)
    look = nftables._nft

    def gone(arguments: list[str], text: str) -> subprocess.CompletedProcess[str]:
        if arguments[:2] == ["list", "table"]:
            nft("flush", "ruleset")
        return look(arguments, text)

    monkeypatch.setattr(nftables, "_nft", gone)
    assert host_rules.ruleset(OWN) == []


@pytest.mark.parametrize(
    ("names", "families"),
    [
        ({}, ()),
        ({"IPv4": "nat\nraw\n", "IPv6": ""}, ()),
        ({"IPv4": "nat\nfilter\n"}, ("IPv4",)),
        ({"IPv4": "filter\n", "IPv6": "filter\n"}, ("IPv4", "IPv6")),
    ],
)
def test_a_table_of_the_old_iptables_is_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: dict[str, str], families: tuple[str, ...]
) -> None:
    for family, text in names.items():
        (tmp_path / family).write_text(text)
    monkeypatch.setattr(nftables, "_LEGACY", {family: str(tmp_path / family) for family in ("IPv4", "IPv6")})
    assert Nftables().legacy() == families


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_a_thousand_tunnels_are_one_transaction_and_nothing_to_do_is_one_read(
    record_property: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, host = Nftables(), wan_host()
    subprocess.run(["nft", "-f", "-"], input=HOST_RULES, text=True, check=True)
    host.firewall = cast(FakeFirewall, rules)
    run, started = nftables._nft, Counter[str]()

    def counted(arguments: list[str], text: str) -> subprocess.CompletedProcess[str]:
        started["transaction" if arguments[0] == "-f" else "read"] += 1
        return run(arguments, text)

    monkeypatch.setattr(nftables, "_nft", counted)
    apply(host, ruled(1000))
    assert started["transaction"] == 1
    long = [entry["rule"] for entry in rules.ruleset() if entry.get("rule", {}).get("table") == "swanfleet"]
    started.clear()
    assert steps(apply(host, ruled(1000))) == []
    assert started == {"read": 1}
    apply(host, ruled(1))
    assert started["transaction"] == 1
    short = [entry["rule"] for entry in rules.ruleset() if entry.get("rule", {}).get("table") == "swanfleet"]
    assert len(long) == len(short) > 0
    record_property("rules of 1,000 peers", len(long))
