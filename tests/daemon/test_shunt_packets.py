# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shunts do to packets, by the policies that a real charon gives to this computer's kernel."""

from __future__ import annotations

import dataclasses
import itertools
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.selectors import Selector, selector_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.shunt import Shunt, kernel_selectors
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.daemon.policies import policies, without_priority
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.shunted import (
    HERE,
    NO,
    NOBODY,
    THERE,
    YES,
    answered,
    both_ways,
    gateway,
    shunt,
)
from ansible_collections.swanfleet.ipsec.tests.daemon.taken import load, taken
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost
from ansible_collections.swanfleet.ipsec.tests.generators.objects import made_object
from ansible_collections.swanfleet.ipsec.tests.proofs import F, proving

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

PROVEN = {
    "mode": "type", "local_ts": "local_networks", "remote_ts": "remote_networks", "start_action": "type",
    "priority": "priority", "interface": "interface", "mark_in": "mark_in", "mark_out": "mark_out",
    "policies_fwd_out": "policies_fwd_out",
}  # fmt: skip


def proves(*keys: str) -> Callable[[F], F]:
    names = [(f"connections.<conn>.children.<child>.{key}", f"shunt.{PROVEN[key]}") for key in keys]
    return proving([pytest.mark.proves(key=key, option=option) for key, option in names])


@pytest.fixture
def host(kernel_pair: Pair, tmp_path: Path) -> Iterator[Host]:
    # At its console: whoever comes by a network is not let cut himself off.
    made = dataclasses.replace(engine_host(tmp_path, kernel_pair[0].uri), management=FakeHost(managers=()))
    yield made
    made.charon.close()


@proves("mode", "local_ts", "remote_ts", "start_action")
def test_what_is_dropped_stops_and_what_passes_goes_through_it(kernel_pair: Pair, host: Host) -> None:
    assert both_ways(kernel_pair) == (True, True)
    run(host, gateway(NO))
    assert without_priority(policies(kernel_pair[0])) == [
        "fwd block 10.2.0.0/16 10.1.0.0/16", "in block 10.2.0.0/16 10.1.0.0/16", "out block 10.1.0.0/16 10.2.0.0/16",
    ]  # fmt: skip
    assert both_ways(kernel_pair) == (False, False)
    # All else is left alone, and so is this host's way to itself.
    assert answered(kernel_pair[0].netns, "192.0.2.1", "192.0.2.2")
    run(host, gateway(NO, YES))
    assert both_ways(kernel_pair) == (True, True)
    run(host, gateway(NO, {**YES, "local_networks": [f"{HERE}/32[tcp]"]}))
    assert both_ways(kernel_pair) == (False, False)
    run(host, gateway())
    assert (both_ways(kernel_pair), policies(kernel_pair[0]), host.charon.connection_names()) == ((True, True), [], [])


def test_what_passes_is_not_caught_by_a_tunnel(kernel_pair: Pair, host: Host) -> None:
    phase1 = {
        "name": "big", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
        "init_type": "on_demand", "proposals": ["aes256-sha256-curve25519"],
    }  # fmt: skip
    phase2 = {
        "name": "all", "phase1": "big", "local_networks": ["10.1.0.0/16"], "remote_networks": ["0.0.0.0/0"],
        "proposals": ["aes256gcm16"],
    }  # fmt: skip
    run(host, config([phase1], [phase2]))
    assert not answered(kernel_pair[0].netns, HERE, THERE)
    run(host, {**config([phase1], [phase2]), "shunts": [YES]})
    assert both_ways(kernel_pair) == (True, True)
    run(host, config([phase1], [phase2]))
    assert not answered(kernel_pair[0].netns, HERE, THERE)
    run(host, config([], []))
    assert policies(kernel_pair[0]) == []


def test_a_tunnel_wins_over_a_drop_of_the_same_networks_which_is_there_when_it_goes(
    kernel_pair: Pair, host: Host
) -> None:
    phase1 = {
        "name": "t", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
        "init_type": "on_demand", "proposals": ["aes256-sha256-curve25519"],
    }  # fmt: skip
    phase2 = {
        "name": "lan", "phase1": "t", "local_networks": NO["local_networks"], "remote_networks": NO["remote_networks"],
        "proposals": ["aes256gcm16"],
    }  # fmt: skip
    tunnel = [f"{way} allow {networks} tunnel" for way, networks in WAYS]
    dropped = [f"{way} block {networks}" for way, networks in WAYS]
    for wanted, found in (
        (gateway(NO), dropped),
        ({**config([phase1], [phase2]), "shunts": [NO]}, tunnel),
        (config([phase1], [phase2]), tunnel),
        ({**config([phase1], [phase2]), "shunts": [NO]}, tunnel),
        (gateway(NO), dropped),
    ):
        run(host, wanted)
        assert without_priority(policies(kernel_pair[0])) == found


