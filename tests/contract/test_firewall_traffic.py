# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets through the host's firewall, on a real kernel: who gets in, what comes out of a tunnel, and with which addresses.

Frames are put on the far end of a veth pair, as a neighbour would send them. A link with a tunnel's name stands in for an
XFRM interface; what needs real IPsec is shown in the lab.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.firewall import firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import Nftables
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.firewall import parse_ruleset
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.firewall import firewall_problems, plan_firewall
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

__all__ = ["_own_network"]

DROPPING = """
flush ruleset
table inet filter {
    chain input { type filter hook input priority filter; policy drop; meta l4proto { icmp, icmpv6 } accept; }
    chain forward { type filter hook forward priority filter; policy drop; }
}
"""
MASQUERADING = """
table ip nat {
    chain post { type nat hook postrouting priority srcnat; oifname "wan0" masquerade; }
}
"""
PEER, STRANGER, HOST = "198.51.100.2", "198.51.100.99", "192.0.2.1"
ESP, AH, UDP, TCP = 50, 51, 17, 6
# The frames of `ip link` neighbours that nobody asks for.
THERE = bytes.fromhex("020000000001")
SITUATION = Situation(b"k" * 32, {"wan0": (HOST,)}, {4: "wan0"}, mtus={"wan0": 1500})


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(port: int, text: bytes = b"ping") -> bytes:
    return struct.pack("!HHHH", 500, port, 8 + len(text), 0) + text


def tcp(source: str, target: str, port: int, *, flags: int = 2, ports: tuple[int, int] | None = None) -> bytes:
    """Return a segment that opens a connection, with the largest segment that Ethernet takes; or one with other flags."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    head = struct.pack("!HHIIBBHHH", *(ports or (40000, port)), 7, 7, 0x60, flags, 64000, 0, 0) + b"\2\4\5\xb4"
    pseudo = ends + struct.pack("!BBH", 0, TCP, len(head))
    return head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]


class Wires:
    """A host with an uplink, a LAN and a tunnel's link, and the far ends of all three."""

    def __init__(self) -> None:
        self._wires: dict[str, socket.socket] = {}
        self._seen = 0
        addresses = {"wan0": "192.0.2.1/24", "lan0": "10.1.0.1/24", "ipsec-paris": "10.255.0.1/30"}
        for number, (name, address) in enumerate(addresses.items()):
            far = f"far{number}"
            self._ip(f"link add {name} type veth peer name {far}")
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1", encoding="ascii")
            Path(f"/proc/sys/net/ipv6/conf/{far}/disable_ipv6").write_text("1", encoding="ascii")
            Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0", encoding="ascii")
            self._ip(f"link set {far} up")
            self._ip(f"link set {name} up")
            self._ip(f"address add {address} dev {name}")
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            wire.bind((far, 3))
            wire.settimeout(0.0)
            self._wires[name] = wire
        self._ip("route add default via 192.0.2.254 dev wan0")
        self._ip("neighbour add 192.0.2.254 dev wan0 lladdr 02:00:00:00:00:01")
        self._ip("neighbour add 10.1.0.10 dev lan0 lladdr 02:00:00:00:00:01")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")

    def _ip(self, line: str) -> None:
        subprocess.run(["ip", *line.split()], check=True, timeout=10)

    def send(self, name: str, packet: bytes) -> None:
        """Have a packet come in at a link of the host."""
        told = subprocess.run(
            ["ip", "-br", "link", "show", name], capture_output=True, text=True, check=True, timeout=10
        )
        mac = bytes.fromhex(told.stdout.split()[2].replace(":", ""))
        self._wires[name].send(mac + THERE + b"\x08\x00" + packet)

    def passed(self, way: tuple[str, str], packet: bytes) -> bytes:
        """Send a packet in at one link, then an echo request that the host answers; return what left by another before that."""
        came, goes = way
        self.send(came, packet)
        self._seen += 1
        mark = struct.pack("!HH", 9, self._seen)
        echo = b"\x08\0\0\0" + mark
        echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
        neighbour = {"wan0": ("192.0.2.254", HOST), "lan0": ("10.1.0.10", "10.1.0.1")}[goes]
        self.send(goes, ipv4(*neighbour, 1, echo))
        found = b""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                frame = self._wires[goes].recv(2048)
            except BlockingIOError:
                continue
            inside = frame[14:]
            if frame[12:14] != b"\x08\0" or frame[6:12] == THERE:
                continue
            if inside[9] == 1 and inside[24:28] == mark and inside[20] == 0:
                return found
            found = inside if inside[9] == packet[9] else found
        raise AssertionError("the host has not answered an echo request")

    def close(self) -> None:
        for wire in self._wires.values():
            wire.close()


