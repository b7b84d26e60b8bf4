# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever validation takes becomes rules that nft takes, and reads back as what was meant; nothing that is written is parsed.

A name that would mean something to nft as a text is refused, or is a text in its answer too.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.firewall import firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.nft import FAMILY, TABLE, commands, parse_table
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.rules import uses_firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import Nftables
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _own_network
from ansible_collections.swanfleet.ipsec.tests.generators.objects import ADDRESSES, made_gateway

__all__ = ["_own_network"]

# All of them where statistics are made; a sample of the same ones for every day.
INPUTS = 10_000 if os.environ.get("SWANFLEET_STRIKES") == "all" else 600
SITUATION = Situation(
    b"k" * 32, ADDRESSES, {4: "wan0", 6: "wan1"}, mtus={"wan0": 1500, "wan1": 1492}, connected=("192.0.2.0/24",)
)
# What means something to nft, to a shell, or to JSON.
HOSTILE = (
    "x; flush ruleset", "x }", "}; drop", "$(reboot)", '"', "@peers4", "x\ny", "*", "{", "../x", "0x0; accept", "10.0.0.0/8, ::",
)  # fmt: skip


def made(number: int) -> dict[str, Any]:
    """Return a gateway with rules, hostile in some places."""
    chance = random.Random(number)  # noqa: S311  # the same in every run
    wanted: dict[str, Any] = made_gateway(number)
    for item in wanted["phase1"]:
        item.setdefault("firewall_rule", True)
    if chance.random() < 0.3:
        word = chance.choice(HOSTILE)
        kind = chance.choice(("phase1", "phase2", "xfrm_interfaces", "firewall"))
        for item in wanted[kind][:1]:
            key = chance.choice(
                {
                    "phase1": ("interfaces", "remote_endpoints", "local_port"),
                    "phase2": ("allow", "mss", "remote_networks"),
                    "xfrm_interfaces": ("name", "allow"),
                    "firewall": ("table", "input_chain", "forward_chain"),
                }[kind]
            )
            field = chance.choice(("protocol", "ports", "source", "destination"))
            item[key] = [{field: word}] if key == "allow" else word
    return wanted


def accepted(number: int) -> Gateway | None:
    try:
        found = parse_gateway(made(number))
        check_gateway(found)
    except ValidationError:
        return None
    return found


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_what_validation_takes_is_what_the_kernel_has(record_property: Any) -> None:
    rules, tally = Nftables(), Counter[str]()
    for number in range(INPUTS):
        found = accepted(number)
        if found is None or not uses_firewall(found):
            tally["refused" if found is None else "without rules"] += 1
            continue
        table = firewall(found, SITUATION)[0].table
        assert table is not None
        rules.commit(commands(table))
        told = rules.ruleset()
        assert parse_table(told) == table, f"gateway {number}"
        ours = {(what["family"], what.get("table", what["name"] if kind == "table" else "")) for entry in told
                for kind, what in entry.items()}  # fmt: skip
        assert ours <= {(FAMILY, TABLE)}, f"gateway {number}: {ours}"
        tally["the same"] += 1
    record_property("inputs", dict(tally))
    assert tally["the same"] > INPUTS / 10, tally


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("phase1", "interfaces"), ("phase1", "remote_endpoints"), ("phase1", "local_port"), ("phase2", "remote_networks"),
        ("phase2", "mss"), ("phase2", "allow.protocol"), ("phase2", "allow.ports"), ("phase2", "allow.source"),
        ("phase2", "allow.destination"), ("xfrm_interfaces", "name"), ("firewall", "table"), ("firewall", "input_chain"),
    ],
)  # fmt: skip
def test_a_word_that_would_mean_more_is_refused(word: str, kind: str, path: str) -> None:
    base: dict[str, dict[str, Any]] = {
        "phase1": {"name": "a", "remote_endpoints": ["198.51.100.2"], "psk": "s3cret"},
        "phase2": {"name": "b", "phase1": "a"},
        "xfrm_interfaces": {"name": "x"},
        "firewall": {"family": "inet", "table": "filter"},
    }
    option, _dot, inner = path.partition(".")
    wanted = {"phase1": [base["phase1"]], kind: [{**base[kind], option: [{inner: word}] if inner else word}]}
    with pytest.raises(ValidationError):
        parse_gateway(wanted)