WAYS = [("fwd", "10.2.0.0/16 10.1.0.0/16"), ("in", "10.2.0.0/16 10.1.0.0/16"), ("out", "10.1.0.0/16 10.2.0.0/16")]


def test_whoever_drops_everything_still_speaks_to_himself_and_about_keys(kernel_pair: Pair, host: Host) -> None:
    run(host, gateway(NOBODY))
    assert not answered(kernel_pair[0].netns, "192.0.2.1", "192.0.2.2")
    assert answered(kernel_pair[0].netns, "127.0.0.1", "127.0.0.1")
    tree: dict[str, Any] = {"version": "2", "childless": "force", "local": {"auth": "psk"}, "remote": {"auth": "psk"}}
    with kernel_pair[1].client() as there:
        for charon, number in ((host.charon, 1), (there, 2)):
            charon.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
            addresses = {"local_addrs": [f"192.0.2.{number}"], "remote_addrs": [f"192.0.2.{3 - number}"]}
            charon.load_connection("t", {**tree, **addresses})
        there.session.request("initiate", {"ike": "t", "timeout": "5000"})
        [(_name, sa)] = there.sas()
    assert sa["state"] == "ESTABLISHED"
    run(host, gateway(NOBODY, shunt("icmp", "pass", "dynamic[icmp]", "dynamic")))
    assert answered(kernel_pair[0].netns, "192.0.2.1", "192.0.2.2")


@contextmanager
def behind(process: CharonProcess) -> Iterator[str]:
    """Put a host behind one end, 10.1.0.10, and give its namespace; the end forwards for it."""
    with charon_process.namespace() as netns:
        process.inside("ip", "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", netns)
        try:
            for argv in (
                ["-n", process.netns, "address", "add", "10.1.0.254/24", "dev", "lan"],
                ["-n", process.netns, "link", "set", "lan", "up"],
                ["-n", netns, "address", "add", "10.1.0.10/24", "dev", "eth0"],
                ["-n", netns, "link", "set", "eth0", "up"],
                ["-n", netns, "route", "add", "default", "via", "10.1.0.254"],
            ):
                charon_process.run("ip", *argv)
            process.inside("sysctl", "-qw", "net.ipv4.ip_forward=1")
            yield netns
        finally:
            process.inside("ip", "link", "delete", "lan")


def test_forwarded_packets_are_dropped_and_pass_as_well(kernel_pair: Pair, host: Host) -> None:
    own, peers = "10.1.0.0/24", "10.2.0.0/24"
    with behind(kernel_pair[0]) as lan:

        def forwarded() -> tuple[bool, bool]:
            return answered(lan, "10.1.0.10", THERE), answered(kernel_pair[1].netns, THERE, "10.1.0.10")

        assert forwarded() == (True, True)
        run(host, gateway(shunt("no", "drop", "10.1.0.0/16", "0.0.0.0/0")))
        assert forwarded() == (False, False)
        run(host, gateway(shunt("no", "drop", "10.1.0.0/16", "0.0.0.0/0"), shunt("yes", "pass", own, peers)))
        assert forwarded() == (True, True)
        # Where both sides are all there is, what is forwarded meets it in both directions.
        run(host, gateway(NOBODY, shunt("yes", "pass", own, peers)))
        assert forwarded() == (False, False)
        run(host, gateway(NOBODY, shunt("yes", "pass", own, peers), shunt("back", "pass", peers, own)))
        assert forwarded() == (True, True)


def test_a_drop_for_ipv6_needs_neighbours_to_pass(kernel_pair: Pair, host: Host) -> None:
    for number, process in enumerate(kernel_pair, start=1):
        process.inside("ip", "address", "replace", f"2001:db8::{number}/64", "dev", "wan", "nodad")
    echo = {**shunt("echo", "pass", "::/0", "::/0"), "local_networks": ["::/0[ipv6-icmp/128]", "::/0[ipv6-icmp/129]"]}
    wanted = [shunt("nobody", "drop", "::/0", "::/0"), echo]
    for shunts, reached in ((wanted, False), ([*wanted, shunt("nd", "pass", "dynamic[ipv6-icmp]", "dynamic")], True)):
        run(host, gateway(*shunts))
        for process in kernel_pair:
            process.inside("ip", "neighbour", "flush", "dev", "wan")
        assert answered(kernel_pair[0].netns, "2001:db8::1", "2001:db8::2") is reached


# What each option makes of the policies of a drop between 10.1.0.0/16 and 10.2.0.0/16.
OPTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "priority": ({"priority": 4711}, [" priority 4711"] * 3),
    "interface": ({"interface": "wan"}, [" dev wan"] * 3),
    "mark_in": ({"mark_in": "0x2a/0xff"}, [" mark 0x2a/0xff", " mark 0x2a/0xff", ""]),
    "mark_out": ({"mark_out": 7}, ["", "", " mark 0x7/0xffffffff"]),
    "policies_fwd_out": ({"policies_fwd_out": True}, [""] * 4),
}