@pytest.fixture
def wires(_own_network: None) -> Iterator[Wires]:
    made = Wires()
    yield made
    made.close()


class Listener:
    """The host's own ends: its UDP ports, and ESP and AH."""

    def __init__(self) -> None:
        self._sockets = {}
        for port in (500, 4500, 501):
            self._sockets[f"udp {port}"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets[f"udp {port}"].bind((HOST, port))
        for name, protocol in (("esp", ESP), ("ah", AH)):
            self._sockets[name] = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)

    def heard(self, wires: Wires, source: str) -> list[str]:
        """Send a packet of each kind from an address, and return which of them came through."""
        for port in (500, 4500, 501):
            wires.send("wan0", ipv4(source, HOST, UDP, udp(port)))
        for protocol in (ESP, AH):
            wires.send("wan0", ipv4(source, HOST, protocol, b"12345678" * 3))
        # All of them have gone through when what came after them is answered.
        wires.passed(("wan0", "wan0"), ipv4(source, HOST, 253, b"nothing"))
        return [name for name, each in self._sockets.items() if _has(each)]

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()


def _has(each: socket.socket) -> bool:
    found = False
    each.settimeout(0.0)
    try:
        while each.recv(2048):
            found = True
    except BlockingIOError:
        return found
    return found


@pytest.fixture
def listener(wires: Wires) -> Iterator[Listener]:  # noqa: ARG001  # its addresses are there with them
    made = Listener()
    yield made
    made.close()


def load(text: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True, timeout=10)


def make(wanted: Config) -> None:
    artifact = firewall(parse_gateway(wanted), SITUATION)[0]
    for steps in plan_firewall(artifact, parse_ruleset(Nftables().ruleset())):
        if steps:
            Nftables().commit([command for step in steps for command in step.nft])


OPEN = {**ROME, "remote_endpoints": [PEER], "firewall_rule": True, "init_type": "none"}


@pytest.mark.root
@pytest.mark.proves("S23", option="phase1.firewall_rule")
def test_the_peer_gets_in_and_a_stranger_does_not(wires: Wires, listener: Listener) -> None:
    load(DROPPING)
    assert listener.heard(wires, PEER) == []
    make(config([OPEN], []))
    for _each in "after it was made", "after the host's rules were loaded again":
        assert listener.heard(wires, PEER) == ["udp 500", "udp 4500", "esp"]
        assert listener.heard(wires, STRANGER) == []
        load(DROPPING)
        assert listener.heard(wires, PEER) == []
        make(config([OPEN], []))
    make(config([ROME], []))
    assert listener.heard(wires, PEER) == []


@pytest.mark.root
@pytest.mark.parametrize("priority", [-150, -11, -9, -5, 0, 9, 11, 50])
def test_a_chain_that_drops_is_refused_at_priorities_where_our_rule_is_in_vain(
    wires: Wires, listener: Listener, priority: int
) -> None:
    load(DROPPING.replace("input priority filter", f"input priority {priority}"))
    # One that is named gets the rule wherever it is.
    wanted = {**config([OPEN], []), "firewall": [{"family": "inet", "table": "filter", "input_chain": "input"}]}
    make(wanted)
    found = parse_ruleset(Nftables().ruleset())
    assert [each.place for each in found.rules] == [("inet", "filter", "input")]
    problems = firewall_problems(firewall(parse_gateway(wanted), SITUATION)[0], found)
    assert bool(listener.heard(wires, PEER)) == (not problems)
    assert (problems == []) == (-10 < priority < 10)


