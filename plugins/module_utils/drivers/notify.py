# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling systemd how a service is: ready, what it does, that it is alive. Source: sd_notify(3), systemd.service(5)."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Protocol


class Notify(Protocol):
    """What a service tells whoever has started it; nobody may be listening."""

    @property
    def watchdog_s(self) -> float | None:
        """Return within which time a sign of life is wanted, in seconds; None where none is."""

    def ready(self) -> None:
        """Say that the service does its work from now on."""

    def reloading(self) -> None:
        """Say that it reads again what it goes by, until it says `ready`."""

    def alive(self) -> None:
        """Give a sign of life, where one is wanted and the last one is not fresh; a start may then take as long again."""

    def status(self, text: str) -> None:
        """Say in one line what it does, for `systemctl status`."""

    def stopping(self) -> None:
        """Say that it is about to end."""


class SystemdNotify:
    """The service manager that has started this process, by the variables of its environment."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = given.get("NOTIFY_SOCKET", "")
        self._watchdog_s = _watchdog(given)
        self._told = ""
        self._next = 0.0
        self._starts = True

    @property
    def watchdog_s(self) -> float | None:
        return self._watchdog_s

    def ready(self) -> None:
        self._starts = False
        self._say("READY=1")

    def reloading(self) -> None:
        # The time belongs to Type=notify-reload, and others pass it over.
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def alive(self) -> None:
        now = time.monotonic()
        if self._watchdog_s is not None and now >= self._next:
            self._next = now + self._watchdog_s / 4
            # At another time it would be the stop that may take longer.
            longer = f"\nEXTEND_TIMEOUT_USEC={round(self._watchdog_s * 1_000_000)}" if self._starts else ""
            self._say(f"WATCHDOG=1{longer}")

    def status(self, text: str) -> None:
        line = " ".join(text.split())
        if line != self._told:
            self._told = line
            self._say(f"STATUS={line}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def _say(self, message: str) -> None:
        if self._address[:1] not in ("/", "@"):
            return
        # A name that begins with "@" is one of the abstract namespace (unix(7)).
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        # Whoever listens no more cannot be told, which is no reason to end.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one,
        ):
            one.sendto(message.encode("utf-8", "replace"), address)


def _watchdog(given: Mapping[str, str]) -> float | None:
    """Return the time within which a sign of life is wanted of this very process (sd_watchdog_enabled(3))."""
    micros, pid = given.get("WATCHDOG_USEC", ""), given.get("WATCHDOG_PID", "")
    if not micros.isdigit() or int(micros) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(micros) / 1_000_000
