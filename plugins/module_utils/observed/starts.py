# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of charon has loaded: its unit has swanctl load the files that are there by then."""

from __future__ import annotations

from ..drivers.charon import DaemonState
from ..drivers.files import FileState

# The kernel counts a process's start in ticks of 10 ms, and its own file times in ticks of up to 4 ms.
_TICK_S = 0.02


def was_there(file: FileState, state: DaemonState) -> bool:
    """Say whether a file was as it is now when charon started."""
    return file.modified + _TICK_S <= state.started
