# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts as charon takes them: each the only child of a connection of its own.

The name of the connection ends in a digest of all that it says. So what charon has loaded is known by names alone, and a
changed shunt is another connection, which is there before the old one goes: charon itself takes the old child out first, and
lets through for a moment what is dropped (docs/decisions/0017).
"""

from __future__ import annotations

import re
from typing import Any

from ..desired.gateway import Gateway
from ..desired.shunt import DROP, KEPT_NAMES, Shunt, kernel_selectors
from ..desired.situation import Situation, without_interface
from .keys import CHILD_KEYS
from .parts import parts_of
from .plain_keys import PlainKeys
from .values import Tree

SHUNT_KEYS = PlainKeys(Shunt, CHILD_KEYS, "priority interface mark_in mark_out policies_fwd_out")
_OURS = re.compile(f"{KEPT_NAMES}(.+)-[0-9a-f]{{24}}")
# No peer has it: of a connection that peers can reach, they may have an SA for the networks of a shunt too.
_NOBODY = "127.0.0.1"


def shunt_trees(gateway: Gateway, situation: Situation) -> dict[str, Tree]:
    """Return the tree of every shunt by the name of its connection, first those that pass: they are to be there first.

    One whose interface the host does not have is not among them.
    """
    waiting = without_interface(gateway, situation)
    found = sorted(gateway.shunts.values(), key=lambda shunt: (shunt.type == DROP, shunt.name))
    trees = ((shunt.name, _tree(shunt)) for shunt in found if shunt.name not in waiting)
    return {f"{KEPT_NAMES}{name}-{parts_of(tree).whole}": tree for name, tree in trees}


def _tree(shunt: Shunt) -> Tree:
    child: dict[str, Any] = {
        "mode": shunt.type,
        "local_ts": _selectors(shunt.local_networks),
        "remote_ts": _selectors(shunt.remote_networks),
        **SHUNT_KEYS.written(shunt),
        "start_action": "trap",
    }
    return {"remote_addrs": [_NOBODY], "children": {shunt.name: child}}


def _selectors(networks: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(each for network in networks for each in kernel_selectors(network)))


def shunt_name(connection: str) -> str:
    """Return the shunt that is in a connection of this name; empty where it is none of ours."""
    found = _OURS.fullmatch(connection)
    return found[1] if found is not None else ""
