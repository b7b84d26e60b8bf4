# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run foretells of transport mode and AH, which only a real kernel has, is what becomes of their SAs."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

AH = {"name": "lan", "phase1": "ah", "local_networks": ["10.1.0.23/32"], "remote_networks": ["10.2.0.23/32"]}
VXLAN = {"name": "all", "phase1": "vxlan"}
# Of each connection the children; the last one is left alone.
CHILDREN = {"ah": ["lan"], "vxlan": ["all-in", "all-out"], "gre": ["all"]}
KINDS = {"ah": ("TUNNEL", "AH"), "vxlan": ("TRANSPORT", "ESP"), "gre": ("TRANSPORT", "ESP")}
# What the peer takes as well.
OTHERS = {"ah_proposals": ["sha256-curve25519"]}, {"proposals": ["aes256gcm16-curve25519"]}


def options(ah, vxlan):
    """Return the options of a run that sets both phase 2s, with more options for each."""
    return {"state": "merged", "config": {"phase2": [{**AH, **ah}, {**VXLAN, **vxlan}]}}


def shown(lab, connection):
    """Return a connection's SAs as charon shows them for programs."""
    return lab.run("berlin", ["swanctl", "--list-sas", "--ike", connection, "--raw"]).stdout


def sas_of(lab, connection):
    """Return the number of a connection's IKE_SA, and the SPIs of its CHILD_SAs, which are those of the kernel."""
    told = shown(lab, connection)
    (number,) = re.findall(rf"event {{{connection} {{uniqueid=(\d+)", told)
    assert set(re.findall(r"mode=(\w+) protocol=(\w+)", told)) == {KINDS[connection]}
    spis = {int(spi, 16) for spi in re.findall(r"spi-(?:in|out)=(\w+)", told)}
    kernel = {int(spi, 16) for spi in re.findall(r"spi 0x(\w+)", lab.run("berlin", ["ip", "xfrm", "state"]).stdout)}
    assert len(spis) == 2 * len(CHILDREN[connection])
    assert spis <= kernel
    return number, spis


def bring_up(lab):
    """Bring up what is not up."""
    for connection, children in CHILDREN.items():
        for child in children:
            if not re.search(rf"name={child} uniqueid=\d+ reqid=\d+ state=INSTALLED", shown(lab, connection)):
                lab.run("berlin", ["swanctl", "--initiate", "--ike", connection, "--child", child, "--timeout", "30"])


def test_a_changed_proposal_does_to_the_sas_what_was_foretold(lab, module, traffic):
    bring_up(lab)
    before = {connection: sas_of(lab, connection) for connection in CHILDREN}
    change = options(*OTHERS)
    foretold = module("berlin", "ipsec_gateway", change, check=True)["berlin"]["disruption"]
    assert foretold == {"ah": "rekey", "vxlan": "rekey"}
    assert {connection: sas_of(lab, connection) for connection in CHILDREN} == before
    try:
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(traffic, "lan-berlin", "10.1.0.23", "10.2.0.23", 200, interval="0.05")
            assert module("berlin", "ipsec_gateway", change)["berlin"]["disruption"] == foretold
            sent = sending.result()
        after = {connection: sas_of(lab, connection) for connection in CHILDREN}
        for connection in foretold:
            (ike, old), (ike_now, new) = before[connection], after[connection]
            assert ike_now == ike
            assert not old & new
        assert after["gre"] == before["gre"]
        # What is on its way by an old SA when that ends is lost; an interruption would lose as much as lies between the SAs.
        assert sent.sent == 200
        assert sent.answered >= sent.sent - 2
    finally:
        module("berlin", "ipsec_gateway", options({}, {}))
