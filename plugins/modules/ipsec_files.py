#!/usr/bin/python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipsec_files
short_description: Put the small files in place that a gateway needs beside its tunnels
version_added: 0.1.0
author: swanfleet contributors (@swanfleet)
description:
  - Writes any number of text files in one call. The role P(swanfleet.ipsec.gateway#role) uses it for options of the daemon, of
    the kernel and of systemd, since C(ansible.builtin.copy) starts Python on the host twice for each file that it writes.
  - All lie ready on the disk before the first takes its place, and whoever reads one meanwhile reads the old or the new one.
  - They belong to root, and all may read them (mode V(0644)), so that nothing secret belongs there. Missing directories are made.
  - Files that are not named are left alone, and nothing is restarted or read again because of a file.
extends_documentation_fragment:
  - swanfleet.ipsec.attributes
attributes:
  check_mode:
    details:
      - What a check tells is what a run writes.
  diff_mode:
    description: Tells the difference between the files as they are and as they are to be.
    details:
      - Contents are shown as they are.
options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it stands, as an absolute path. A link in its place gives way to the file when that is written.
        type: str
        required: true
      content:
        description:
          - The whole text of the file, with the end of its last line.
          - What YAML or a template makes a number, a truth value or a dictionary of is refused; C(| string) at the end of a
            template keeps it a text.
        type: raw
        required: true
seealso:
  - plugin: swanfleet.ipsec.strongswan_conf
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What charon says, and to whom
  swanfleet.ipsec.ipsec_files:
    files:
      - path: /etc/strongswan.d/log.conf
        content: "{{ {'charon-systemd': {'journal': {'default': 1}}} | swanfleet.ipsec.strongswan_conf }}"
      - path: /etc/systemd/journald.conf.d/size.conf
        content: |
          [Journal]
          SystemMaxUse=200M
  register: placed

- name: charon reads it
  ansible.builtin.command:
    argv: [swanctl, --reload-settings]
  changed_when: true
  when: "'/etc/strongswan.d/log.conf' in placed.written"
"""

RETURN = r"""
written:
  description:
    - The paths of the files that were written, or would be in check mode, in the order in which they were given.
    - After a run that failed the next one tells of those alone that were not written yet. What must not be missed is better
      asked of the files' times.
  returned: success
  type: list
  elements: str
  sample: [/etc/strongswan.d/log.conf]
"""

from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import run


def main() -> None:
    run("ipsec_files")


if __name__ == "__main__":
    main()
