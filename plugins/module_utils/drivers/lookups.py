# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many names charon looks up while it loads a connection, and so how long it may take."""

from __future__ import annotations

from collections.abc import Mapping

from .vici import Tree, Value


def lookups(tree: Tree) -> int:
    """Return how many names charon may look up while it loads a connection: those of its endpoints, for each trap."""
    ends = [end for key in ("local_addrs", "remote_addrs") for end in _listed(tree.get(key, ()))]
    children = tree.get("children", {})
    sections = (
        [each for each in children.values() if isinstance(each, Mapping)] if isinstance(children, Mapping) else []
    )
    starts = [each.get("start_action", "") for each in sections]
    traps = [each for each in starts if "trap" in str(each).split("|")]
    return len(traps) * sum(1 for end in ends if _is_name(end))


def _listed(value: Value) -> list[str]:
    return value.split(",") if isinstance(value, str) else [each for each in value if isinstance(each, str)]


def _is_name(end: str) -> bool:
    """Say whether an endpoint is a host name, and no address, subnet, range or "%any"."""
    return ":" not in end and "%" not in end and any(letter.isalpha() for letter in end)
