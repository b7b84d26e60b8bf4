#!/usr/bin/python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_gateway
short_description: Manage all IPsec objects of a gateway in one transaction
version_added: 0.1.0
author: swanfleet contributors (@swanfleet)
description:
  - Makes a whole gateway what it is wanted to be, however many tunnels it has.
  - A run is all or nothing. It stores what is wanted as a new generation, carries out the difference to what the host
    is like, reads the host again, and only then puts the generation in force; otherwise it goes back to the one before.
  - An unchanged gateway is only read, and a changed tunnel touches no other.
extends_documentation_fragment:
  - swanfleet.ipsec.objects.config
  - swanfleet.ipsec.objects.run
  - swanfleet.ipsec.attributes
  - swanfleet.ipsec.attributes.group
options:
  state:
    description:
      - V(merged) adds the objects of O(config) to those of the host; one of the same name is replaced as a whole.
      - V(overridden) makes O(config) all there is. What this collection manages and O(config) does not name goes away,
        its SAs too. An empty O(config) is refused then.
      - V(deleted) removes the objects that O(config) names, with their SAs, and with a phase 1 its phase 2 objects. A
        name that is not there is no error. What is left must still be right, so that an XFRM interface that a phase 1
        goes on using is refused.
      - V(adopted) takes over what was written by hand. The connections in C(/etc/swanctl/swanctl.conf) and what it includes
        become objects of this collection, with their secrets, which never leave the host. They go from those files into
        ours; what else the files say stays, and the files as they were are kept, see RV(kept_in). Nothing is sent to
        charon about a connection that it has loaded, so that every SA stays. An XFRM interface of the host that has the
        number of a connection is taken over with its addresses; its routes are left to whoever made them. Children that pass
        or drop packets become shunts; those of ours are loaded before the policies of the others go.
      - With V(adopted) a connection that no option can say in full is an error with file, line and key, and nothing is
        touched. O(only) takes over some, and leaves the others in their files.
      - V(gathered) returns what this collection manages on the host, in RV(gathered), and what stands beside it in
        hand-written files, in RV(by_hand).
      - V(rendered) returns the files that O(config) would become on this host, in RV(rendered). Interface names stand for
        the addresses that they have now, and the numbers of XFRM interfaces are those that a run would give.
      - V(parsed) returns what the text in O(running_config) says, in RV(parsed).
      - With V(gathered), V(rendered) and V(parsed) nothing is changed, the lock of the host is not taken, and no daemon is
        needed.
    type: str
    choices: [merged, overridden, deleted, adopted, gathered, rendered, parsed]
    default: merged
  everything:
    description:
      - With O(state=deleted), instead of O(config), removes all that this collection manages on the host.
    type: bool
    default: false
  keep_secrets:
    description:
      - With O(state=merged) and O(state=overridden), a phase 1 of O(config) keeps the secrets that it leaves out and the host
        has for its name, keys, passwords and texts of private keys, as long as both ends prove who they are as before. So
        O(config) needs no secrets after V(adopted) or V(gathered).
      - A pre-shared key, and the password of an EAP or XAuth user, is kept in the short form whatever else has changed.
      - A private key of O(config.private_keys) keeps its text, passphrase and PIN while it is where it was.
      - A secret that is given is taken, so that secrets can come from a vault one after the other.
    type: bool
    default: false
  only:
    description:
      - With O(state=adopted), the names of the connections to take over. Without it all are taken over.
    type: list
    elements: str
  running_config:
    description:
      - The text of a C(swanctl.conf). Required when O(state=parsed), and only used then.
      - C(include) is followed on the host that the task runs on, relative paths from C(/etc/swanctl) on. References between
        sections are resolved, sections that stand twice are one, and an empty assignment takes a value away, as for
        charon.
      - Nothing of the text is passed over. A section or key that no option stands for, and a value that no option can keep,
        is an error with file, line and key. A key that says its default is understood.
      - Secrets of the text may be in it, and are not returned.
    type: str
seealso:
  - module: swanfleet.ipsec.ipsec_info
"""

EXAMPLES = r"""
- name: A gateway with one route-based tunnel
  swanfleet.ipsec.ipsec_gateway:
    state: overridden
    config:
      xfrm_interfaces:
        - name: ipsec-paris
          addresses: [10.255.0.1/30]
      phase1:
        - name: paris
          remote_endpoints: [198.51.100.2]
          psk: "{{ vault_psk_paris }}"
          xfrm_interface: ipsec-paris
      phase2:
        - name: lan
          phase1: paris
          local_networks: [10.1.0.0/24]
          remote_networks: [10.2.0.0/24]

- name: The same on a host that drops what nobody has accepted
  swanfleet.ipsec.ipsec_gateway:
    state: overridden
    config:
      xfrm_interfaces:
        - name: ipsec-paris
          addresses: [10.255.0.1/30]
      phase1:
        - name: paris
          remote_endpoints: [198.51.100.2]
          psk: "{{ vault_psk_paris }}"
          xfrm_interface: ipsec-paris
          firewall_rule: true
      phase2:
        - name: lan
          phase1: paris
          local_networks: [10.1.0.0/24]
          remote_networks: [10.2.0.0/24]
          allow:
            - protocol: tcp
              ports: [22, 443]
              destination: [10.1.0.10/32]
            - protocol: icmp