@pytest.mark.root
@pytest.mark.parametrize(
    ("option", "peer", "stranger"),
    [
        ({"remote_endpoints": ["198.51.100.0/26"]}, ["udp 500", "udp 4500", "esp"], []),
        ({"remote_endpoints": ["198.51.100.1-198.51.100.9"]}, ["udp 500", "udp 4500", "esp"], []),
        ({"encryption_type": "ah"}, ["udp 500", "udp 4500", "ah"], []),
        ({"interfaces": ["lan0"]}, [], []),
        ({"interfaces": ["any"]}, ["udp 500", "udp 4500", "esp"], []),
        ({"interfaces": ["192.0.2.1"]}, ["udp 500", "udp 4500", "esp"], []),
        ({"interfaces": ["192.0.2.7"]}, [], []),
        ({"remote_endpoints": ["0.0.0.0/0"], "init_type": "none"}, *([["udp 500", "udp 4500", "esp"]] * 2)),
        ({"local_port": 501}, ["udp 4500", "udp 501", "esp"], []),
    ],
)
def test_each_way_to_say_who_gets_in(
    wires: Wires, listener: Listener, option: Config, peer: list[str], stranger: list[str]
) -> None:
    load(DROPPING)
    make(config([{**OPEN, **option}], []))
    assert listener.heard(wires, PEER) == peer
    assert listener.heard(wires, STRANGER) == stranger


@pytest.mark.root
@pytest.mark.proves("S43", option="phase2.allow")
@pytest.mark.proves("S43", option="xfrm_interface.allow")
@pytest.mark.parametrize("where", ["phase2", "interface"])
def test_what_is_allowed_comes_out_of_the_tunnel_with_its_answers_and_nothing_else(wires: Wires, where: str) -> None:
    allow = [{"protocol": "tcp", "ports": [443], "source": ["10.2.0.0/24"], "destination": ["10.1.0.0/24"]}]
    child = {**PARIS_LAN, "allow": allow} if where == "phase2" else PARIS_LAN
    link = {**INTERFACE, "allow": allow} if where == "interface" else INTERFACE
    far, near = "10.2.0.10", "10.1.0.10"
    inwards, outwards = ("ipsec-paris", "lan0"), ("lan0", "wan0")
    subprocess.run("ip route add 10.2.0.0/24 via 192.0.2.254".split(), check=True, timeout=10)
    load(DROPPING)
    assert not wires.passed(inwards, ipv4(far, near, TCP, tcp(far, near, 443)))
    make(config([PARIS], [child], [link]))
    assert not wires.passed(inwards, ipv4(far, near, TCP, tcp(far, near, 80)))
    assert not wires.passed(inwards, ipv4("10.2.1.10", near, TCP, tcp("10.2.1.10", near, 443)))
    assert not wires.passed(("wan0", "lan0"), ipv4(far, near, TCP, tcp(far, near, 443)))
    assert wires.passed(inwards, ipv4(far, near, TCP, tcp(far, near, 443)))
    # What nobody has opened from here does not go back, and here it would go by another link than the tunnel's.
    assert not wires.passed(outwards, ipv4(near, far, TCP, tcp(near, far, 22)))


@pytest.mark.root
def test_protected_traffic_keeps_its_source_where_the_host_masquerades(wires: Wires) -> None:
    way, near, far, elsewhere = ("lan0", "wan0"), "10.1.0.10", "10.3.0.10", "203.0.113.7"
    load("flush ruleset\n" + MASQUERADING)
    masqueraded = wires.passed(way, ipv4(near, far, TCP, tcp(near, far, 80)))
    assert masqueraded[12:16] == ipaddress.ip_address(HOST).packed
    make(config([ROME], [{**ROME_LAN, "nat_exemption": True}]))
    kept = wires.passed(way, ipv4(near, far, TCP, tcp(near, far, 81, ports=(40001, 81))))
    assert kept[12:16] == ipaddress.ip_address(near).packed
    masqueraded = wires.passed(way, ipv4(near, elsewhere, TCP, tcp(near, elsewhere, 80)))
    assert masqueraded[12:16] == ipaddress.ip_address(HOST).packed


@pytest.mark.root
@pytest.mark.parametrize(("mss", "size"), [(1200, 1200), ("auto", 1500 - 101 - 40), (9000, 1460)])
def test_segments_are_made_to_fit_into_the_tunnel(wires: Wires, mss: object, size: int) -> None:
    way, near, far, elsewhere = ("lan0", "wan0"), "10.1.0.10", "10.3.0.10", "203.0.113.7"
    make(config([ROME], [{**ROME_LAN, "mss": mss}]))
    for towards, one, other in ((way, near, far), (way[::-1], far, near)):
        found = wires.passed(towards, ipv4(one, other, TCP, tcp(one, other, 80)))
        assert struct.unpack("!H", found[42:44]) == (size,)
    found = wires.passed(way, ipv4(near, elsewhere, TCP, tcp(near, elsewhere, 80)))
    assert struct.unpack("!H", found[42:44]) == (1460,)
