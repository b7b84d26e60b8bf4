# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each tunnel that its peer does not let come up says why, by ipsec_info on gateways of both releases.

The peer is Madrid, configured by hand: each of its tunnels is wrong in one way, see files/madrid.conf.
"""

from __future__ import annotations

import pytest

GATEWAYS = ("berlin", "paris")
# By tunnel: the reason of what is not up, and whether that is the phase 2 alone.
TUNNELS = {
    "nothing": ("", True),
    "key": ("authentication_refused", False),
    "algorithms": ("no_proposal", True),
    "networks": ("selectors", True),
    "expired": ("certificate_expired", False),
    "revoked": ("certificate_revoked", False),
    "silent": ("peer_silent", False),
    "name": ("name_unresolved", False),
}


def undecided(result):
    """Say whether some tunnels were not tried to the end: an emulated gateway may need longer than one probe for all."""
    return {"waiting", "connecting"} & {
        each["state"] for each in result["why_down"] if each["phase1"].startswith("why-")
    }


@pytest.fixture(scope="module")
def told(lab, module, until):
    """Return what ipsec_info says on each gateway when it has tried all tunnels."""
    options = {"gather": ["why_down", "sas"], "probe": True, "probe_timeout": 15}
    found = {}

    def decided():
        found.update(module("gateways", "ipsec_info", options))
        return not any(undecided(result) for result in found.values())

    until("each tunnel was tried", decided, seconds=90)
    yield found
    for gateway in GATEWAYS:
        lab.run(gateway, ["swanctl", "--terminate", "--ike", "why-nothing", "--timeout", "10"])


@pytest.mark.parametrize("tunnel", TUNNELS)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_tunnel_that_does_not_come_up_says_why(told, gateway, tunnel):
    reason, only_phase_2 = TUNNELS[tunnel]
    name = f"why-{tunnel}"
    found = [each for each in told[gateway]["why_down"] if each["phase1"] == name]
    parts = ["lan"] if only_phase_2 else [None, "lan"]
    assert [(each["phase2"], each["reason"], each["state"]) for each in found] == [
        (part, reason, "down") for part in parts if reason
    ], found
    up = [child["state"] for sa in told[gateway]["sas"] if sa["name"] == name for child in sa["children"]]
    assert up == ([] if reason else ["INSTALLED"])
