# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of gateways as its users write it down, and the files of the role ha as Ansible writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

WAN: dict[str, Any] = {
    "name": "wan",
    "interface": "wan0",
    "router_id": 51,
    "node_addresses": {"north": "192.0.2.2", "south": "192.0.2.3"},
    "addresses": ["192.0.2.100/24", "192.0.2.101/32"],
}
LAN6: dict[str, Any] = {
    "name": "lan-v6",
    "interface": "bond0.7",
    "router_id": 51,
    "node_addresses": {"north": "fd00:1:0::2", "south": "fd00:1::3"},
    "addresses": ["FD00:1::0100/64"],
}
PAIR: dict[str, Any] = {
    "nodes": ["north", "south"],
    "node": "south",
    "instances": [WAN, LAN6],
    "track_interfaces": ["wan1"],
    "advert_interval": 1.0,
    "preempt": False,
    "preempt_delay": 60,
}


def rendered(checkout: Path, name: str, values: dict[str, Any]) -> str:
    # As Ansible's module template has it.
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701  # no HTML
    text = (checkout / f"roles/ha/templates/{name}.j2").read_text()
    return environment.from_string(text).render(ha_values=values)
