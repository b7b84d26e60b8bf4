# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a segment of TCP may be, so that it fits into the tunnel and that into the line."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.translation import clamping
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation

PARIS: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "a long enough key"}
LAN: dict[str, Any] = {"name": "lan", "phase1": "paris", "mss": "auto"}
IPV4 = {"local_networks": ["10.1.0.0/16"], "remote_networks": ["10.3.0.0/16"]}
IPV6 = {"local_networks": ["2001:db8:1::/64"], "remote_networks": ["2001:db8:3::/64"]}
# By hand: outer header, UDP, then of ESP: header, IV, padding with its length and next header, check value.
OVER_IPV4 = 20 + 8 + 8 + 16 + 17 + 32
OVER_IPV6 = 40 + 8 + 8 + 16 + 17 + 32


@pytest.mark.parametrize(
    ("phase1", "phase2", "situation", "segments"),
    [
        pytest.param({}, {**IPV4, "mss": 1200}, {}, ["mss4_1200"], id="as it is written"),
        pytest.param({}, IPV4, {}, [f"mss4_{1500 - OVER_IPV4 - 40}"], id="IPv4 over IPv4"),
        pytest.param({}, IPV6, {}, [f"mss6_{1500 - OVER_IPV4 - 60}"], id="IPv6 over IPv4"),
        pytest.param({"ip_type": "ipv6", "remote_endpoints": ["2001:db8::2"]}, IPV4, {},
                     [f"mss4_{1500 - OVER_IPV6 - 40}"], id="IPv4 over IPv6"),
        pytest.param({"ip_type": "any"}, IPV6, {}, [f"mss6_{1500 - OVER_IPV6 - 60}"], id="IPv6 over either"),
        pytest.param({}, IPV4, {"default_interface": {4: "ppp0"}, "mtus": {"ppp0": 1492, "lo": 65536}},
                     [f"mss4_{1492 - OVER_IPV4 - 40}"], id="by the default route"),
        pytest.param({"interfaces": ["lte0"]}, IPV4, {
            "default_interface": {4: "ppp0"}, "mtus": {"ppp0": 1280, "lte0": 1430},
        }, [f"mss4_{1430 - OVER_IPV4 - 40}"], id="by an interface of its own, which the default route is not"),
        pytest.param({"interfaces": ["ppp0", "lte0"]}, IPV4, {"mtus": {"ppp0": 1492, "lte0": 1430}},
                     [f"mss4_{1430 - OVER_IPV4 - 40}"], id="by the smaller of two lines"),
        pytest.param({"xfrm_interface": "ipsec0"}, IPV4, {}, ["mss4_1340"], id="by an XFRM interface that has an MTU"),
        pytest.param({"xfrm_interface": "ipsec1"}, IPV4, {}, [f"mss4_{1500 - OVER_IPV4 - 40}"], id="by one that has none"),
    ],
)  # fmt: skip
def test_a_segment_fits(phase1: Any, phase2: Any, situation: dict[str, Any], segments: list[str]) -> None:
    links = [{"name": "ipsec0", "mtu": 1380}, {"name": "ipsec1"}]
    wish = {"phase1": [{**PARIS, **phase1}], "phase2": [{**LAN, **phase2}], "xfrm_interfaces": links}
    assert list(clamping(parse_gateway(wish), Situation(b"k" * 32, **situation)).sets) == segments
