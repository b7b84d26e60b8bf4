# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules that change a host, and of those that only read."""

    DOCUMENTATION = r"""
options: {}
attributes:
  async:
    description: Can run in the background, with C(async) and C(poll) of the task.
    support: none
    details:
      - A task with C(async) fails before anything is sent to the host. A job in the background is killed when its time is
        over, at whatever step it may be, and its program and its result are kept in files.
  check_mode:
    description: Can run in check mode and tell what would change, without changing anything.
    support: full
    details:
      - The plan of a check is the very one that a run executes.
  diff_mode:
    description: Tells the difference between what was wanted before and what is wanted now.
    support: full
    details:
      - Secrets are shown as V(***).
  platform:
    description: Target systems.
    platforms: linux
    support: full
"""

    READING = r"""
options: {}
attributes:
  async:
    description: Can run in the background, with C(async) and C(poll) of the task.
    support: none
    details:
      - A task with C(async) fails before anything is sent to the host. A job in the background is killed when its time is
        over, at whatever step it may be, and its program and its result are kept in files.
  check_mode:
    description: Can run in check mode.
    support: full
    details:
      - This module changes nothing in check mode.
  diff_mode:
    description: Tells differences.
    support: none
  platform:
    description: Target systems.
    platforms: linux
    support: full
"""

    GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/swanfleet.ipsec.gateway) in C(module_defaults) to set how all modules that set objects run.
    support: full
    membership:
      - swanfleet.ipsec.gateway
"""
