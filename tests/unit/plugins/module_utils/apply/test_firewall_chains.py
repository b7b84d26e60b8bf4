# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which chains of the host get our rule, which are refused, and which are only told of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    apply,
    config,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host_rules import (
    COUNTER,
    DROP,
    DROPPING,
    JUMP,
    chain,
    places,
    rule_of,
    with_rules,
)

OPEN_PARIS = {**PARIS, "firewall_rule": True}
OPENED = config([OPEN_PARIS], [{**PARIS_LAN, "allow": [{"protocol": "tcp", "ports": [443]}]}], [INTERFACE])
WITHOUT = config([PARIS], [PARIS_LAN], [INTERFACE])


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        pytest.param(
            [chain("inet", "f", "in", "input"), rule_of("inet", "f", "in", COUNTER, DROP)], ["inet f in"], id="drop at the end"
        ),
        pytest.param(
            [chain("ip", "f", "in", "input"), rule_of("ip", "f", "in", {"reject": None})], ["ip f in"], id="reject at the end"
        ),
        pytest.param(
            [
                chain("ip", "filter", "INPUT", "input"), chain("ip", "filter", "last"),
                rule_of("ip", "filter", "INPUT", COUNTER, JUMP),
                rule_of("ip", "filter", "last", {"xt": {"type": "target", "name": "REJECT"}}),
            ],
            ["ip filter INPUT"], id="an extension of iptables at the end of another chain",
        ),
        pytest.param(
            [
                chain("inet", "f", "in", "input"),
                rule_of("inet", "f", "in", {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": 1}}, DROP),
            ],
            [], id="only some packets are dropped",
        ),
        pytest.param([chain("inet", "f", "in", "input")], [], id="nothing is dropped"),
        pytest.param([chain("inet", "f", "raw", "prerouting", "drop")], [], id="another hook"),
        pytest.param([chain("bridge", "f", "in", "input", "drop")], [], id="a bridge"),
        pytest.param([chain("ip", "nat", "in", "input", "drop", type="nat")], [], id="translation"),
        pytest.param(
            [chain("ip", "filter", "INPUT", "input", "drop"), chain("ip6", "filter", "INPUT", "input", "drop")],
            ["ip filter INPUT", "ip6 filter INPUT"], id="both families of iptables",
        ),
    ],
)  # fmt: skip
def test_chains_that_have_an_end_for_packets_are_found(entries: list[dict[str, Any]], wanted: list[str]) -> None:
    host = with_rules(*entries)
    apply(host, config([OPEN_PARIS], [], [INTERFACE]))
    assert places(host) == wanted


def vmap(data: Any) -> dict[str, Any]:
    return {"vmap": {"key": {"meta": {"key": "iifname"}}, "data": data}}


def named_map(*pairs: Any) -> dict[str, Any]:
    told = {"family": "inet", "table": "f", "name": "verdicts", "type": "ifname", "map": "verdict", "handle": 9}
    return {"map": {**told, "elem": list(pairs)} if pairs else told}


FROM_WAN = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "wan0"}}
OPEN_CHAIN, LAST = chain("inet", "f", "in", "input"), [chain("inet", "f", "last"), rule_of("inet", "f", "last", DROP)]
TOLD = "chain {} of the host drops packets that {}, and gets no rule that accepts what firewall_rule and allow let through: "
LISTED = (
    "if it may drop that, list {{family: inet, table: {1}, {2}_chain: {0}}} in firewall, with all other chains that are to have"
    " the rule; without {2}_chain it is left alone and not told of"
)
IN_LISTED = TOLD.format("inet f in", "come in") + LISTED.format("in", "f", "input")


