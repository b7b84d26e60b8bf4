# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer's daemon stands still, and its kernel sends nothing: the tunnel ends when its options say so."""

from __future__ import annotations

import os
import time

import pytest

DELAY, TIMEOUT, MORE_OR_LESS = 4, 12, 2
HOSTS = {1: "130", 2: "146"}
PEERS = {"berlin": "paris", "paris": "berlin"}
# make prove asks for all.
CASES = (("berlin", 2), ("paris", 1), ("berlin", 1), ("paris", 2))
NETWORKS = {"berlin": 1, "paris": 2}


@pytest.fixture
def still(lab):
    """Return a function that has a gateway's daemon stand still, and let it go on afterwards."""
    stopped = []

    def stop(node):
        stopped.append(node)
        lab.run(node, ["sh", "-c", "kill -STOP $(pidof charon-systemd)"])

    yield stop
    for node in stopped:
        lab.run(node, ["sh", "-c", "kill -CONT $(pidof charon-systemd)"])


@pytest.mark.proves("S30", option="phase1.dpd", releases=("12", "13"))
@pytest.mark.parametrize(("here", "version"), CASES if "SWANFLEET_FAILOVERS" in os.environ else CASES[:2])
def test_a_dead_peer_is_found_in_time(lab, still, settled, until, figures, here, version):
    settled()
    tunnel, there = f"dead-{version}", PEERS[here]

    def up():
        return "INSTALLED" in lab.run(here, ["swanctl", "--list-sas", "--ike", tunnel]).stdout

    until("it is not there", lambda: not up(), seconds=60)
    lab.run("berlin", ["swanctl", "--initiate", "--ike", tunnel, "--child", "lan", "--timeout", "30"])
    source, target = (f"10.{NETWORKS[node]}.0.{HOSTS[version]}" for node in (here, there))
    # The last packet from the peer is its answer.
    argv = ["ping", "-n", "-q", "-c", "3", "-i", "0.1", "-I", source, target]
    assert ", 0% packet loss" in lab.run(f"lan-{here}", argv).stdout
    began = time.monotonic()
    still(there)
    assert up()
    until("the dead peer's SA is gone", lambda: not up(), seconds=60)
    took = time.monotonic() - began
    figures(f"IKEv{version}, {here}: last answer to dead peer gone (delay {DELAY}, timeout {TIMEOUT})", took)
    assert TIMEOUT - MORE_OR_LESS <= took <= DELAY + TIMEOUT + MORE_OR_LESS
