# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels that follow the way that their packets would take now (S37): charon keeps an SA where it was set up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .timing import Clock
from .values import RESTART, Action, Observation, Path, View

# How long a way must last before a tunnel is set up anew for it.
SETTLED_AFTER_S = 1.0
# However often the way changes, a tunnel is not set up anew more often than this.
SPACING_S = 30.0


@dataclass(frozen=True)
class Followed:
    """The way that a tunnel was set up for, the address that it got, the way that would be another one, and since when."""

    used: Path
    source: str
    other: Path | None = None
    since: float = 0.0
    restarted: float | None = None


def follow_paths(
    before: Mapping[str, Followed], seen: Observation, may_restart: Callable[[str], bool], clock: Clock
) -> tuple[dict[str, Followed], list[Action]]:
    """Return what is known of the ways now, and which tunnels are set up anew."""
    after: dict[str, Followed] = {}
    actions = []
    for name in seen.wanted.following:
        view = seen.view(name)
        known = _known(before.get(name), view, clock.now)
        if known is None:
            continue
        if known.other is not None and _due(known, clock) and may_restart(name):
            reason = f"its packets would go {_told(known.other)} now, and it was set up to go {_told(known.used)}"
            actions.append(Action(RESTART, name, reason))
            known = dataclasses.replace(known, used=known.other, other=None, restarted=clock.now)
        elif known.other is not None:
            clock.past(clock.now + SETTLED_AFTER_S)
        after[name] = known
    return after, actions


def _known(known: Followed | None, view: View, now: float) -> Followed | None:
    if view.path is None or not view.up:
        # Without a way, and without SAs, there is nothing to compare; what was known may be needed again.
        return known and dataclasses.replace(known, other=None)
    if known is None:
        return Followed(view.path, view.source)
    if known.source != view.source:
        # It was set up again, or has moved by itself (MOBIKE): for the way that there is now.
        return dataclasses.replace(known, used=view.path, source=view.source, other=None)
    if view.path == known.used:
        return dataclasses.replace(known, other=None)
    if view.path != known.other:
        return dataclasses.replace(known, other=view.path, since=now)
    return known


def _due(known: Followed, clock: Clock) -> bool:
    spaced = known.restarted is None or clock.past(known.restarted + SPACING_S)
    return spaced and clock.past(known.since + SETTLED_AFTER_S)


def _told(path: Path) -> str:
    return f"by {path.interface}" + (f" and {path.gateway}" if path.gateway else "")
