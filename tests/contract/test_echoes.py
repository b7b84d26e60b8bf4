# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo requests, held against the fake and against the kernel: each goes its own way, whatever the routes say."""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.echoes import (
    Echoes,
    EchoReply,
    EchoRequest,
    RawEchoes,
)
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _own_network
from ansible_collections.swanfleet.ipsec.tests.fakes.echoes import FakeEchoes, FakeWay

__all__ = ["_own_network"]

# The peer, which both ways lead to, an address that nobody has, and one of ours that the peer reaches by the way that is routed:
# so it can answer whatever has come to it, whichever way that took.
PEER = {4: "198.51.100.9", 6: "2001:db8:99::9"}
NOBODY = {4: "198.51.100.77", 6: "2001:db8:99::77"}
OWN = {4: "10.99.0.1", 6: "2001:db8:98::1"}
ANSWERED_WITHIN_S = 5.0
FAMILIES = pytest.mark.parametrize("family", [4, 6])


class FakeNetwork:
    """Two ways to the peer, `way0` and `way1`; what is not bound takes the first."""

    def __init__(self) -> None:
        ways = {f"way{number}": FakeWay(frozenset(OWN.values()), frozenset(PEER.values())) for number in (0, 1)}
        self.fake = FakeEchoes(ways, "way0")
        self.echoes: Echoes = self.fake

    def cut(self, number: int) -> None:
        """Let a way lose packets somewhere on the other end."""
        self.fake.ways[f"way{number}"].cut = True

    def route_by(self, number: int) -> None:
        """Let what is not bound take a way."""
        self.fake.route = f"way{number}"

    def heard(self, count: int) -> list[EchoReply]:  # noqa: ARG002  # here nothing takes time
        """Return answers, once there are so many, or none have come for a while."""
        return self.echoes.heard()


class RealNetwork:
    """The same in two namespaces."""

    def __init__(self, peer: int) -> None:
        self.peer = peer
        self.echoes: Echoes = RawEchoes()
        for number in (0, 1):
            self._ip(f"link add way{number} type veth peer name peer{number} netns {peer}")
            for address, length in ((f"10.9{number}.0.", 24), (f"2001:db8:9{number}::", 64)):
                self._ip(f"address add {address}1/{length} dev way{number} nodad")
                self._there(f"address add {address}2/{length} dev peer{number} nodad")
            self._ip(f"link set way{number} up")
            self._there(f"link set peer{number} up")
        self._there("link set lo up")
        for family, length in ((4, 32), (6, 128)):
            self._there(f"address add {PEER[family]}/{length} dev lo nodad")
            self._ip(f"address add {OWN[family]}/{length} dev lo nodad")
        self.route_by(0)

    def cut(self, number: int) -> None:
        self._there(f"link set peer{number} down")

    def route_by(self, number: int) -> None:
        self._ip(f"route replace 198.51.100.0/24 via 10.9{number}.0.2")
        self._ip(f"-6 route replace 2001:db8:99::/64 via 2001:db8:9{number}::2")
        self._there(f"route replace {OWN[4]}/32 via 10.9{number}.0.1")
        self._there(f"-6 route replace {OWN[6]}/128 via 2001:db8:9{number}::1")

    def heard(self, count: int) -> list[EchoReply]:
        found: list[EchoReply] = []
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while len(found) < count and time.monotonic() < deadline:
            select.select(self.echoes.descriptors(), [], [], deadline - time.monotonic())
            found += self.echoes.heard()
        return found

    def _ip(self, line: str) -> None:
        subprocess.run(["ip", *line.split()], check=True, timeout=10)

    def _there(self, line: str) -> None:
        subprocess.run(["nsenter", f"--net=/proc/{self.peer}/ns/net", "ip", *line.split()], check=True, timeout=10)


Network = FakeNetwork | RealNetwork


