# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How packets look on the wire: transport mode for VXLAN and GRE and nothing else, and AH."""

from __future__ import annotations

import pytest

BERLIN, PARIS = "192.0.2.2", "198.51.100.2"
# What each gateway sends is captured at its uplink.
UPLINKS = ("berlin-wan0", "paris-wan0")
PACKETS = 50
# Other UDP between the same hosts, which is not to be protected.
DATAGRAMS = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for number in range({PACKETS}):
        sender.sendto(b"in the clear", ("{PARIS}", 5300))
"""
OVERLAYS = {
    "vxlan": ("type vxlan id 7 dstport 4789", "udp port 4789"),
    "gre": ("type gre", "ip proto 47"),
}


@pytest.fixture(params=OVERLAYS)
def overlay(lab, request):
    """Make an overlay link between the gateways; return its name, the peer's address in it, and what finds it in the clear."""
    kind, wanted = OVERLAYS[request.param]
    network = f"10.77.{1 + list(OVERLAYS).index(request.param)}"
    for node, local, remote, last in (("berlin", BERLIN, PARIS, 1), ("paris", PARIS, BERLIN, 2)):
        script = f"ip link add over0 {kind} local {local} remote {remote} && ip link set over0 up"
        lab.run(node, ["sh", "-c", f"{script} && ip address add {network}.{last}/24 dev over0"])
    yield request.param, f"{network}.2", wanted
    for node in ("berlin", "paris"):
        lab.run(node, ["ip", "link", "delete", "over0"])


@pytest.mark.proves("S07", option="phase1.connection_type", releases=("12", "13"))
@pytest.mark.proves("S07", option="phase1.traffic_selector", releases=("12", "13"))
def test_transport_protects_the_overlay_and_nothing_else(lab, overlay, traffic, frames, until):
    name, target, wanted = overlay
    with lab.capture(sites=("berlin", "paris")):
        until(f"{name} is up", lambda: traffic("berlin", "", target, 1).answered, seconds=30)
        assert traffic("berlin", "", target, PACKETS).answered == PACKETS
        lab.run("berlin", ["python3", "-c", DATAGRAMS])
        lab.run("berlin", ["nc", "-z", "-w", "10", PARIS, "22"])
    for uplink in UPLINKS:
        assert frames(uplink, wanted) == 0, uplink
        assert frames(uplink, "ip proto 50") >= PACKETS, uplink
        assert frames(uplink, "tcp port 22") > 0, uplink
    assert frames("berlin-wan0", "udp port 5300") == PACKETS


def test_the_same_look_finds_the_overlay_without_encryption(lab, overlay, traffic, frames):
    _name, target, wanted = overlay
    try:
        for node in ("berlin", "paris"):
            lab.run(node, ["systemctl", "stop", "strongswan"])
        with lab.capture(sites=("berlin", "paris")):
            assert traffic("berlin", "", target, PACKETS).answered == PACKETS
        for uplink in UPLINKS:
            assert frames(uplink, wanted) >= PACKETS, uplink
    finally:
        for node in ("berlin", "paris"):
            lab.run(node, ["systemctl", "start", "strongswan"])


@pytest.mark.proves("S09", option="phase1.encryption_type", releases=("12", "13"))
def test_ah_is_what_is_on_the_wire(lab, traffic, frames, until):
    until("it is up", lambda: traffic("lan-berlin", "10.1.0.23", "10.2.0.23", 1).answered, seconds=30)
    with lab.capture(sites=("berlin", "paris")):
        assert traffic("lan-berlin", "10.1.0.23", "10.2.0.23", PACKETS).answered == PACKETS
    for uplink in UPLINKS:
        assert frames(uplink, "ip proto 51") >= PACKETS, uplink
