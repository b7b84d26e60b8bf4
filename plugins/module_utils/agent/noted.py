# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of tunnels before they are looked at: which of them to look at, and what has happened to them meanwhile."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from .decision.values import END, RESTART, TERMINATE, TRAP, Action
from .views import Happened


@dataclass
class Noted:
    """The tunnels that the next look reads, None is all of them, and what has happened to each."""

    chosen: set[str] | None = None
    happened: dict[str, Happened] = field(default_factory=dict)

    def look_at_all(self) -> None:
        """Have the next look read all tunnels."""
        self.chosen = None

    def look_at(self, *names: str) -> None:
        """Have the next look read these tunnels, beside others."""
        if self.chosen is not None:
            self.chosen.update(names)

    def remember(self, what: str, *names: str) -> None:
        """Have the next look know what has happened to these tunnels, beside what has before."""
        for name in names:
            self.happened[name] = dataclasses.replace(self.happened.get(name, Happened()), **{what: True})

    def looked(self) -> None:
        """Begin anew: all of it was looked at."""
        self.chosen, self.happened = set(), {}

    def told(self, action: Action) -> None:
        """Note that charon was told to do something about a tunnel."""
        self.look_at(action.tunnel)
        if action.kind in (TERMINATE, RESTART, TRAP, END):
            found_dead = action.kind != END and (action.kind != TERMINATE or not action.group)
            self.happened[action.tunnel] = Happened(found_dead, ended=True, began=action.kind == RESTART)