- name: Printers are reached beside the tunnel, and what is to go through it goes nowhere else
  swanfleet.ipsec.ipsec_gateway:
    config:
      shunts:
        - name: printers
          type: pass
          local_networks: [10.1.0.0/24]
          remote_networks: [10.1.9.0/28]
        - name: not-in-the-clear
          type: drop
          local_networks: [10.1.0.0/24]
          remote_networks: [10.2.0.0/16]

- name: A certificate with its key in a container, and a key that stays on a token
  swanfleet.ipsec.ipsec_gateway:
    config:
      private_keys:
        - name: berlin
          pkcs12: /root/berlin.p12
          passphrase: "{{ vault_passphrase }}"
        - name: card
          handle: "45"
          module: opensc
          pin: "{{ vault_pin }}"

- name: Without the tunnel to Paris
  swanfleet.ipsec.ipsec_gateway:
    state: deleted
    config:
      phase1:
        - name: paris
      xfrm_interfaces:
        - name: ipsec-paris

- name: Without any tunnel
  swanfleet.ipsec.ipsec_gateway:
    state: deleted
    everything: true

- name: Take over what was written by hand
  swanfleet.ipsec.ipsec_gateway:
    state: adopted

- name: Take over one connection, and leave the others to whoever wrote them
  swanfleet.ipsec.ipsec_gateway:
    state: adopted
    only: [paris]

- name: Go on with what was written down of it, while its keys stay on the host
  swanfleet.ipsec.ipsec_gateway:
    state: overridden
    keep_secrets: true
    config: "{{ gateway_config }}"

- name: Read what is managed on the host
  swanfleet.ipsec.ipsec_gateway:
    state: gathered
  register: ipsec

- name: Read a file that was written by hand
  swanfleet.ipsec.ipsec_gateway:
    state: parsed
    running_config: "{{ lookup('ansible.builtin.file', 'swanctl.conf') }}"
  register: byhand

- name: Show the files that this becomes
  swanfleet.ipsec.ipsec_gateway:
    state: rendered
    config:
      phase1:
        - name: paris
          remote_endpoints: [198.51.100.2]
          psk: "{{ vault_psk_paris }}"
      phase2:
        - name: lan
          phase1: paris
          local_networks: [10.1.0.0/24]
          remote_networks: [10.2.0.0/24]
"""

RETURN = r"""
gathered:
  description:
    - What this collection manages on the host, in the form of O(config), without secrets.
    - Options that have no value are left out.
  returned: when O(state=gathered)
  type: dict
  sample:
    phase1:
      - name: paris
        remote_endpoints: [198.51.100.2]
        lifetime: 28800
    phase2:
      - name: lan
        phase1: paris
        remote_networks: [10.2.0.0/24]
    xfrm_interfaces: []
adopted:
  description:
    - What was taken over, or in check mode would be, in the form of O(config), without secrets.
  returned: success, when O(state=adopted)
  type: dict
  sample:
    phase1:
      - name: paris
        remote_endpoints: [198.51.100.2]
        lifetime: 28800
    phase2:
      - name: lan
        phase1: paris
        remote_networks: [10.2.0.0/24]
    xfrm_interfaces: []
kept_in:
  description: The directory on the host with the hand-written files as they were, below their own paths.
  returned: when something was taken over
  type: str
  sample: /var/lib/swanfleet/taken-over/1
by_hand:
  description:
    - What the hand-written files of the host say, as V(adopted) would take it over. Secrets stay where they are.
  returned: when O(state=gathered), and there is any
  type: dict
  contains:
    config:
      description: What could be taken over, in the form of O(config), without secrets.
      type: dict
      sample:
        phase1:
          - name: paris
            remote_endpoints: [198.51.100.2]
        phase2: []
        xfrm_interfaces: []
    refused:
      description: Why other connections could not, by their names, each reason with file, line and key.
      type: dict
      sample:
        rome: ["/etc/swanctl/conf.d/rome.conf:4: connections.rome.colour: no option stands for this key yet"]
rendered:
  description:
    - The text of each file by its path on the host. In the place of a secret stands a placeholder.
    - The end of a secret's name depends on its value, so that it is not the one that a run would give.
  returned: when O(state=rendered)
  type: dict
  sample:
    /etc/swanctl/conf.d/swanfleet.conf: "connections {\n  paris {\n    version = \"2\"\n  }\n}\n"
parsed:
  description:
    - What O(running_config) says, in the form of O(config), without secrets.
    - A warning tells for which phase 1 the text has a pre-shared key, which must be added before this is used as O(config).
      Another tells the names that were made up for XFRM interfaces, of which C(swanctl.conf) has only numbers.
  returned: when O(state=parsed)
  type: dict
  sample:
    phase1:
      - name: paris
        remote_endpoints: [198.51.100.2]
        lifetime: 28800
    phase2:
      - name: lan
        phase1: paris
        remote_networks: [10.2.0.0/24]
    xfrm_interfaces:
      - name: xfrm-7
        if_id: 7
plan:
  description: The steps from the host as it was found to what is wanted, in order; in check mode those that a run would take.
  returned: success, when O(state) is V(merged), V(overridden), V(deleted) or V(adopted)
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
    run("ipsec_gateway")


if __name__ == "__main__":
    main()
