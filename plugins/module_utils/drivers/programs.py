# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of this host that are asked something: without a shell, in one language, and not for ever."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


def ask(argv: Sequence[str], *, timeout: float, given: str = "") -> subprocess.CompletedProcess[str] | None:
    """Return how a program has ended and what it has said; None where there is none, or it takes longer (seconds).

    `given` is what it reads.
    """
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
            input=given,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
