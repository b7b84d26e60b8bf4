# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that writes a dictionary as strongswan.conf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import render_section

_WORDS = {True: "yes", False: "no"}


def strongswan_conf(sections: Any) -> str:
    """Return the text of strongswan.conf for a dictionary of sections (strongswan.conf(5)); every value is quoted."""
    if not isinstance(sections, Mapping):
        raise AnsibleFilterError(
            "strongswan_conf: a dictionary of sections is needed, such as {'charon': {'threads': 32}}"
        )
    return "".join("\n".join(render_section(_name(name), _tree(name, tree))) + "\n" for name, tree in sections.items())


def _tree(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise AnsibleFilterError(f"strongswan_conf: {path} is {value!r}: a dictionary of options is needed")
    return {
        _name(key): _tree(f"{path}.{key}", item) if isinstance(item, Mapping) else _value(f"{path}.{key}", item)
        for key, item in value.items()
    }


def _value(path: str, item: Any) -> str:
    if isinstance(item, bool):
        return _WORDS[item]
    if isinstance(item, (str, int, float)) and "\0" not in str(item):
        return str(item)
    raise AnsibleFilterError(f"strongswan_conf: {path} is {item!r}: a text, a number or a boolean is needed")


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name or any(each in '#{}:.,="\\' or each.isspace() for each in name):
        raise AnsibleFilterError(
            f'strongswan_conf: {name!r} is no name of a section or option: no white space, none of # {{ }} : . , = "'
        )
    return str(name)


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"strongswan_conf": strongswan_conf}
