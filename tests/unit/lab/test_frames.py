# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What captured frames are taken for."""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

import pytest
from swanlab.frames import Classifier, PcapError, read_pcap
from swanlab.host.capture import MARKER

PROTECTED = ("10.1.0.0/24", "10.2.0.0/24", "fd00:1::/64", "fd00:2::/64")
BERLIN, PARIS = "192.0.2.2", "198.51.100.2"
BERLIN6, PARIS6 = "2001:db8:1::2", "2001:db8:2::2"
ESP_IN_UDP = struct.pack("!I", 0xC0FFEE01) + b"\x00" * 20
IKE_IN_UDP = b"\x00" * 4 + b"\x11" * 28


def ethernet(ethertype: int, payload: bytes) -> bytes:
    return b"\x02\x00\x00\x00\x02\x02\x02\x00\x00\x00\x01\x02" + struct.pack("!H", ethertype) + payload


def ipv4(
    source: str, target: str, protocol: int, payload: bytes, *, offset: int = 0, more: bool = False, number: int = 7
) -> bytes:
    fragment = offset // 8 | (0x2000 if more else 0)
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(target).packed
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0) + ends + payload


def ipv6(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    ends = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(target).packed
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload


def udp(source: int, target: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source, target, 8 + len(payload), 0) + payload


def frame4(protocol: int, payload: bytes, *, source: str = BERLIN, target: str = PARIS) -> bytes:
    return ethernet(0x0800, ipv4(source, target, protocol, payload))


def frame6(protocol: int, payload: bytes, *, source: str = BERLIN6, target: str = PARIS6) -> bytes:
    return ethernet(0x86DD, ipv6(source, target, protocol, payload))


PING = b"\x08\x00" + b"\x00" * 62
INNER4 = ipv4("10.1.0.10", "10.2.0.10", 1, PING)
INNER6 = ipv6("fd00:1::10", "fd00:2::10", 58, PING)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        pytest.param(frame4(50, b"\x00" * 80), "esp", id="ESP over IPv4"),
        pytest.param(frame6(50, b"\x00" * 80), "esp", id="ESP over IPv6"),
        pytest.param(
            frame6(0, bytes([50, 0]) + b"\x00" * 6 + b"\x00" * 80), "esp", id="ESP behind a hop-by-hop header"
        ),
        pytest.param(
            frame6(60, bytes([50, 1]) + b"\x00" * 14 + b"\x00" * 80), "esp", id="ESP behind 16 bytes of options"
        ),
        pytest.param(frame4(17, udp(4500, 4500, ESP_IN_UDP)), "esp", id="ESP in UDP"),
        pytest.param(frame4(17, udp(40001, 4500, ESP_IN_UDP)), "esp", id="ESP in UDP from a translated port"),
        pytest.param(frame6(17, udp(4500, 4500, ESP_IN_UDP)), "esp", id="ESP in UDP over IPv6"),
        pytest.param(frame4(51, b"\x00" * 80), "ah", id="AH"),
        pytest.param(frame4(17, udp(500, 500, b"\x11" * 28)), "ike", id="IKE"),
        pytest.param(frame4(17, udp(4500, 4500, IKE_IN_UDP)), "ike", id="IKE with the non-ESP marker"),
        pytest.param(frame4(17, udp(4500, 4500, b"\xff")), "ike", id="a NAT keepalive is no ESP"),
        pytest.param(ethernet(0x0800, INNER4), "clear", id="a ping between the networks"),
        pytest.param(ethernet(0x86DD, INNER6), "clear", id="an IPv6 ping between the networks"),
        pytest.param(frame4(1, PING, source="10.1.0.1"), "clear", id="only the source is protected"),
        pytest.param(frame4(1, PING, target="10.2.0.10"), "clear", id="only the target is protected"),
        pytest.param(
            frame4(17, udp(500, 500, b"\x11" * 28), source="10.1.0.10"), "clear", id="IKE's port excuses nothing"
        ),
        pytest.param(frame4(17, udp(53, 4500, b"\x11" * 28), source="10.1.0.10"), "clear", id="nor does ESP's in UDP"),
        pytest.param(frame4(4, INNER4), "clear", id="in the clear inside IP in IP"),
        pytest.param(frame4(41, INNER6), "clear", id="in the clear inside IPv6 in IPv4"),
        pytest.param(frame6(4, INNER4), "clear", id="in the clear inside IPv4 in IPv6"),
        pytest.param(frame4(47, struct.pack("!HH", 0, 0x0800) + INNER4), "clear", id="in the clear inside GRE"),
        pytest.param(frame4(47, struct.pack("!HHI", 0x2000, 0x0800, 9) + INNER4), "clear", id="inside GRE with a key"),
        pytest.param(
            ethernet(0x8100, struct.pack("!HH", 5, 0x0800) + INNER4), "clear", id="in the clear inside a VLAN"
        ),
        pytest.param(frame4(1, PING), "other", id="a ping between the gateways"),
        pytest.param(frame4(17, udp(53, 4501, b"\x00" * 20)), "other", id="some UDP"),
        pytest.param(ethernet(0x0806, b"\x00" * 28), "other", id="ARP"),
        pytest.param(frame6(58, b"\x87" + b"\x00" * 23), "other", id="neighbour discovery"),
        pytest.param(ethernet(0x0800, INNER4)[:30], "unreadable", id="cut off in the IPv4 header"),
        pytest.param(ethernet(0x86DD, INNER6)[:40], "unreadable", id="cut off in the IPv6 header"),
        pytest.param(frame4(17, udp(4500, 4500, ESP_IN_UDP))[:44], "unreadable", id="cut off before ESP's SPI in UDP"),
        pytest.param(frame4(17, b"\x11\x94"), "unreadable", id="cut off in the UDP header"),
        pytest.param(b"\x02" * 8, "unreadable", id="cut off in the Ethernet header"),
        pytest.param(ethernet(0x0800, b""), "unreadable", id="an empty IPv4 packet"),
    ],
)
def test_a_frame_is_what_the_wire_shows(frame: bytes, kind: str) -> None:
    assert Classifier(PROTECTED).kind(frame) == kind


