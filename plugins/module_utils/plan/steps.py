# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a plan: what each does, to what, and in which order they may run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

Commands = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Step:
    """One step: a verb, the layer it works on, and the object's name; kernel steps carry their commands for ip(8).

    `key` is what the engine looks the content up by, where that differs from the name that people see.
    """

    verb: str
    layer: str
    name: str
    key: str = ""
    commands: Commands = dataclasses.field(default=())

    def __str__(self) -> str:
        return f"{self.verb} {self.layer} {self.name}"

    def as_data(self) -> dict[str, str]:
        """Return the step as a module's result shows it."""
        return {"action": self.verb, "layer": self.layer, "object": self.name}


@dataclass(frozen=True)
class Plan:
    """All steps in the order in which they run. An empty plan changes nothing."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)
