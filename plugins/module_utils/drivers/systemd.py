# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd, read only: modules install nothing and start nothing, but say what stands still and why."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Protocol

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
        try:
            done = subprocess.run(
                ["systemctl", "show", "--property=LoadState,ActiveState,SubState", "--", unit],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return UnitState("", "", "")
        told: dict[str, str] = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return UnitState(told.get("LoadState", ""), told.get("ActiveState", ""), told.get("SubState", ""))
