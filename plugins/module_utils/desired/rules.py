# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a gateway has to do with the host's firewall; most gateways have nothing, and pay for nothing."""

from __future__ import annotations

from collections.abc import Iterable

from .gateway import Gateway
from .phase1 import Phase1, address_family


def uses_firewall(gateway: Gateway) -> bool:
    """Say whether anything of a gateway has to do with the host's firewall."""
    children = (
        each.allow or each.nat_exemption or each.mss is not None or each.plaintext_guard
        for each in gateway.phase2.values()
    )
    allowed = (each.allow for each in gateway.xfrm_interfaces.values())
    return any(each.firewall_rule for each in gateway.phase1.values()) or any(children) or any(allowed)


def let_in_names(gateway: Gateway) -> frozenset[str]:
    """Return the host names whose addresses the firewall lets in."""
    return _names(each for each in gateway.phase1.values() if each.firewall_rule)


def followed_names(gateway: Gateway) -> frozenset[str]:
    """Return the host names whose addresses matter to rules and policies: the firewall lets them in, or no guard may stop them."""
    if any(each.plaintext_guard for each in gateway.phase2.values()):
        return _names(gateway.phase1.values())
    return let_in_names(gateway)


def _names(connections: Iterable[Phase1]) -> frozenset[str]:
    return frozenset(
        endpoint for each in connections for endpoint in each.remote_endpoints if address_family(endpoint) is None
    )
