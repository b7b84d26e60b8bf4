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
  - Reads the managed objects, the connections that charon has loaded, its SAs with counters, the daemon itself, and why
    tunnels are not up.
  - Nothing is changed unless O(probe=true) is asked for, and no secret is returned.
extends_documentation_fragment:
  - swanfleet.ipsec.attributes.reading
options:
  gather:
    description: What to read. V(objects) and V(why_down) need no running daemon.
    type: list
    elements: str
    choices: [objects, connections, sas, daemon, why_down]
    default: [objects, connections, sas, daemon, why_down]
  probe:
    description:
      - Whether to try the tunnels that are not up, to find out why. charon keeps no reason for what failed before; it tells
        those who listen just then, by its plugin error-notify (Debian's package libcharon-extra-plugins, which the role
        P(swanfleet.ipsec.gateway#role) installs).
      - Only what may be started from this end is initiated, never a tunnel with
        O(swanfleet.ipsec.ipsec_phase1#module:init_type=none). To those the module listens, for the whole of
        O(probe_timeout), and hears why attempts of their peers fail.
      - A tunnel that comes up by it stays up, and RV(ignore:changed) is true then. What failed is ended again, and nothing
        goes on trying.
      - In check mode it only listens.
      - Counts only where V(why_down) is gathered.
    type: bool
    default: false
  probe_timeout:
    description: For how many seconds a probe tries and listens, from 1 to 300. It ends earlier when there is nothing left to try.
    type: int
    default: 10
seealso:
  - module: swanfleet.ipsec.ipsec_gateway
"""

EXAMPLES = r"""
- name: Read the SAs
  swanfleet.ipsec.ipsec_info:
    gather: [sas]
  register: ipsec

- name: Find out why tunnels do not come up
  swanfleet.ipsec.ipsec_info:
    gather: [why_down]
    probe: true
  register: found

- name: Say it
  ansible.builtin.debug:
    msg: "{{ item.phase1 }} {{ item.phase2 | default('', true) }}: {{ item.message }}"
  loop: "{{ found.why_down }}"
  loop_control:
    label: "{{ item.phase1 }}"

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
why_down:
  description:
    - Each managed phase 1 and each phase 2 that is not up, with the reason; empty when all are up.
    - Without a probe it tells what can be seen at this moment; what charon found wrong in an earlier attempt it does not keep.
  returned: when asked for
  type: list
  elements: dict
  contains:
    phase1:
      description: Name of the phase 1.
      type: str
    phase2:
      description: Name of the phase 2; null where it is the phase 1 itself that is not up.
      type: str
    state:
      description:
        - V(down) where something is wrong, V(connecting) while it is tried, V(waiting) where nothing is wrong and nothing
          starts it just now, V(standby) where another node or another tunnel of its fallback is in charge, V(unknown) where
          charon does not answer.
      type: str
    reason:
      description: A word from the table in the guide, such as V(authentication_failed), V(no_proposal) or V(peer_silent).
      type: str
    message:
      description: What is so, what to look at next, and in parentheses what charon said about it.
      type: str
    source:
      description: What tells it, such as V(error-notify), V(list-sas) or V(name service).
      type: str
    since:
      description: When charon told it (UTC, RFC 3339); null where that is not known.
      type: str
  sample:
    - phase1: paris
      phase2: lan
      state: down
      reason: selectors
      message: >-
        The networks do not match. What is local here must be remote there and the other way round: compare
        local_networks and remote_networks with the peer's. (received TS_UNACCEPTABLE notify, no CHILD_SA built)
      source: log event
      since: "2026-11-23T20:10:02Z"
"""

from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import run


def main() -> None:
    run("ipsec_info")


if __name__ == "__main__":
    main()
