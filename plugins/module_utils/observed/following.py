# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides about links that go up and down with their tunnels: which of these carry traffic, or have a trap."""

from __future__ import annotations

from collections.abc import Collection

from ..artifacts.values import Bound
from ..desired.xfrm_interface import FOLLOW
from ..drivers.charon import Charon
from .sas import live_sas
from .values import Carrying


def observe_carrying(charon: Charon, ties: Collection[Bound]) -> Carrying:
    """Read what decides about links, of which some follow their tunnels; raises `DaemonUnavailable`.

    charon is asked for traps only where one of them can make a difference.
    """
    following = [each for each in ties if each.follows]
    names = sorted({name for each in following for name in each.connections})
    if not names:
        return Carrying()
    live = live_sas(charon.sas(names))
    sas = frozenset(name for name, many in live.items() if any(child.up for sa in many for child in sa.children))
    undecided = any(
        each.state == FOLLOW and not each.trapped and each.connections and sas.isdisjoint(each.connections)
        for each in following
    )
    return Carrying(sas, frozenset(name for name, _child in charon.traps()) if undecided else frozenset())
