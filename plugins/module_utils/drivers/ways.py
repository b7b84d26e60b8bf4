# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way packets to an address would take now, by the kernel's own rules and routes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Protocol

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Way:
    """An interface, the next hop or nothing where the address is on the link, and the address of ours that packets get."""

    interface: str
    gateway: str
    source: str


class Ways(Protocol):
    """The ways out of the host."""

    def to(self, address: str, source: str = "") -> Way | None:
        """Return the way to an address, for packets from `source` where one is given; None where there is none now."""


class KernelWays:
    """The ways out of this host through ip(8)."""

    def to(self, address: str, source: str = "") -> Way | None:
        arguments = ["route", "get", address, *(("from", source) if source else ())]
        try:
            done = subprocess.run(
                ["ip", "-j", *arguments],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
            found = json.loads(done.stdout)[0] if done.returncode == 0 else {}
        except (FileNotFoundError, subprocess.TimeoutExpired, ValueError, IndexError):
            return None
        if "dev" not in found or found.get("type", "unicast") not in ("unicast", "local"):
            return None
        via = found.get("via") or {}
        gateway = str(found.get("gateway") or via.get("host", ""))
        return Way(str(found["dev"]), gateway, source or str(found.get("prefsrc", "")))