@contextmanager
def other_namespace() -> Iterator[int]:
    """Yield a process in a namespace of its own."""
    keeper = ["unshare", "--net", "sh", "-c", "echo there; exec cat"]
    with subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        try:
            yield process.pid
        finally:
            process.terminate()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.root)])
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    if request.param == "fake":
        yield FakeNetwork()
        return
    request.getfixturevalue("_own_network")
    with other_namespace() as peer:
        made = RealNetwork(peer)
        yield made
        made.echoes.stop()


def bound(number: int, family: int, token: int) -> EchoRequest:
    return EchoRequest(PEER[family], token, f"way{number}", OWN[family])


@FAMILIES
def test_an_answer_tells_whom_and_what_was_asked(network: Network, family: int) -> None:
    asked = [EchoRequest(PEER[family], 7), bound(0, family, 2**40 + 8), EchoRequest(PEER[family], 9, "way0")]
    assert network.echoes.ask(asked) == []
    assert network.heard(3) == [EchoReply(each.address, each.token) for each in asked]
    assert network.echoes.heard() == []


@FAMILIES
def test_nobody_is_silence(network: Network, family: int) -> None:
    assert network.echoes.ask([EchoRequest(NOBODY[family], 1), EchoRequest(PEER[family], 2)]) == []
    assert [each.token for each in network.heard(1)] == [2]


@FAMILIES
def test_a_request_goes_by_its_own_way_and_not_by_one_that_works(network: Network, family: int) -> None:
    network.cut(0)
    network.route_by(1)
    network.echoes.ask([bound(0, family, 1), EchoRequest(PEER[family], 2, source=OWN[family]), bound(1, family, 3)])
    # Answers of one peer come in the order of the requests: the first would have come by now.
    assert [each.token for each in network.heard(2)] == [2, 3]


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_where_no_route_leads_by_an_interface_ipv6_sends_nothing_and_ipv4_looks_on_the_link() -> None:
    with other_namespace() as peer:
        network = RealNetwork(peer)
        asked = [bound(1, 4, 1), bound(1, 6, 2)]
        assert network.echoes.ask(asked) == asked[1:]
        assert [each.token for each in network.heard(1)] == [1]
        network.route_by(1)
        assert network.echoes.ask(asked) == []
        assert [each.token for each in network.heard(2)] == [1, 2]
        network.echoes.stop()


@FAMILIES
def test_what_cannot_be_sent_is_told(network: Network, family: int) -> None:
    missing = EchoRequest(PEER[family], 1, "nowhere")
    strange = EchoRequest(PEER[family], 2, source="203.0.113.3" if family == 4 else "2001:db8:3::3")
    assert network.echoes.ask([missing, strange, EchoRequest(PEER[family], 3)]) == [missing, strange]
    assert [each.token for each in network.heard(1)] == [3]


def test_what_others_ask_for_is_passed_over(network: Network) -> None:
    if isinstance(network, FakeNetwork):
        other: Echoes = FakeEchoes(network.fake.ways, "way0")
    else:
        other = RawEchoes()
    network.echoes.ask([EchoRequest(PEER[4], 1)])
    network.heard(1)
    other.ask([EchoRequest(PEER[4], 2)])
    network.echoes.ask([EchoRequest(PEER[4], 3)])
    assert [each.token for each in network.heard(1)] == [3]
    other.stop()


def test_a_thousand_at_once_are_all_answered(network: Network) -> None:
    asked = [EchoRequest(PEER[4], token, f"way{token % 2}") for token in range(1000)]
    assert network.echoes.ask(asked) == []
    assert {each.token for each in network.heard(1000)} == set(range(1000))


@pytest.mark.root
def test_after_a_stop_it_begins_anew(network: Network) -> None:
    network.echoes.ask([EchoRequest(PEER[4], 1)])
    network.echoes.stop()
    network.echoes.ask([EchoRequest(PEER[4], 2)])
    assert [each.token for each in network.heard(1)] == [2]
