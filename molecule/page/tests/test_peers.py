# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels to peers that this collection did not configure, whichever side begins."""

from __future__ import annotations

import pytest

PACKETS = 20
# Our gateway and the peer by their networks, and by tunnel the number that its hosts' addresses end with.
PEERS = {"madrid": ("berlin", 1, 3), "rome": ("paris", 2, 4)}
BOTH = ("12", "13")
PSK = pytest.mark.proves("S13", option="phase1.psk", releases=BOTH)
CERTIFICATE = pytest.mark.proves("S14", option="phase1.auth_method", releases=BOTH)
TUNNELS = [
    pytest.param("psk2", 21, marks=PSK),
    pytest.param("psk1", 22, marks=PSK),
    pytest.param("cert2", 30, marks=CERTIFICATE),
    pytest.param("cert1", 31, marks=CERTIFICATE),
]


def by_us(lab, peer, tunnel):
    """Initiate at our gateway."""
    ours = PEERS[peer][0]
    lab.run(ours, ["swanctl", "--initiate", "--ike", f"{peer}-{tunnel}", "--child", "lan", "--timeout", "30"])


def by_peer(lab, peer, tunnel):
    """Initiate at the peer, with its own commands."""
    if peer == "madrid":
        lab.run(peer, ["swanctl", "--initiate", "--ike", tunnel, "--child", "lan", "--timeout", "30"])
    else:
        lab.run(peer, ["ipsec", "auto", "--up", tunnel])


def end(lab, peer, tunnel):
    """Close the tunnel on both sides, which leaves nothing behind that a test could take for its own."""
    ours = PEERS[peer][0]
    lab.run(ours, ["swanctl", "--terminate", "--ike", f"{peer}-{tunnel}", "--timeout", "10"], check=False)
    if peer == "rome":
        lab.run(peer, ["ipsec", "auto", "--down", tunnel], check=False)


@pytest.mark.proves("S05", option="phase1.ike_version", releases=BOTH)
@pytest.mark.parametrize("begin", [by_us, by_peer], ids=["we begin", "the peer begins"])
@pytest.mark.parametrize(("tunnel", "last"), TUNNELS)
@pytest.mark.parametrize("peer", PEERS)
def test_a_tunnel_to_a_foreign_peer(lab, peer, tunnel, last, begin):
    ours, our_site, their_site = PEERS[peer]
    end(lab, peer, tunnel)
    begin(lab, peer, tunnel)
    argv = ["ping", "-n", "-q", "-i", "0.01", "-c", str(PACKETS), "-W", "5", "-I", f"10.{our_site}.0.{last}"]
    with lab.capture(sites=(ours, peer)) as capture:
        told = lab.run(f"lan-{ours}", [*argv, f"10.{their_site}.0.{last}"], check=False).stdout
    assert f" {PACKETS} received" in told, told
    capture.report.require(expected={ours: PACKETS, peer: PACKETS})
    assert capture.report.clear == 0, capture.report.to_text()
    shown = lab.run(ours, ["swanctl", "--list-sas", "--ike", f"{peer}-{tunnel}"]).stdout
    assert f"IKEv{tunnel[-1]}" in shown, shown
