# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for something to be so, in place of waiting for some time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def awaited(condition: Callable[[], Any], *, timeout: float = 20.0) -> bool:
    """Look until a condition holds; False when it does not in time (seconds), which a look that begins after that tells.

    Where others have the processors, a look can take longer than what is waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() > deadline
        if condition():
            return True
        if late:
            return False
        time.sleep(0.01)
