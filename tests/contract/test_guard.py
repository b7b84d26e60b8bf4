# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard against plaintext, held against the kernel: what it stops without a tunnel, and what it never stops.

Each "nothing leaves" stands beside the same packets without a guard, which do leave: this kernel needs no IPsec for that.
"""

from __future__ import annotations

import errno
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.firewall import firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.guard import guard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.nft import commands
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Guard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.xfrm_interface import (
    GUARD_PRIORITY,
    GUARD_SOURCES,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import IpRoute2, Kernel, KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import Nftables
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.kernel import parse_connected, parse_guard_routes
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import ObservedGuard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.guard import plan_guard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Step
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _own_network
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    Config,
    config,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeKernel

__all__ = ["_own_network"]

NETWORKS = frozenset({"10.2.0.0/24", "10.4.0.1/32", "2001:db8:2::/48"})
BOTH = ("10.2.0.0/16", "2001:db8:2::/48")
BY_ROUTE: Config = config([PARIS], [{**PARIS_LAN, "remote_networks": BOTH[:1]}], [INTERFACE])
V6: Config = {"local_networks": ["2001:db8:1::/64"], "remote_networks": BOTH[1:]}


def strict(parent: Config, links: list[Config]) -> Config:
    child = {**PARIS_LAN, "phase1": parent["name"], "plaintext_guard": True}
    return config([parent], [{**child, "remote_networks": BOTH[:1]}, {**child, **V6, "name": "lan6"}], links)


POLICY_BASED = strict(ROME, [])
ROUTE_BASED = strict(PARIS, [INTERFACE])


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.root)])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    if request.param == "fake":
        return FakeKernel()
    request.getfixturevalue("_own_network")
    return IpRoute2()


def seen(kernel: Kernel) -> ObservedGuard:
    blocks = kernel.blocked(GUARD_PRIORITY, GUARD_SOURCES.values())
    return ObservedGuard(parse_guard_routes(kernel.routes(83)), frozenset(blocks))


def carry_out(kernel: Kernel, *steps: Step) -> None:
    kernel.run([command for step in steps for command in step.commands])


def test_the_guard_comes_is_seen_and_goes(kernel: Kernel) -> None:
    for wanted in (Guard(NETWORKS, NETWORKS), Guard(frozenset({"10.2.0.0/24"}), frozenset({"10.9.0.0/16"})), Guard()):
        first, last = plan_guard(wanted, seen(kernel))
        carry_out(kernel, *first, *last)
        assert seen(kernel) == ObservedGuard(wanted.routes, wanted.blocks)
        assert plan_guard(wanted, seen(kernel)) == ([], [])


def test_what_is_there_already_is_refused(kernel: Kernel) -> None:
    wanted = Guard(frozenset({"10.2.0.0/24"}), frozenset({"10.2.0.0/24"}))
    first, _last = plan_guard(wanted, seen(kernel))
    for step in first:
        carry_out(kernel, step)
        with pytest.raises(KernelRefused, match="File exists"):
            carry_out(kernel, step)


def test_a_policy_for_any_source_of_somebody_elses_is_neither_ours_nor_in_our_way(kernel: Kernel) -> None:
    selectors = [("10.2.0.0/24", "0.0.0.0/0"), ("10.4.0.1/32", "0.0.0.0/0"), ("2001:db8:2::/48", "::/0")]
    theirs = [("dir", "out", "src", source, "dst", network) for network, source in selectors]
    action = ("action", "block", "priority", str(GUARD_PRIORITY))
    kernel.run([("xfrm", "policy", "add", *each, *action) for each in theirs])
    assert seen(kernel) == ObservedGuard(blocks=frozenset())
    first, _last = plan_guard(Guard(blocks=NETWORKS), seen(kernel))
    carry_out(kernel, *first)
    kernel.run([("xfrm", "policy", "delete", *each) for each in theirs])
    assert seen(kernel) == ObservedGuard(blocks=NETWORKS)


class Uplink:
    """A way out for everything, with whatever leaves by it."""

    def __init__(self) -> None:
        for line in (
            "link add wan0 type veth peer name router", "link set router up",
            "link set wan0 up", "address add 192.0.2.1/24 dev wan0",
            "address add 2001:db8::1/64 dev wan0 nodad", "route add default via 192.0.2.254 dev wan0",
            "neighbour add 192.0.2.254 dev wan0 lladdr 02:00:00:00:00:01",
            "neighbour add 192.0.2.9 dev wan0 lladdr 02:00:00:00:00:01",
            "-6 route add default via 2001:db8::fe dev wan0", "neighbour add 2001:db8::fe dev wan0 lladdr 02:00:00:00:00:01",
        ):  # fmt: skip
            subprocess.run(["ip", *line.split()], check=True, timeout=10)
        # All protocols, what leaves among them (packet(7)).
        self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self._wire.bind(("wan0", 3))
        self._wire.settimeout(0.0)

    def leaves(self, address: str) -> bool:
        """Send a packet to an address, then one that always leaves; say whether the first left before that."""
        for target in (address, "192.0.2.254"):
            family = socket.AF_INET6 if ":" in target else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                try:
                    sender.sendto(b"plaintext", (target, 9))
                except OSError as error:
                    if error.errno not in STOPPED:
                        raise
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        control = socket.inet_pton(socket.AF_INET, "192.0.2.254")
        found = False
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                packet = self._wire.recv(2048)
            except BlockingIOError:
                continue
            if not packet.endswith(b"plaintext"):
                continue
            found = found or (packet[24:40] if packet[0] >> 4 == 6 else packet[16:20]) == packed
            if packet[16:20] == control:
                return found
        raise AssertionError("what always leaves did not leave")

    def close(self) -> None:
        self._wire.close()


@pytest.fixture
def uplink(_own_network: None) -> Iterator[Uplink]:
    made = Uplink()
    yield made
    made.close()


def gateway(wanted: Config) -> Gateway:
    found = parse_gateway(wanted)
    check_gateway(found, ())
    return found


def put_up(wanted: Config, *, routes: bool = True, blocks: bool = True, rules: bool = True) -> None:
    situation = Situation(b"k" * 32, connected=parse_connected(IpRoute2().interfaces()))
    made = guard(gateway(wanted), situation)
    kept = Guard(made.routes if routes else frozenset(), made.blocks if blocks else frozenset())
    first, _last = plan_guard(kept, seen(IpRoute2()))
    carry_out(IpRoute2(), *first)
    table = firewall(gateway(wanted), situation)[0].table
    if rules and table:
        Nftables().commit(commands(table))


# What the kernel answers to a packet that has no route, and to one that a rule or a policy stops.
STOPPED = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM, errno.EACCES)
INSIDE = ("10.2.7.7", "2001:db8:2::7")
OUTSIDE = ("10.3.0.1", "198.51.100.2", "2001:db8:3::1", "192.0.2.9")


@pytest.mark.root
@pytest.mark.parametrize(
    ("wanted", "layers"),
    [
        pytest.param(POLICY_BASED, {}, id="policy-based"),
        pytest.param(ROUTE_BASED, {}, id="route-based"),
        pytest.param(POLICY_BASED, {"rules": False}, id="policy-based, nftables flushed"),
        pytest.param(ROUTE_BASED, {"rules": False}, id="route-based, nftables flushed"),
        pytest.param(POLICY_BASED, {"blocks": False}, id="policy-based, by nftables alone"),
        pytest.param(ROUTE_BASED, {"routes": False}, id="route-based, by nftables alone"),
    ],
)
def test_nothing_for_a_protected_network_leaves_and_all_else_does(
    uplink: Uplink, wanted: Config, layers: dict[str, Any]
) -> None:
    assert [uplink.leaves(each) for each in INSIDE] == [True, True]
    put_up(wanted, **layers)
    assert [uplink.leaves(each) for each in INSIDE] == [False, False]
    assert [uplink.leaves(each) for each in OUTSIDE] == [True] * len(OUTSIDE)


@pytest.mark.root
def test_a_guard_that_nobody_asked_for_loses_to_any_other_route(uplink: Uplink) -> None:
    put_up(BY_ROUTE)
    assert not uplink.leaves("10.2.7.7")
    subprocess.run("ip route add 10.2.0.0/16 via 192.0.2.254 metric 4000000000".split(), check=True, timeout=10)
    assert uplink.leaves("10.2.7.7")


@pytest.mark.root
def test_a_guard_stops_what_another_route_would_carry_away(uplink: Uplink) -> None:
    put_up(ROUTE_BASED)
    subprocess.run("ip route add 10.2.0.0/24 via 192.0.2.254".split(), check=True, timeout=10)
    assert not uplink.leaves("10.2.0.7")
    subprocess.run("nft flush ruleset".split(), check=True, timeout=10)
    assert uplink.leaves("10.2.0.7")


@pytest.mark.root
@pytest.mark.parametrize(
    ("shunt", "passes"),
    [
        ({}, True),
        ({"type": "drop"}, False),
        ({"remote_networks": ["10.2.8.0/24"]}, False),
        ({"local_networks": ["10.1.0.0/24"]}, False),
        ({"local_networks": ["dynamic"]}, True),
        ({"remote_networks": ["10.2.7.0/24[udp/9]"]}, True),
        ({"remote_networks": ["10.2.7.0/24[udp/10]"]}, False),
        ({"remote_networks": ["10.2.7.0/24[tcp/9]"]}, False),
        ({"remote_networks": ["10.2.7.0/24[udp]"]}, True),
        ({"mark_out": "7"}, False),
    ],
)
def test_what_a_shunt_lets_pass_is_not_stopped_by_nftables(uplink: Uplink, shunt: Config, passes: bool) -> None:
    made = {
        "name": "x",
        "type": "pass",
        "local_networks": ["192.0.2.0/24"],
        "remote_networks": ["10.2.7.0/24"],
        **shunt,
    }
    # A policy that lets it pass, which charon makes, wins over one that blocks.
    put_up({**POLICY_BASED, "shunts": [made]}, blocks=False)
    assert uplink.leaves("10.2.7.7") == passes
    assert not uplink.leaves("10.2.9.9")


@pytest.mark.root
@pytest.mark.parametrize("parent", [PARIS, ROME])
def test_networks_that_the_host_is_in_are_not_cut_off_by_a_larger_one(uplink: Uplink, parent: Config) -> None:
    links = [INTERFACE] if parent is PARIS else []
    child = {**ROME_LAN, "phase1": parent["name"], "remote_networks": ["192.0.0.0/8"], "plaintext_guard": True}
    put_up(config([parent], [child], links))
    assert not uplink.leaves("192.1.0.1")
    assert uplink.leaves("192.0.2.9")


@pytest.mark.root
def test_a_policy_based_guard_lets_through_what_is_routed_into_an_interface(uplink: Uplink) -> None:
    for line in (
        "link add ipsec-paris type bridge",
        "link set ipsec-paris up",
        "route add 10.2.0.0/24 dev ipsec-paris",
    ):
        subprocess.run(["ip", *line.split()], check=True, timeout=10)
    rome = {**ROME_LAN, "remote_networks": ["10.2.0.0/16"], "plaintext_guard": True}
    put_up(config([PARIS, ROME], [PARIS_LAN, rome], [INTERFACE]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"into the interface", ("10.2.0.7", 9))
    assert not uplink.leaves("10.2.7.7")
    # Without the interface what went there is stopped as well.
    subprocess.run("ip link delete ipsec-paris".split(), check=True, timeout=10)
    assert not uplink.leaves("10.2.0.7")
