#!/usr/bin/env python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible inventory of the running lab: the connection of each gateway; what they are to be stands in host_vars.

The group `gateways` has a gateway of each Debian release, `neighbours` another one of each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

from swanlab import Lab, inventory
from swanlab.errors import LabError
from swanlab.host import topology


def listed() -> dict[str, object]:
    """Return the inventory as Ansible's script protocol wants it; empty while the lab is down."""
    try:
        state = Lab.running().state
    except LabError:
        return {"_meta": {"hostvars": {}}}
    hosts = {host: inventory.host_variables(state, host) for host in topology.GATEWAYS}
    groups = {"gateways": topology.GATEWAYS[:2], "neighbours": topology.GATEWAYS[2:]}
    return {**{name: {"hosts": list(group)} for name, group in groups.items()}, "_meta": {"hostvars": hosts}}


if __name__ == "__main__":
    print(json.dumps(listed(), indent=1))
