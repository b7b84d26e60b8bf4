# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of a running lab."""

from __future__ import annotations

import json
import shlex

from . import connection
from .host import topology
from .state import State


def host_variables(state: State, host: str) -> dict[str, str | int | bool]:
    """Return a gateway's connection variables; the kept connection is the lab's, so that a reset can end it."""
    address, port = connection.address_of(state, host)
    kept = ["-o", "ControlMaster=auto", "-o", "ControlPersist=1800s", "-o", f"ControlPath={state.sockets}/%C"]
    return {
        "ansible_host": address,
        "ansible_port": port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": state.private_key,
        "ansible_ssh_common_args": shlex.join(["-F", str(state.ssh_config)]),
        "ansible_ssh_args": shlex.join(kept),
        "ansible_pipelining": True,
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def render_inventory(state: State) -> str:
    """Return the inventory as YAML: the group `gateways` with both hosts."""
    lines = ["---", "gateways:", "  hosts:"]
    for host in topology.GATEWAYS:
        lines.append(f"    {host}:")
        # A JSON scalar is a YAML scalar.
        lines += [f"      {name}: {json.dumps(value)}" for name, value in host_variables(state, host).items()]
    return "\n".join(lines) + "\n"
