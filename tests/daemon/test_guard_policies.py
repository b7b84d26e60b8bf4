# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's policies beside those of a real charon in one kernel: neither takes the other's for its own, or away."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.xfrm_interface import GUARD_SOURCES
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import IpRoute2
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _CLONE_NEWNET, _libc
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.daemon.policies import policies, without_priority
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config, steps
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

PHASE1: Config = {
    "name": "t", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
    "init_type": "on_demand", "proposals": ["aes256-sha256-curve25519"],
}  # fmt: skip
PHASE2: Config = {
    "name": "lan", "phase1": "t", "remote_networks": ["10.2.0.0/16"], "proposals": ["aes256gcm16"], "plaintext_guard": True,
}  # fmt: skip
BLOCK = f"out block {GUARD_SOURCES[4]} 10.2.0.0/16"


@contextmanager
def within(netns: str) -> Iterator[None]:
    """Put this thread, and the programs that it starts, in a network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    try:
        _libc("setns", there, _CLONE_NEWNET)
        yield
    finally:
        _libc("setns", home, _CLONE_NEWNET)
        os.close(there)
        os.close(home)


@pytest.fixture
def host(kernel_pair: Pair, tmp_path: Path) -> Iterator[Host]:
    """Return a host whose charon and whose engine have the same kernel."""
    made = engine_host(tmp_path, kernel_pair[0].uri)
    made = dataclasses.replace(made, kernel=IpRoute2(), management=FakeHost(managers=()))
    with within(kernel_pair[0].netns):
        yield made
    made.charon.close()


# The last one is what a block in two halves would be.
@pytest.mark.parametrize("local", [["0.0.0.0/0"], ["10.1.0.0/16"], ["0.0.0.0/1", "128.0.0.0/1"]])
def test_the_guard_and_the_tunnel_do_not_take_away_each_others_policies(
    kernel_pair: Pair, host: Host, local: list[str]
) -> None:
    wanted = config([PHASE1], [{**PHASE2, "local_networks": local}])
    traps = [f"out allow {each} 10.2.0.0/16 tunnel" for each in local]

    def outward() -> list[str]:
        return [each for each in without_priority(policies(kernel_pair[0])) if each.startswith("out ")]

    run(host, wanted)
    assert outward() == sorted([BLOCK, *traps])
    assert steps(run(host, wanted)) == []
    assert restore(host, with_daemon=True).steps == ()
    host.charon.unload_connection("t")
    assert outward() == [BLOCK]
    # The tunnel comes back beside the guard, and goes with it.
    assert "add guard" not in str(steps(run(host, wanted)))
    assert outward() == sorted([BLOCK, *traps])
    run(host, config([], []))
    assert outward() == []
