#!/usr/bin/python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_info
short_description: Read what a gateway has, and what its tunnels do
version_added: 0.1.0
author: swanfleet contributors (@swanfleet)
description:
  - Reads the managed objects, the connections that charon has loaded, its SAs with counters, and the daemon itself.
  - Nothing is changed, and no secret is returned.
extends_documentation_fragment:
  - swanfleet.ipsec.attributes.reading
  - swanfleet.ipsec.attributes.group
options:
  gather:
    description: What to read. Asking for V(objects) alone needs no running daemon.
    type: list
    elements: str
    choices: [objects, connections, sas, daemon]
    default: [objects, connections, sas, daemon]
seealso:
  - module: swanfleet.ipsec.ipsec_gateway
"""

EXAMPLES = r"""
- name: Read the SAs
  swanfleet.ipsec.ipsec_info:
    gather: [sas]
  register: ipsec

- name: Every tunnel has a CHILD_SA
  ansible.builtin.assert:
    that: ipsec.sas | map(attribute='children') | map('length') | min > 0
"""

RETURN = r"""
objects:
  description: The managed objects in the form of O(swanfleet.ipsec.ipsec_gateway#module:config), without secrets.
  returned: when asked for
  type: dict
  sample: {"phase1": [{"name": "paris"}], "phase2": [], "xfrm_interfaces": []}
connections:
  description: The connections that charon has loaded, by name, as vici's C(list-conns) shows them; foreign ones too.
  returned: when asked for
  type: dict
  sample: {"paris": {"version": "IKEv2"}}
sas:
  description: The IKE SAs with their CHILD_SAs.
  returned: when asked for
  type: list
  elements: dict
  sample:
    - name: paris
      state: ESTABLISHED
      children: [{name: lan, state: INSTALLED, packets_out: 12}]
daemon:
  description: The daemon's name, version, plugins and start.
  returned: when asked for
  type: dict
  sample: {"name": "charon-systemd", "version": "5.9.8", "plugins": ["openssl", "vici"], "since": "Nov 23 08:41:00 2026"}
"""

from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import run


def main() -> None:
    run("ipsec_info")


if __name__ == "__main__":
    main()