@proves(*OPTIONS)
def test_every_option_is_seen_in_the_kernel(kernel_pair: Pair) -> None:
    with kernel_pair[0].client() as charon:
        for name, (options, seen) in OPTIONS.items():
            one = taken(gateway({**NO, **options}))
            load(charon, one)
            found = policies(kernel_pair[0])
            assert len(found) == len(seen), name
            assert all(part in each for part, each in zip(seen, found, strict=True)), name
            [connection] = one.shunts
            charon.unload_connection(connection)
            assert policies(kernel_pair[0]) == [], name


def in_kernel(one: Shunt) -> set[tuple[Any, ...]]:
    """Return what tells the policies of a shunt from each other: direction, both ends, protocol."""
    sides = ([part for each in side for part in _parts(each)] for side in (one.local_networks, one.remote_networks))
    found = set()
    for mine, theirs in itertools.product(*sides):
        if mine.family == theirs.family and mine.goes_with(theirs):
            protocol = max(mine.protocol, theirs.protocol)
            ends = [(each.low, each.high, each.ports) for each in (mine, theirs)]
            found |= {(mine.family, way, *ends[::-1], protocol) for way in ("in", "fwd")}
            found |= {
                (mine.family, way, *ends, protocol) for way in ("out", "fwd") if way == "out" or one.policies_fwd_out
            }
    return found


def _parts(text: str) -> Iterator[Selector]:
    for each in map(selector_of, kernel_selectors(text)):
        yield from (
            [each]
            if each.family
            else [each._replace(family=4, high=2**32 - 1), each._replace(family=6, high=2**128 - 1)]
        )


def test_the_kernel_has_a_policy_for_each_part_and_none_is_left(kernel_pair: Pair) -> None:
    count = 0
    with kernel_pair[0].client() as charon:
        for number in range(400):
            made = made_object(Shunt, random.Random(number), name=f"s{number}")  # noqa: S311  # the same in every run
            # What lies in another one charon leaves out, so that there is one on each side.
            sides = {side: made[side][:1] for side in ("local_networks", "remote_networks")}
            try:
                one = taken(gateway({**made, **sides}))
            except ValidationError:
                continue
            load(charon, one)
            [(connection, item)] = zip(one.shunts, one.gateway.shunts.values(), strict=True)
            assert len(policies(kernel_pair[0])) == len(in_kernel(item)), made
            charon.unload_connection(connection)
            assert policies(kernel_pair[0]) == [], made
            count += 1
    assert count >= 100


ARRIVES = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
    receiver.bind((sys.argv[1], 9999))
    receiver.settimeout(1)
    print("ready", flush=True)
    print(receiver.recv(9))
"""
SENDS = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.bind((sys.argv[1], 0))
    sender.sendto(b"x", (sys.argv[2], 9999))
"""


def arrives(sender: CharonProcess, source: str, receiver: CharonProcess, target: str) -> bool:
    """Say whether a datagram comes to the other end, which answers nothing."""
    inside = ["ip", "netns", "exec"]
    argv = [*inside, receiver.netns, "python3", "-c", ARRIVES, target]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT) as there:
        assert there.stdout is not None
        assert there.stdout.readline() == "ready\n"
        subprocess.run(
            [*inside, sender.netns, "python3", "-c", SENDS, source, target],
            check=False,
            capture_output=True,
            env=ENVIRONMENT,
        )
        return there.stdout.read() != ""


@pytest.mark.parametrize(("interface", "outgoing", "incoming"), [("wan", False, True), ("lo", True, False)])
def test_an_interface_is_the_one_that_packets_leave_by(
    kernel_pair: Pair, interface: str, *, outgoing: bool, incoming: bool
) -> None:
    assert arrives(kernel_pair[0], HERE, kernel_pair[1], THERE)
    assert arrives(kernel_pair[1], THERE, kernel_pair[0], HERE)
    with kernel_pair[0].client() as charon:
        load(charon, taken(gateway({**NO, "interface": interface})))
    assert arrives(kernel_pair[0], HERE, kernel_pair[1], THERE) is outgoing
    # What is for the host itself leaves by lo.
    assert arrives(kernel_pair[1], THERE, kernel_pair[0], HERE) is incoming


def test_a_mark_tells_which_packets_are_meant(kernel_pair: Pair) -> None:
    with kernel_pair[0].client() as charon:
        load(charon, taken(gateway({**NO, "mark_in": 7, "mark_out": 7})))
    assert both_ways(kernel_pair) == (True, True)
    assert not answered(kernel_pair[0].netns, HERE, THERE, "-m", "7")
