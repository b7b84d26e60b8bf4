# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of the running program, which a newer one may take the place of."""

from __future__ import annotations

import os
import sys
from typing import Protocol


class Program(Protocol):
    """The running program."""

    def replaced(self) -> bool:
        """Say whether there is another file in its place now than when it was started."""


class RunningFile:
    """The file that this process was started from, or any other."""

    def __init__(self, path: str = "") -> None:
        self._path = path or sys.argv[0]
        self._began = self._identity()

    def replaced(self) -> bool:
        now = self._identity()
        # Where it is just missing, there is nothing else to run.
        return now is not None and now != self._began

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns
