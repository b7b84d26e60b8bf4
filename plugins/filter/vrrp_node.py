# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that checks what the nodes of a pair agree on, and returns what one of them does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.swanfleet.ipsec.plugins.plugin_utils.vrrp import PairError, node_values


def vrrp_node(options: Any) -> dict[str, Any]:
    """Return the values of keepalived's files for one node; AnsibleFilterError with all that is wrong."""
    if not isinstance(options, Mapping):
        raise AnsibleFilterError("vrrp_node: a dictionary of options is needed")
    try:
        return node_values(options)
    except PairError as error:
        raise AnsibleFilterError(f"vrrp_node: {error}") from error


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"vrrp_node": vrrp_node}
