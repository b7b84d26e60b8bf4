# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that the lab raises for everything that a person can act on."""

from __future__ import annotations


class LabError(Exception):
    """Say what failed and what to do; bugs keep their own exceptions."""

    def __init__(self, what: str, *, advice: str = "", log: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.log = log

    def __str__(self) -> str:
        parts = [self.what]
        if self.log:
            parts.append(f"  log: {self.log}")
        if self.advice:
            parts.append(f"  do:  {self.advice}")
        return "\n".join(parts)
