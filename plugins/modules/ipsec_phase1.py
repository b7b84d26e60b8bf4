#!/usr/bin/python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_phase1
short_description: Manage an IPsec phase 1
version_added: 0.1.0
author: swanfleet contributors (@swanfleet)
description:
  - Makes one IKE connection of strongSwan what it is wanted to be, in the files and in the running daemon.
  - The object is set as a whole, and no other tunnel is touched.
  - For more than a few objects use M(swanfleet.ipsec.ipsec_gateway), which does all of them in one go.
extends_documentation_fragment:
  - swanfleet.ipsec.objects.phase1
  - swanfleet.ipsec.objects.run
  - swanfleet.ipsec.attributes
  - swanfleet.ipsec.attributes.group
seealso:
  - module: swanfleet.ipsec.ipsec_phase2
  - module: swanfleet.ipsec.ipsec_gateway
notes:
  - Removing a phase 1 ends its SAs and removes its phase 2s too, since they cannot stand alone.
"""

EXAMPLES = r"""
- name: A connection to Paris with a pre-shared key
  swanfleet.ipsec.ipsec_phase1:
    name: paris
    remote_endpoints: [198.51.100.2]
    psk: "{{ vault_psk_paris }}"

- name: The same by IPv6, on one interface, and only when traffic asks for it
  swanfleet.ipsec.ipsec_phase1:
    name: paris-v6
    ip_type: ipv6
    interfaces: [wan0]
    remote_endpoints: ["2001:db8:2::2"]
    local_id: fqdn:berlin.example.com
    remote_id: fqdn:paris.example.com
    init_type: on_demand
    psk: "{{ vault_psk_paris }}"

- name: With a certificate whose key is encrypted
  swanfleet.ipsec.ipsec_phase1:
    name: oslo
    remote_endpoints: [198.51.100.4]
    auth_method: certificate
    certificate: /etc/ssl/berlin.pem
    private_key: /etc/ssl/private/berlin.key
    passphrase: "{{ vault_passphrase }}"
    ca_certificates: [/etc/ssl/fleet-ca.pem]
    local_id: fqdn:berlin.example.com
    remote_id: fqdn:oslo.example.com

- name: No connection to Paris
  swanfleet.ipsec.ipsec_phase1:
    name: paris
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
    run("ipsec_phase1")


if __name__ == "__main__":
    main()
