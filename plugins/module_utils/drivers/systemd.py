# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd, read only: modules install nothing and start nothing, but say what stands still and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .programs import ask

_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class UnitState:
    """A unit as `systemctl show` tells it: LoadState, ActiveState, SubState; all empty where systemd does not answer."""

    load: str
    active: str
    sub: str


class Units(Protocol):
    """What the engine needs of systemd."""

    def state(self, unit: str) -> UnitState:
        """Return the state of a unit."""


class Systemd:
    """The systemd of this host."""

    def state(self, unit: str) -> UnitState:
        """Return the state of a unit; empty when there is no systemd here or it does not answer."""
        done = ask(["systemctl", "show", "--property=LoadState,ActiveState,SubState", "--", unit], timeout=_TIMEOUT_S)
        if done is None:
            return UnitState("", "", "")
        told: dict[str, str] = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return UnitState(told.get("LoadState", ""), told.get("ActiveState", ""), told.get("SubState", ""))
