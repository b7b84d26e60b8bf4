# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts with a real charon and the policies of this computer's kernel: they are there, stay there, and go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    READING_COMMANDS,
    DaemonRefused,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run, swanctl_all
from ansible_collections.swanfleet.ipsec.tests.daemon.policies import deleted, policies, watched, without_priority
from ansible_collections.swanfleet.ipsec.tests.daemon.shunted import NO, YES, both_ways, gateway, shunt
from ansible_collections.swanfleet.ipsec.tests.daemon.taken import load, taken
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import steps

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]


@pytest.fixture
def host(kernel_pair: Pair, tmp_path: Path) -> Iterator[Host]:
    made = engine_host(tmp_path, kernel_pair[0].uri)
    yield made
    made.charon.close()


def test_ranges_are_matched_to_the_port(kernel_pair: Pair, host: Host) -> None:
    wanted = shunt(
        "range", "drop", "10.1.0.1-10.1.0.3", "10.2.0.0/24", local_networks=["10.1.0.1-10.1.0.3[tcp/1000-1003]"]
    )
    run(host, gateway(wanted))
    out = [each for each in without_priority(policies(kernel_pair[0])) if each.startswith("out")]
    assert out == [
        "out block 10.1.0.1/32 10.2.0.0/24 proto tcp sport 1000", "out block 10.1.0.2/31 10.2.0.0/24 proto tcp sport 1000",
    ]  # fmt: skip
    # By hand it would be more than is written: eight addresses, and all ports up to 1023.
    child = {"mode": "drop", "local_ts": ["10.1.0.1-10.1.0.3"], "remote_ts": ["10.3.0.0/24"], "start_action": "trap"}
    host.charon.load_connection("hand", {"children": {"range": child}})
    assert "out block 10.1.0.0/30 10.3.0.0/24" in without_priority(policies(kernel_pair[0]))


def test_a_change_leaves_no_moment_without_policies(kernel_pair: Pair, host: Host, tmp_path: Path) -> None:
    run(host, gateway(NO))
    wider = {**NO, "remote_networks": ["10.2.0.0/16", "10.3.0.0/16"]}
    with watched(kernel_pair[0], tmp_path / "ours"):
        outcome = run(host, gateway(wider))
    assert steps(outcome) == ["write file connections", "load shunt no", "unload shunt no"]
    assert deleted(tmp_path / "ours", "src 10.1.0.0/16 dst 10.2.0.0/16") == 0
    # charon by itself takes the old child out first, and then puts the new one in.
    tree: Any = {"children": {"no": {"mode": "drop", "local_ts": ["10.8.0.0/16"], "start_action": "trap"}}}
    host.charon.load_connection("hand", {"children": {"no": {**tree["children"]["no"], "remote_ts": ["10.9.0.0/16"]}}})
    with watched(kernel_pair[0], tmp_path / "hand"):
        both = ["10.9.0.0/16", "10.7.0.0/16"]
        host.charon.load_connection("hand", {"children": {"no": {**tree["children"]["no"], "remote_ts": both}}})
    assert deleted(tmp_path / "hand", "src 10.8.0.0/16 dst 10.9.0.0/16") == 1


def test_an_unchanged_one_is_only_read_and_swanctl_changes_nothing_after_us(kernel_pair: Pair, host: Host) -> None:
    wanted = gateway(NO, YES, shunt("ssh", "pass", "dynamic[tcp/22]", "dynamic"))
    run(host, wanted)
    outcome = run(host, wanted)
    assert not outcome.changed
    assert set(host.charon.commands) <= READING_COMMANDS
    before, mark = (policies(kernel_pair[0]), host.charon.shunts(), host.charon.connections()), kernel_pair[0].mark()
    said = swanctl_all(kernel_pair[0], host)
    assert "successfully loaded 3 connections, 0 unloaded" in said
    assert (policies(kernel_pair[0]), host.charon.shunts(), host.charon.connections()) == before
    assert re.findall(r"replaced vici connection|installing '|uninstalling '", kernel_pair[0].log(mark)) == []
    assert not run(host, wanted).changed


def test_what_somebody_took_away_comes_back(kernel_pair: Pair, host: Host) -> None:
    run(host, gateway(NO, YES))
    before = policies(kernel_pair[0])
    for connection, child in host.charon.shunts():
        host.charon.uninstall(ike=connection, child=child)
    assert policies(kernel_pair[0]) == []
    # swanctl finds the connections unchanged, and does nothing about it.
    swanctl_all(kernel_pair[0], host)
    assert policies(kernel_pair[0]) == []
    assert steps(run(host, gateway(NO, YES))) == ["install shunt yes", "install shunt no"]
    assert policies(kernel_pair[0]) == before
    for connection in host.charon.connection_names():
        host.charon.unload_connection(connection)
    assert steps(run(host, gateway(NO, YES))) == ["load shunt yes", "load shunt no"]
    assert policies(kernel_pair[0]) == before


def test_a_charon_that_crashed_takes_its_policies_over_again(kernel_pair: Pair, host: Host) -> None:
    run(host, gateway(NO, YES))
    before = policies(kernel_pair[0])
    host.charon.close()
    kernel_pair[0].kill()
    # They outlive it, and nobody knows of them until they are loaded again.
    assert policies(kernel_pair[0]) == before
    kernel_pair[0].start()
    assert host.charon.shunts() == {}
    swanctl_all(kernel_pair[0], host)
    assert policies(kernel_pair[0]) == before
    assert not run(host, gateway(NO, YES)).changed
    run(host, gateway())
    assert policies(kernel_pair[0]) == []


def test_a_charon_that_is_stopped_takes_them_along(kernel_pair: Pair, host: Host) -> None:
    run(host, gateway(NO, YES))
    host.charon.close()
    kernel_pair[0].stop()
    assert policies(kernel_pair[0]) == []
    kernel_pair[0].start()
    swanctl_all(kernel_pair[0], host)
    assert both_ways(kernel_pair) == (True, True)
    assert len(policies(kernel_pair[0])) == 6


@pytest.mark.parametrize("by_hand", [True, False], ids=["beside tunnels", "ours"])
def test_a_peer_gets_no_sa_for_a_shunt(charon_pair: Pair, *, by_hand: bool) -> None:
    """Whoever proves who he is to a connection with a shunt gets a tunnel for the very networks that are dropped."""
    with charon_pair[0].client() as here, charon_pair[1].client() as there:
        for charon in (here, there):
            charon.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        tree: dict[str, Any] = {"version": "2", "local": {"auth": "psk"}, "remote": {"auth": "psk"}}
        child = {"local_ts": ["10.2.0.0/16"], "remote_ts": ["10.1.0.0/16"]}
        there.load_connection("t", {**tree, "remote_addrs": ["192.0.2.1"], "children": {"no": child}})
        if by_hand:
            dropped = {
                "mode": "drop",
                "local_ts": ["10.1.0.0/16"],
                "remote_ts": ["10.2.0.0/16"],
                "start_action": "trap",
            }
            here.load_connection("t", {**tree, "children": {"no": dropped}})
            there.initiate(ike="t", child="no", timeout_ms=5000)
            [(_name, sa)] = here.sas()
            assert [each["state"] for each in sa["child-sas"].values()] == ["INSTALLED"]
        else:
            load(here, taken(gateway(NO)))
            with pytest.raises(DaemonRefused):
                there.initiate(ike="t", child="no", timeout_ms=5000)
            assert here.sas() == []
