# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels whose own address has gone (S02): another node may have it now, and shall not find an old SA in its way."""

from __future__ import annotations

from collections.abc import Iterable

from .values import END, ENDING, Action, Observation

_REASON = "none of its own addresses is on this host any more"


def stranded(seen: Observation, actions: Iterable[Action]) -> list[Action]:
    """Return the ends of tunnels that have lost their address, but for those that `actions` end.

    The engine would end them too, with all else that follows: here nothing else comes before that.
    """
    ending = {each.tunnel for each in actions if each.kind in ENDING}
    return [Action(END, name, _REASON) for name in sorted(seen.stranded - ending)]
