# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One XFRM interface that several tunnels share."""

from __future__ import annotations

import json
import re

import pytest

PACKETS = 50
# The number of each tunnel's hosts.
TUNNELS = {"shared-a": 32, "shared-b": 33, "shared-c": 34}
LINK = "ipsec-shared"


def link(lab, node):
    """Return the number of the shared interface, and how many packets it has sent."""
    shown = json.loads(lab.run(node, ["ip", "-j", "-d", "-s", "link", "show", "dev", LINK]).stdout)[0]
    return shown["linkinfo"]["info_data"]["if_id"], shown["stats64"]["tx"]["packets"]


def sent(lab, node, tunnel):
    """Return the number of the interface that a tunnel's SAs belong to, and how many packets its CHILD_SA has sent."""
    raw = lab.run(node, ["swanctl", "--list-sas", "--ike", tunnel, "--raw"]).stdout
    (number,) = set(re.findall(r"if-id-out=(\w+)", raw))
    return int(number, 16), sum(int(each) for each in re.findall(r"packets-out=(\d+)", raw))


@pytest.mark.proves("S03", option="phase1.xfrm_interface", releases=("12", "13"))
def test_three_tunnels_share_an_interface(lab, traffic, until):
    for tunnel, last in TUNNELS.items():
        until(tunnel, lambda n=last: traffic("lan-berlin", f"10.1.0.{n}", f"10.2.0.{n}", 1).answered, seconds=30)
    before = {node: link(lab, node) for node in ("berlin", "paris")}
    by_tunnel = {(node, tunnel): sent(lab, node, tunnel) for node in before for tunnel in TUNNELS}
    with lab.capture(sites=("berlin", "paris")) as capture:
        for last in TUNNELS.values():
            assert traffic("lan-berlin", f"10.1.0.{last}", f"10.2.0.{last}", PACKETS).answered == PACKETS
    capture.report.require(expected=dict.fromkeys(before, len(TUNNELS) * PACKETS))
    assert capture.report.clear == 0, capture.report.to_text()
    for node, (number, packets) in before.items():
        assert link(lab, node) == (number, packets + len(TUNNELS) * PACKETS)
        for tunnel in TUNNELS:
            # Each has sent its own packets and no other's, and all of them by the one interface.
            assert sent(lab, node, tunnel) == (int(number, 16), by_tunnel[node, tunnel][1] + PACKETS)
