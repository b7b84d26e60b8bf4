# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: agent_program
short_description: Build the gateway's own program and return its path
version_added: 0.1.0
author: swanfleet contributors (@swanfleet)
description:
  - Builds the program that runs on a gateway while no playbook does, from this very version of the collection.
  - The file is kept on the controller below Ansible's home, and built anew only when the collection has changed.
options: {}
"""

EXAMPLES = r"""
- name: The program is on the gateway
  ansible.builtin.copy:
    src: "{{ lookup('swanfleet.ipsec.agent_program') }}"
    dest: /usr/local/sbin/swanfleet
    mode: "0755"
"""

RETURN = r"""
_raw:
  description: Path of the program on the controller.
  type: list
  elements: path
"""

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.lookup import LookupBase
from ansible_collections.swanfleet.ipsec.plugins.plugin_utils.agent_program import program_file


class LookupModule(LookupBase):
    """Build the program where needed."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the path of the program, as the only item."""
        return [str(program_file(Path(constants.config.get_config_value("ANSIBLE_HOME")) / "swanfleet"))]
