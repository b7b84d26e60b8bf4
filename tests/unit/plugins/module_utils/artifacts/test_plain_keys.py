# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each option that is a key of swanctl.conf becomes that key, is read from it again, and is not there unless it is set."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.plain_keys import PHASE1_KEYS, PHASE2_KEYS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import render_connections
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.child_keys import ChildKeys
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import dump_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.ike_keys import IkeKeys
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import options_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.tests.generators.plain_rows import ROWS, Row, config

COMPUTED = {"phase1": {"rekey_time", "over_time"}, "phase2": {"rekey_time", "rekey_bytes", "rekey_packets"}}


def tree(row: Row | None) -> Any:
    """Return the section of the connection, or of its child where the row is about one."""
    found: Any = artifacts(parse_gateway(config(row)), Situation(b"k" * 32)).connections["paris"]
    return found["children"]["lan"] if row is not None and row.kind == "phase2" else found


def test_every_option_has_a_row() -> None:
    declared = {("phase1", opt.name) for opt in options_of(IkeKeys)} | {
        ("phase2", opt.name) for opt in options_of(ChildKeys)
    }
    assert {(row.kind, row.option) for row in ROWS} == declared
    assert {*PHASE1_KEYS.names, *COMPUTED["phase1"]} == {opt.name for opt in options_of(IkeKeys)}
    assert {*PHASE2_KEYS.names, *COMPUTED["phase2"]} == {opt.name for opt in options_of(ChildKeys)}


def proven(row: Row) -> Any:
    """Return a parameter that proves a key which no charon of the tests speaks of: what is written is all to be seen."""
    section = "connections.<conn>" if row.kind == "phase1" else "connections.<conn>.children.<child>"
    proves = pytest.mark.proves(key=f"{section}.{row.option}", option=f"{row.kind}.{row.option}")
    unspoken = not row.logged or row.since > "6.0.1"
    return pytest.param(row, marks=[proves] if unspoken else [], id=str(row))


@pytest.mark.parametrize("row", [proven(row) for row in ROWS])
def test_an_option_becomes_its_key(row: Row) -> None:
    text = tree(row)[row.option]
    assert (text if isinstance(text, str) else ",".join(text)) == row.text


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_its_key_becomes_the_option_again(row: Row) -> None:
    wanted = parse_gateway(config(row))
    made = artifacts(wanted, Situation(b"k" * 32))
    connections = made.connections
    found = read_gateway(parse_settings(render_connections(connections, made.pools), file="text")).gateway
    assert artifacts(found, Situation(b"k" * 32)).connections == connections
    # The rest of the lifetime is told by where it begins.
    if (row.kind, row.option) != ("phase1", "over_time"):
        assert dump_gateway(found) == dump_gateway(wanted)


def test_what_nobody_sets_is_not_there() -> None:
    assert sorted(tree(None)) == sorted(
        "version remote_addrs proposals rekey_time over_time dpd_delay keyingtries local remote children".split()
    )
    assert sorted(tree(None)["children"]["lan"]) == sorted(
        "mode local_ts remote_ts esp_proposals rekey_time life_time start_action".split()
    )


@pytest.mark.parametrize(
    ("kind", "options", "keys"),
    [
        ("phase1", {}, {"rekey_time": "25920", "over_time": "2880"}),
        ("phase1", {"rekey_time": "7h"}, {"rekey_time": "25200", "over_time": "3600"}),
        ("phase1", {"over_time": "2h"}, {"rekey_time": "21600", "over_time": "7200"}),
        ("phase1", {"rekey_time": "6h", "over_time": "2h"}, {"rekey_time": "21600", "over_time": "7200"}),
        ("phase1", {"rekey_time": 0}, {"rekey_time": "0", "over_time": "2880"}),
        ("phase1", {"rekey_time": 0, "over_time": 60}, {"rekey_time": "0", "over_time": "60"}),
        ("phase2", {"rekey_time": 0}, {"rekey_time": "0", "life_time": "3600"}),
        ("phase2", {"life_bytes": 1000}, {"rekey_bytes": "900", "life_bytes": "1000"}),
        ("phase2", {"life_packets": 1000}, {"rekey_packets": "900", "life_packets": "1000"}),
        ("phase2", {"rekey_bytes": 0, "life_bytes": 1000}, {"rekey_bytes": "0", "life_bytes": "1000"}),
    ],
)
def test_times_and_volumes(kind: str, options: dict[str, Any], keys: dict[str, str]) -> None:
    lists = config()
    lists[kind][0].update(options)
    gateway = parse_gateway(lists)
    connections: Any = artifacts(gateway, Situation(b"k" * 32)).connections
    section = connections["paris"] if kind == "phase1" else connections["paris"]["children"]["lan"]
    assert {key: section[key] for key in keys} == keys
    found = read_gateway(parse_settings(render_connections(connections), file="text")).gateway
    again: Any = artifacts(found, Situation(b"k" * 32)).connections
    assert again == connections
