# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of what needs the program on the gateway: the shortest time of a silent peer, the order of what is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.agent_needs import (
    ends_silent_peers,
    needing_agent,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway

P1: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "s3cret"}


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"dpd": {"delay": 1, "timeout": 0}}, False),
        ({"dpd": {"delay": 1, "timeout": 1}}, True),
        ({"dpd": {"delay": 1, "timeout": 149}}, True),
        ({"dpd": {"delay": 1, "timeout": 150}}, False),
        ({"dpd": {"delay": 1, "timeout": 149, "enabled": False}}, False),
        ({"dpd": {"delay": 1, "timeout": 149}, "ike_version": 1}, False),
    ],
)
def test_who_is_given_up_before_charon_does_so(options: dict[str, Any], *, needed: bool) -> None:
    assert ends_silent_peers(parse_gateway({"phase1": [{**P1, **options}]}).phase1["paris"]) is needed


def test_what_needs_the_agent_is_told_in_the_order_of_names() -> None:
    fallbacks = [{"name": name, "primary": "paris", "fallbacks": [f"{name}-lte"]} for name in "bca"]
    connections = [{**P1, "name": name, "restart_on_gateway_change": True} for name in ("rome", "paris")]
    states = {"d": "sa", "c": "down", "b": "up", "a": "follow"}
    links = [{"name": name, "link_state": state} for name, state in states.items()]
    gateway = parse_gateway({"phase1": connections, "fallbacks": fallbacks, "xfrm_interfaces": links})
    told = list(needing_agent(gateway))
    assert told == [
        *(f"fallback {name}" for name in "abc"),
        *(f"phase1 {name} (restart_on_gateway_change: true)" for name in ("paris", "rome")),
        "xfrm_interface a (link_state: follow)",
        "xfrm_interface d (link_state: sa)",
    ]
