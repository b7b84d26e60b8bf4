# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's news: what has happened to links, addresses, routes, rules and nftables of ours is told, and to others' is not."""

from __future__ import annotations

import re
import select
import socket
import struct
import subprocess
from collections.abc import Iterator, Set

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.netlink import (
    ADDRESS,
    EVERYTHING,
    FIREWALL,
    LINK,
    ROUTE,
    RULE,
    Netlink,
)
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _own_network
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

__all__ = ["_own_network"]
pytestmark = [pytest.mark.root, pytest.mark.usefixtures("_own_network")]
OURS = 83
TABLES = """
table inet swanfleet { set peers { type ipv4_addr; elements = { 192.0.2.9 }; }
 chain input { type filter hook input priority -10; accept; }; }
table inet filter { set banned { type ipv4_addr; elements = { 192.0.2.66 }; }
 chain input { type filter hook input priority 0; policy drop; meta mark 7 accept comment "swanfleet"
  tcp dport 22 accept comment "people"; }; }
"""


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, timeout=10)


def nft(commands: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=commands, text=True, check=True, timeout=10)


def woken(news: Netlink) -> bool:
    return bool(select.select(news.descriptors(firewall=True), [], [], 10)[0])


@pytest.fixture
def news() -> Iterator[Netlink]:
    """Return the news of an empty network with one link that is up, from now on."""
    ip("link add dev wan0 type bridge")
    ip("address add 192.0.2.1/24 dev wan0 nodad")
    ip("link set wan0 up")
    nft(TABLES)
    listening = Netlink(frozenset({OURS}), "swanfleet")
    assert len(listening.descriptors(firewall=True)) == 2
    assert listening.happened() == frozenset()
    yield listening
    listening.stop()


def heard(news: Netlink, kind: str) -> Set[str]:
    """Return all kinds that were told until one of them was."""
    found: set[str] = set()

    def told() -> bool:
        found.update(news.happened())
        return kind in found

    assert awaited(told), f"{kind} was not told, but {found}"
    return found


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("link add dev x0 type bridge", LINK),
        ("link delete dev wan0", LINK),
        ("link set wan0 down", LINK),
        ("address add 192.0.2.7/24 dev wan0", ADDRESS),
        ("address delete 192.0.2.1/24 dev wan0", ADDRESS),
        ("address add 2001:db8::1/64 dev wan0 nodad", ADDRESS),
        ("route add 10.2.0.0/16 dev wan0 proto 83", ROUTE),
        ("-6 route add 2001:db8:2::/48 dev wan0 proto 83", ROUTE),
        ("route add default via 192.0.2.254", ROUTE),
        ("route add unreachable 10.3.0.0/16 proto 83", ROUTE),
        ("rule add from 192.0.2.1 lookup 7 protocol 83", RULE),
        ("-6 rule add oif wan0 lookup 7 suppress_prefixlength 0 protocol 83", RULE),
    ],
)
def test_it_is_told_as_it_happens(news: Netlink, command: str, kind: str) -> None:
    ip(command)
    assert woken(news), "nobody was woken"
    assert kind in heard(news, kind)


def test_a_route_of_ours_that_goes_is_told(news: Netlink) -> None:
    ip("route add 10.2.0.0/16 dev wan0 proto 83")
    heard(news, ROUTE)
    ip("route flush proto 83")
    assert ROUTE in heard(news, ROUTE)


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_rule_of_ours_that_goes_is_told_and_one_of_others_is_not(news: Netlink, family: str) -> None:
    ip(f"{family} rule add oif wan0 lookup 7 protocol 83")
    heard(news, RULE)
    ip(f"{family} rule add oif wan0 lookup 7 protocol bird")
    ip("address add 192.0.2.8/32 dev wan0")
    assert heard(news, ADDRESS) == {ADDRESS}
    ip(f"{family} rule delete oif wan0 lookup 7 protocol 83")
    assert RULE in heard(news, RULE)