@pytest.mark.parametrize(
    ("entries", "wanted", "warnings"),
    [
        pytest.param(
            [OPEN_CHAIN, *LAST, rule_of("inet", "f", "in", vmap({"set": [["lo", {"accept": None}], ["eth0", JUMP]]}))],
            ["inet f in"], [], id="a map of a rule leads to a chain that drops",
        ),
        pytest.param(
            [OPEN_CHAIN, *LAST, named_map(["eth0", {"goto": {"target": "last"}}]), rule_of("inet", "f", "in", vmap("@verdicts"))],
            ["inet f in"], [], id="a map with a name does",
        ),
        pytest.param(
            [OPEN_CHAIN, named_map(["eth0", DROP]), rule_of("inet", "f", "in", vmap("@verdicts"))],
            [], [IN_LISTED], id="a map drops some",
        ),
        pytest.param(
            [OPEN_CHAIN, named_map(), rule_of("inet", "f", "in", vmap("@verdicts")), rule_of("inet", "f", "in", vmap("@gone"))],
            [], [], id="a map that holds nothing",
        ),
        pytest.param([OPEN_CHAIN, rule_of("inet", "f", "in", FROM_WAN, COUNTER, DROP)], [], [IN_LISTED], id="a rule drops some"),
        pytest.param(
            [OPEN_CHAIN, chain("inet", "f", "last"), rule_of("inet", "f", "in", COUNTER, JUMP),
             *[rule_of("inet", "f", "last", FROM_WAN, {"reject": None})] * 9],
            [], [IN_LISTED], id="nine rules of a chain that it calls do, which is told once",
        ),
        pytest.param([OPEN_CHAIN, rule_of("inet", "f", "in", FROM_WAN, {"accept": None})], [], [], id="nothing drops"),
        pytest.param([chain("inet", "f", "in", "forward"), rule_of("inet", "f", "in", FROM_WAN, DROP)], [], [],
                     id="what goes through, where nothing is to"),
        pytest.param([chain("inet", "swanfleet_ha", "input", "input", prio=-5),
                      rule_of("inet", "swanfleet_ha", "input", FROM_WAN, DROP)], [], [], id="the table of pairs"),
        pytest.param(
            [chain("inet", "f", "in", "input", prio=-150), *LAST, rule_of("inet", "f", "in", FROM_WAN, JUMP)],
            [], [TOLD.format("inet f in", "come in") + "its priority is -150, where packets do not have the mark by which it would"
                 " know tunnels (they have it from -9 to 9); accept there by rules of your own what it must not drop"],
            id="some, where no packet has our mark",
        ),
    ],
)  # fmt: skip
def test_what_drops_some_packets_is_told_of(
    entries: list[dict[str, Any]], wanted: list[str], warnings: list[str]
) -> None:
    host = with_rules(*entries)
    opened = config([OPEN_PARIS], [], [INTERFACE])
    for _each in "first", "second":
        assert list(apply(host, opened).warnings) == warnings
        assert places(host) == wanted


def test_a_table_that_is_listed_is_not_told_of_and_others_are() -> None:
    host = with_rules(OPEN_CHAIN, rule_of("inet", "f", "in", FROM_WAN, DROP), DROPPING[0])
    opened = config([OPEN_PARIS], [], [INTERFACE])
    mine, bans = {"family": "inet", "table": "filter", "input_chain": "input"}, {"family": "inet", "table": "f"}
    [told] = apply(host, {**opened, "firewall": [bans]}).warnings
    assert told == TOLD.format("inet filter input", "come in") + LISTED.format("input", "filter", "input")
    assert places(host) == []
    assert apply(host, {**opened, "firewall": [bans, mine]}).warnings == ()
    assert places(host) == ["inet filter input"]


def test_firewalld_beside_named_chains_is_told_of() -> None:
    host = with_rules(*DROPPING, chain("inet", "firewalld", "in", "input", "drop", prio=9))
    named = {"family": "inet", "table": "filter", "input_chain": "input", "forward_chain": "forward"}
    [told] = apply(host, {**OPENED, "firewall": [named]}).warnings
    assert told.startswith("chain inet firewalld in of the host drops packets that come in")
    assert told.endswith(
        "firewalld takes rules by its own commands only, such as 'firewall-cmd --permanent --add-service=ipsec'"
    )


