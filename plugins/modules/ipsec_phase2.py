#!/usr/bin/python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_phase2
short_description: Manage an IPsec phase 2
version_added: 0.1.0
author: swanfleet contributors (@swanfleet)
description:
  - Makes one CHILD_SA of a phase 1 what it is wanted to be, which networks it protects and with which algorithms.
  - The object is set as a whole, and no other tunnel is touched.
extends_documentation_fragment:
  - swanfleet.ipsec.objects.phase2
  - swanfleet.ipsec.objects.run
  - swanfleet.ipsec.attributes
  - swanfleet.ipsec.attributes.group
seealso:
  - module: swanfleet.ipsec.ipsec_phase1
  - module: swanfleet.ipsec.ipsec_gateway
"""

EXAMPLES = r"""
- name: The networks of Berlin and Paris
  swanfleet.ipsec.ipsec_phase2:
    name: lan
    phase1: paris
    local_networks: [10.1.0.0/24]
    remote_networks: [10.2.0.0/24]

- name: No such pair any more
  swanfleet.ipsec.ipsec_phase2:
    name: lan
    phase1: paris
    state: absent
"""

RETURN = r"""
plan:
  description: The steps from the host as it was found to what is wanted, in order; in check mode those that a run would take.
  returned: success
  type: list
  elements: dict
  sample:
    - {action: write, layer: file, object: connections}
    - {action: load, layer: connection, object: berlin}
  contains:
    action:
      description: What the step does.
      type: str
      sample: load
    layer:
      description: What it works on, such as C(firewall), C(file), C(link), C(address), C(route), C(secret), C(connection) or C(sa).
      type: str
      sample: connection
    object:
      description: Name of the object.
      type: str
      sample: berlin
disruption:
  description:
    - What the plan does to the traffic of each tunnel that it touches, by the name of the phase 1. Others are untouched.
    - V(none) interrupts nothing. V(rekey) sets new SAs up before the old ones end. V(reestablish) ends the SAs that are
      up and sets new ones up. V(end) ends those of a tunnel, or of one of its phase 2 objects, that is not wanted any more.
      It is also said where they stay and their XFRM interface goes down for good.
    - It follows from what changes, the start actions that charon had loaded, and the SAs that are up. A peer that does
      not accept the new parameters turns a V(rekey) into an interruption, and there is a warning then.
  returned: success
  type: dict
  sample: {berlin: rekey, paris: none}
step:
  description: The step that failed.
  returned: when a step failed
  type: str
  sample: load connection berlin
restored:
  description: Whether the host is as it was before the run.
  returned: when a step failed
  type: bool
  sample: true
"""

from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import run


def main() -> None:
    run("ipsec_phase2")


if __name__ == "__main__":
    main()
