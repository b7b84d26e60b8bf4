# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's firewall: which of its chains must accept what our table marks, and why it cannot be opened."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import FirewallArtifact
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.firewall import HostTable
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import (
    HostChain,
    HostRule,
    ObservedFirewall,
    Place,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.firewall import firewall_problems, plan_firewall

INPUT, FORWARD = ("inet", "filter", "input"), ("inet", "filter", "forward")
BOTH = ("input", "forward")
CHAINS = (HostChain(FORWARD, "forward", drops=True), HostChain(INPUT, "input", drops=True))
NAMED = (HostTable("inet", "filter", "input", "forward"),)


def told(wanted: FirewallArtifact, found: ObservedFirewall) -> list[str]:
    return [str(step) for steps in plan_firewall(wanted, found) for step in steps]


@pytest.mark.parametrize(
    ("wanted", "chains", "places"),
    [
        pytest.param(FirewallArtifact(hooks=BOTH), CHAINS, [FORWARD, INPUT], id="all that drop"),
        pytest.param(FirewallArtifact(hooks=("input",)), CHAINS, [INPUT], id="those at the hooks"),
        pytest.param(FirewallArtifact(hooks=BOTH), (HostChain(INPUT, "input", drops=False),), [], id="none that lets through"),
        pytest.param(FirewallArtifact(hooks=BOTH), (HostChain(("inet", "firewalld", "x"), "input", drops=True),), [],
                     id="none of firewalld"),
        pytest.param(FirewallArtifact(hooks=BOTH, named=NAMED), CHAINS, [INPUT, FORWARD], id="those that are named"),
        pytest.param(FirewallArtifact(hooks=("forward",), named=NAMED), CHAINS, [FORWARD], id="of these, those at the hooks"),
        pytest.param(FirewallArtifact(hooks=BOTH, named=(HostTable("inet", "filter", "input"),)), CHAINS, [INPUT],
                     id="one that is named"),
        pytest.param(FirewallArtifact(hooks=BOTH, named=NAMED), CHAINS[:1], [FORWARD], id="one that is there"),
    ],
)  # fmt: skip
def test_who_must_accept(wanted: FirewallArtifact, chains: tuple[HostChain, ...], places: list[Place]) -> None:
    assert told(wanted, ObservedFirewall(chains=chains)) == [
        f"add firewall rule in {' '.join(place)}" for place in places
    ]


def test_a_rule_of_ours_stays_where_it_is_wanted_and_right_once() -> None:
    rules = (HostRule(INPUT, 4, right=False), HostRule(INPUT, 5, right=True), HostRule(INPUT, 6, right=True))
    first, last = plan_firewall(FirewallArtifact(hooks=BOTH), ObservedFirewall(chains=CHAINS[1:], rules=rules))
    assert first == []
    assert [step.nft[0]["delete"]["rule"] for step in last] == [
        {"family": "inet", "table": "filter", "chain": "input", "handle": handle} for handle in (4, 6)
    ]


NO_CHAIN = "the host has no such chain; its chains for packets that come in or through are {}"


@pytest.mark.parametrize(
    ("wanted", "found", "problems"),
    [
        pytest.param(FirewallArtifact(named=NAMED), ObservedFirewall(firewalld=True), [], id="nothing is let in"),
        pytest.param(FirewallArtifact(hooks=BOTH, named=NAMED), ObservedFirewall(chains=CHAINS), [], id="all are there"),
        pytest.param(FirewallArtifact(hooks=BOTH, named=NAMED), ObservedFirewall(), [
            f"firewall inet/filter: input_chain is 'input': {NO_CHAIN.format('none')}",
            f"firewall inet/filter: forward_chain is 'forward': {NO_CHAIN.format('none')}"], id="a host without chains"),
        pytest.param(FirewallArtifact(hooks=BOTH, named=(HostTable("ip", "filter", "INPUT"),)), ObservedFirewall(chains=(
            *(HostChain(("inet", "t", name), "input", drops=False) for name in "dbeca"),
            HostChain(("inet", "t", "helper"), "", drops=False))),
            ["firewall ip/filter: input_chain is 'INPUT': "
             + NO_CHAIN.format("inet t a, inet t b, inet t c, inet t d, inet t e")], id="other chains"),
    ],
)  # fmt: skip
def test_why_it_cannot_be_opened(wanted: FirewallArtifact, found: ObservedFirewall, problems: list[str]) -> None:
    assert [str(problem) for problem in firewall_problems(wanted, found)] == problems


def test_firewalld_is_left_alone_unless_a_table_is_named() -> None:
    [problem] = firewall_problems(FirewallArtifact(hooks=BOTH), ObservedFirewall(firewalld=True))
    assert str(problem).startswith("the host's firewall: firewall_rule: firewalld makes its table anew")
    assert (
        firewall_problems(FirewallArtifact(hooks=BOTH, named=NAMED), ObservedFirewall(chains=CHAINS, firewalld=True))
        == []
    )
