# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd in memory."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.systemd import UnitState

ABSENT = UnitState("not-found", "inactive", "dead")
RUNNING = UnitState("loaded", "active", "running")
STOPPED = UnitState("loaded", "inactive", "dead")
NO_SYSTEMD = UnitState("", "", "")


class FakeUnits:
    """Takes the place of `Systemd`; `without_systemd` makes it answer nothing, as in a container."""

    def __init__(self, units: dict[str, UnitState] | None = None, *, without_systemd: bool = False) -> None:
        self.units = dict(units or {})
        self.without_systemd = without_systemd

    def state(self, unit: str) -> UnitState:
        return NO_SYSTEMD if self.without_systemd else self.units.get(unit, ABSENT)