def test_rules_that_nft_does_not_show_are_told_of() -> None:
    host = with_rules(*DROPPING)
    host.firewall.old = ("IPv6",)
    [told] = apply(host, OPENED).warnings
    assert told == (
        "iptables-legacy has a table filter of IPv6, which nft does not show: if it drops, move its rules to nftables, or insert"
        " '-m mark --mark 0x2000000/0x2000000 -j ACCEPT' into its chains INPUT and FORWARD"
    )
    assert apply(host, WITHOUT).warnings == ()


@pytest.mark.parametrize("priority", [-150, -10, 10, 50])
@pytest.mark.parametrize("closing", ["a policy", "a rule", "a chain that it calls"])
def test_a_chain_that_drops_all_where_no_packet_has_our_mark_is_refused(priority: int, closing: str) -> None:
    policy = "drop" if closing == "a policy" else "accept"
    rules = {"a policy": [], "a rule": [rule_of("inet", "f", "in", COUNTER, DROP)],
             "a chain that it calls": [*LAST, rule_of("inet", "f", "in", JUMP)]}[closing]  # fmt: skip
    host = with_rules(chain("inet", "f", "in", "input", policy, prio=priority), *rules)
    before, opened = host.state(), config([OPEN_PARIS], [], [INTERFACE])
    with pytest.raises(ValidationError) as refused:
        apply(host, opened)
    assert str(refused.value) == (
        f"chain inet f in of the host: priority is {priority}: it drops there, where packets do not have the mark by which it"
        " would know tunnels (they have it from -9 to 9): a priority from -9 to 9, such as 0 (filter), is needed, or a list in"
        " firewall of the chains that are to accept what is let through"
    )
    assert host.state() == before
    with pytest.raises(ValidationError) as refused:
        apply(host, {**opened, "firewall": [{"family": "inet", "table": "f", "input_chain": "in"}]})
    assert str(refused.value) == (
        f"firewall inet/f: input_chain is 'in': it drops at priority {priority}, where packets do not have the mark by which it"
        " would know tunnels (they have it from -9 to 9): a priority from -9 to 9, such as 0 (filter), or another chain, is needed"
    )


@pytest.mark.parametrize("priority", [-9, -5, 0, 9])
def test_a_chain_that_drops_all_where_packets_have_our_mark_gets_the_rule(priority: int) -> None:
    host = with_rules(chain("inet", "f", "in", "input", "drop", prio=priority))
    assert apply(host, config([OPEN_PARIS], [], [INTERFACE])).warnings == ()
    assert places(host) == ["inet f in"]


def test_named_chains_and_no_others_get_the_rule() -> None:
    host = with_rules(*DROPPING, chain("inet", "mine", "from-wan"))
    named = {"family": "inet", "table": "mine", "input_chain": "from-wan"}
    apply(host, {**OPENED, "firewall": [named]})
    assert places(host) == ["inet mine from-wan"]


def test_a_named_chain_that_is_not_there_is_told_with_those_that_are() -> None:
    host = with_rules(*DROPPING)
    with pytest.raises(ValidationError) as refused:
        apply(host, {**OPENED, "firewall": [{"family": "ip", "table": "filter", "input_chain": "INPUT"}]})
    assert str(refused.value) == (
        "firewall ip/filter: input_chain is 'INPUT': the host has no such chain; its chains for packets that come in or through "
        "are inet filter forward, inet filter input"
    )


def test_firewalld_is_left_alone_with_the_reason() -> None:
    host = with_rules(chain("inet", "firewalld", "filter_INPUT", "input"))
    before = host.firewall.told()
    with pytest.raises(ValidationError, match=r"firewalld makes its table anew .* 'firewall-cmd --permanent"):
        apply(host, OPENED)
    assert host.firewall.told() == before
