#!/usr/bin/python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xfrm_interface
short_description: Manage an XFRM interface
version_added: 0.1.0
author: swanfleet contributors (@swanfleet)
description:
  - Makes one XFRM interface what it is wanted to be, with its addresses and routes.
  - Several phase 1 may share an interface, as long as their selectors do not overlap.
  - Links and routes of others are never touched; ours carry the alias C(swanfleet) and the route protocol C(83).
extends_documentation_fragment:
  - swanfleet.ipsec.objects.xfrm_interface
  - swanfleet.ipsec.objects.run
  - swanfleet.ipsec.attributes
  - swanfleet.ipsec.attributes.group
seealso:
  - module: swanfleet.ipsec.ipsec_phase1
  - module: swanfleet.ipsec.ipsec_gateway
"""

EXAMPLES = r"""
- name: An interface for the tunnel to Paris
  swanfleet.ipsec.xfrm_interface:
    name: ipsec-paris
    addresses: [10.255.0.1/30]
    mtu: 1400
    routes:
      - destination: 10.2.0.0/16
        metric: 100

- name: Routes that are better than others while the tunnel is up
  swanfleet.ipsec.xfrm_interface:
    name: ipsec-fibre
    link_state: sa
    routes:
      - destination: 10.2.0.0/16
        metric: 10

- name: No such interface
  swanfleet.ipsec.xfrm_interface:
    name: ipsec-paris
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
    run("xfrm_interface")


if __name__ == "__main__":
    main()
