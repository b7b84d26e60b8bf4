# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan tells of tunnels whose link is made anew under them."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import LiveChild, LiveSa, ObservedLink
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.difference import plan
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.disruption import END, NONE, REESTABLISH, REKEY
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.links import with_links
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    config,
)
from ansible_collections.swanfleet.ipsec.tests.unit.plugins.module_utils.plan.test_plan import BOTH, LINK, there, wanted

UP = LiveSa(1, True, False, (LiveChild("lan", 1, True),))
IDLE = LiveSa(1, True, False, ())
MOVED = dataclasses.replace(LINK, parent="wan1")
RENAMED = dataclasses.replace(LINK, name="ipsec-old")


@pytest.mark.parametrize(
    ("links", "live", "told"),
    [
        pytest.param({"ipsec-paris": MOVED}, UP, {"paris": "reestablish"}, id="another parent, and it is up"),
        pytest.param({"ipsec-paris": MOVED}, IDLE, {"paris": "none"}, id="another parent, and nothing is up"),
        pytest.param({"ipsec-old": RENAMED}, UP, {"paris": "reestablish"}, id="another name with the same number"),
        pytest.param({}, UP, {}, id="it was not there"),
        pytest.param({"ipsec-paris": dataclasses.replace(LINK, mtu=1400)}, UP, {}, id="changed in place"),
        pytest.param({"ipsec-paris": LINK}, UP, {}, id="as it is wanted"),
    ],
)
def test_a_link_made_anew_interrupts_its_tunnels(
    links: dict[str, ObservedLink], live: LiveSa, told: dict[str, str]
) -> None:
    observed = there(BOTH, links=links)
    assert plan(wanted(BOTH), observed).unsettled == tuple(told)
    found = plan(wanted(BOTH), observed, {"paris": (live,)})
    assert (found.disruption, found.unsettled) == (told, ())


def test_a_tunnel_that_changes_with_its_link_is_asked_about_once() -> None:
    changed = config([{**PARIS, "lifetime": "2h"}, ROME], [PARIS_LAN, ROME_LAN], [INTERFACE])
    assert plan(wanted(changed), there(BOTH, links={"ipsec-paris": MOVED})).unsettled == ("paris",)


def test_a_tunnel_that_charon_does_not_have_is_not_interrupted() -> None:
    observed = there(BOTH, links={"ipsec-paris": MOVED}, connections=frozenset({"rome"}))
    assert plan(wanted(BOTH), observed).disruption["paris"] == "none"


def test_what_ends_a_tunnel_ends_it_whatever_its_link_does() -> None:
    told = {"paris": END, "rome": REKEY, "oslo": NONE}
    live = {"paris": (UP,), "rome": (UP,), "oslo": (IDLE,)}
    assert with_links(told, frozenset(), told, live) == {"paris": END, "rome": REESTABLISH, "oslo": NONE}