@pytest.mark.parametrize(
    "command",
    [
        "flush ruleset",
        "delete table inet swanfleet",
        "flush chain inet swanfleet input",
        "delete element inet swanfleet peers { 192.0.2.9 }",
        "flush chain inet filter input",
        "delete table inet filter",
    ],
)
def test_what_goes_of_ours_in_nftables_is_told(news: Netlink, command: str) -> None:
    nft(command)
    assert woken(news), "nobody was woken"
    assert heard(news, FIREWALL) == {FIREWALL}


def test_what_others_do_in_nftables_is_no_news(news: Netlink) -> None:
    handle = re.search(
        r'people" # handle ([0-9]+)', subprocess.check_output(["nft", "-a", "list", "ruleset"], text=True)
    )
    assert handle is not None
    nft(f"delete rule inet filter input handle {handle[1]}")
    nft("delete element inet filter banned { 192.0.2.66 }")
    nft("table inet other { chain input { accept; }; }")
    nft("delete table inet other")
    ip("address add 192.0.2.9/32 dev wan0")
    assert heard(news, ADDRESS) == {ADDRESS}


def test_what_happens_in_nftables_is_told_to_who_asked_for_it_alone() -> None:
    nft(TABLES)
    listening = Netlink(frozenset({OURS}), "swanfleet")
    try:
        assert len(listening.descriptors(firewall=False)) == 1
        nft("flush ruleset")
        assert listening.happened() == frozenset()
        nft(TABLES)
        assert len(listening.descriptors(firewall=True)) == 2
        nft("flush ruleset")
        assert heard(listening, FIREWALL) == {FIREWALL}
    finally:
        listening.stop()


def test_a_thousand_routes_of_others_are_no_news(news: Netlink) -> None:
    routes = "".join(f"route add 10.{n // 250}.{n % 250}.0/24 dev wan0 proto bird\n" for n in range(1000))
    subprocess.run(["ip", "-batch", "-"], input=routes, text=True, check=True, timeout=20)
    ip("address add 192.0.2.9/32 dev wan0")
    # Its local route is the kernel's own, and no news either.
    assert heard(news, ADDRESS) == {ADDRESS}


def test_firewalls_news_that_were_too_many_are_news_of_everything(news: Netlink) -> None:
    with socket.socket(fileno=socket.dup(news.descriptors(firewall=True)[1])) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for number in range(200):
        nft(f"add table inet t{number}")
    assert news.happened() == EVERYTHING


def test_news_that_were_too_many_are_news_of_everything(news: Netlink) -> None:
    with socket.socket(fileno=socket.dup(news.descriptors(firewall=False)[0])) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    routes = "".join(f"route add 10.{n // 250}.{n % 250}.0/24 dev wan0\n" for n in range(1000))
    subprocess.run(["ip", "-batch", "-"], input=routes, text=True, check=True, timeout=20)
    assert news.happened() == EVERYTHING
    ip("link set wan0 down")
    assert LINK in heard(news, LINK)


def test_what_is_cut_off_or_makes_no_sense_is_passed_over(news: Netlink) -> None:
    cut = struct.pack("=IHHII", 17, 24, 0, 0, 0) + b"\x02"
    assert list(news._kinds(cut)) == []
    assert list(news._kinds(struct.pack("=IHHII", 0, 16, 0, 0, 0) * 3)) == []
    for attributes in (b"", b"\x05\x00\x15\x00", b"\x03\x00\x15\x00\x53", b"\x05\x00\x14\x00\x53"):
        body = bytes(12) + attributes
        assert list(news._kinds(struct.pack("=IHHII", 16 + len(body), 32, 0, 0, 0) + body)) == []
    body = bytes(12) + struct.pack("=HHIHHB", 8, 15, 7, 5, 21, OURS)
    assert list(news._kinds(struct.pack("=IHHII", 16 + len(body), 32, 0, 0, 0) + body)) == [RULE]
