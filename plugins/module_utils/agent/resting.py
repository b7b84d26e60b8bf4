# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the agent rests after a look: so that looking takes a small part of a core, and few decisions wait for that."""

from __future__ import annotations

from .decision.decide import State

# Many times as long as the look took.
_REST = 20.0
_SHORTEST_S, _LONGEST_S = 0.002, 0.1


def rest(state: State, took: float, now: float) -> float:
    """Return the seconds to rest after a look that `took` so many.

    It ends when something is due of a fallback whose check misses answers already, or that sets another tunnel up; but not before
    it was as long as the look, so that the agent is busy for half of the time at most: where hundreds of lines lose packets, one
    of these is always due.
    """
    whole = min(max(_REST * took, _SHORTEST_S), _LONGEST_S)
    soon = (
        moment for name, moment in state.wakes.items() if moment < now + whole and state.groups[name].undecided(now)
    )
    return min(whole, max(min(soon, default=now + whole) - now, took, _SHORTEST_S))