def test_a_later_fragment_is_of_its_first_ones_kind() -> None:
    whole = udp(4500, 4500, ESP_IN_UDP)
    first = ethernet(0x0800, ipv4(BERLIN, PARIS, 17, whole[:24], more=True))
    later = ethernet(0x0800, ipv4(BERLIN, PARIS, 17, whole[24:], offset=24))
    stranger = ethernet(0x0800, ipv4(BERLIN, PARIS, 17, whole[24:], offset=24, number=8))
    assert Classifier(PROTECTED).count([first, later, stranger]) == {"esp": 2, "other": 1}


def test_a_later_fragment_over_ipv6_is_of_its_first_ones_kind() -> None:
    whole = udp(4500, 4500, ESP_IN_UDP)
    first = frame6(44, struct.pack("!BBHI", 17, 0, 1, 99) + whole[:24])
    later = frame6(44, struct.pack("!BBHI", 17, 0, 24, 99) + whole[24:])
    assert Classifier(PROTECTED).count([first, later]) == {"esp": 2}


def test_a_lone_later_fragment_from_a_protected_network_is_clear() -> None:
    later = ethernet(0x0800, ipv4("10.1.0.10", PARIS, 17, b"\x00" * 32, offset=64))
    assert Classifier(PROTECTED).kind(later) == "clear"


def test_the_labs_own_marker_is_not_counted() -> None:
    assert Classifier(PROTECTED).count([MARKER, frame4(50, b"\x00" * 80)]) == {"esp": 1}


def test_what_is_protected_is_the_callers_choice() -> None:
    assert Classifier(["192.0.2.0/24"]).kind(frame4(1, PING)) == "clear"
    assert Classifier([]).kind(ethernet(0x0800, INNER4)) == "other"


def pcap(frames: list[bytes], *, order: str = "<", link: int = 1) -> bytes:
    header = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    return header + b"".join(struct.pack(order + "IIII", 0, 0, len(f), len(f)) + f for f in frames)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_capture_file_gives_its_frames(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([b"a" * 60, b"b" * 61], order=order))
    assert list(read_pcap(path)) == [b"a" * 60, b"b" * 61]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "no pcap header", id="empty"),
        pytest.param(b"\x00" * 40, "not a capture of Ethernet", id="something else"),
        pytest.param(pcap([], link=113), "not a capture of Ethernet", id="another link type"),
        pytest.param(pcap([b"a" * 60])[:-1], "cut off in a frame", id="cut off in a frame"),
        pytest.param(pcap([b"a" * 60]) + b"\x00" * 5, "cut off in a frame's header", id="cut off in a header"),
    ],
)
def test_a_broken_capture_file_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(data)
    with pytest.raises(PcapError, match=says):
        list(read_pcap(path))
