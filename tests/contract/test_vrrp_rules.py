# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules about VRRP as nft reads them: whom they let through, with which mark, and that they may be loaded again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.marks import AFTER, BEFORE, MARK
from ansible_collections.swanfleet.ipsec.plugins.plugin_utils.vrrp import node_values
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _own_network
from ansible_collections.swanfleet.ipsec.tests.generators.pairs import PAIR, rendered

__all__ = ["_own_network"]


def loaded(text: str) -> list[dict[str, Any]]:
    """Load a file of rules, and return what the kernel has of its table."""
    for argv in (["nft", "-f", "-"], ["nft", "-f", "-"]):
        subprocess.run(argv, input=text, text=True, check=True, timeout=30)
    told = subprocess.run(
        ["nft", "-j", "list", "table", "inet", "swanfleet_ha"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    answer: list[dict[str, Any]] = json.loads(told.stdout)["nftables"]
    return answer


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_each_peer_is_let_through_on_its_interface_and_all_else_is_dropped(checkout: Path) -> None:
    told = loaded(rendered(checkout, "swanfleet.nft", node_values(PAIR)))
    (chain,) = [each["chain"] for each in told if "chain" in each]
    assert (chain["hook"], chain["policy"]) == ("input", "accept")
    assert BEFORE < chain["prio"] < 0 < AFTER
    rules = [each["rule"]["expr"] for each in told if "rule" in each]
    accepted = [rule for rule in rules if {"accept": None} in rule]
    matched = [[part["match"]["right"] for part in rule if "match" in part] for rule in accepted]
    assert [sorted(map(str, each)) for each in matched] == [
        sorted(["wan0", "192.0.2.2", "255", "vrrp"]),
        sorted(["bond0.7", "fd00:1::2", "255", "vrrp"]),
    ]
    for rule in accepted:
        assert {"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"|": [{"meta": {"key": "mark"}}, MARK]}}} in rule
    dropped = [[part["match"]["right"] for part in rule if "match" in part] for rule in rules if {"drop": None} in rule]
    assert [sorted(each) for each in dropped] == [["vrrp", "wan0"], ["bond0.7", "vrrp"]]
    assert rules[: len(accepted)] == accepted
