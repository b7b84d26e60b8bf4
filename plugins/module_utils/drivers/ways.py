# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way packets to an address would take now, by the kernel's own rules and routes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from .programs import ask

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
        done = ask(["ip", "-j", *arguments], timeout=_TIMEOUT_S)
        try:
            found = json.loads(done.stdout)[0] if done is not None and done.returncode == 0 else {}
        except (ValueError, IndexError):
            return None
        if "dev" not in found or found.get("type", "unicast") not in ("unicast", "local"):
            return None
        via = found.get("via") or {}
        gateway = str(found.get("gateway") or via.get("host", ""))
        return Way(str(found["dev"]), gateway, source or str(found.get("prefsrc", "")))
