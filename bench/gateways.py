# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated gateways: the same ones in every run, in the form that users write."""

from __future__ import annotations

import copy
import hashlib
import ipaddress
from typing import Any

Config = dict[str, list[dict[str, Any]]]
_PEERS = int(ipaddress.IPv4Address("198.18.0.1"))
_NETWORKS = int(ipaddress.IPv4Address("172.16.0.0"))


def gateway(size: int) -> Config:
    """Return `size` tunnels, each a phase 1 with its own key and a phase 2; the peers initiate, so no SA comes up."""
    return {
        "phase1": [phase1(number) for number in range(1, size + 1)],
        "phase2": [phase2(number) for number in range(1, size + 1)],
    }


def phase1(number: int) -> dict[str, Any]:
    """Return one phase 1."""
    return {
        "name": f"site-{number:05}",
        "remote_endpoints": [str(ipaddress.IPv4Address(_PEERS + number))],
        "local_id": "fqdn:hub.example.com",
        "remote_id": f"fqdn:site-{number:05}.example.com",
        "psk": hashlib.sha256(f"key {number}".encode()).hexdigest(),
        "init_type": "none",
    }


def phase2(number: int) -> dict[str, Any]:
    """Return the phase 2 of a phase 1."""
    return {
        "name": "lan",
        "phase1": f"site-{number:05}",
        "local_networks": ["10.0.0.0/16"],
        "remote_networks": [f"{ipaddress.IPv4Address(_NETWORKS + number * 64)}/26"],
    }


def one_changed(config: Config) -> Config:
    """Return the gateway with another lifetime for the tunnel in the middle."""
    changed = copy.deepcopy(config)
    changed["phase2"][len(changed["phase2"]) // 2]["lifetime"] = "2h"
    return changed


def one_removed(config: Config) -> Config:
    """Return the gateway without its first tunnel."""
    return {kind: items[1:] for kind, items in config.items()}
