# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: messages with fields that can be asked for, or lines on standard error where there is no journal.

Source: systemd.journal-fields(7), and the native protocol as https://systemd.io/JOURNAL_NATIVE_PROTOCOL describes it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Mapping
from typing import Protocol

# As syslog(3) numbers them.
WARNING, NOTICE, INFO = 4, 5, 6
_SOCKET = "/run/systemd/journal/socket"


class Journal(Protocol):
    """Where a service says what it does."""

    def say(self, text: str, priority: int = INFO, fields: Mapping[str, str] | None = None) -> None:
        """Write one message; `fields` by upper-case names are what others can ask for."""


class SystemdJournal:
    """The journal of this host."""

    def __init__(self, identifier: str, path: str = _SOCKET) -> None:
        self._identifier = identifier
        self._path = path

    def say(self, text: str, priority: int = INFO, fields: Mapping[str, str] | None = None) -> None:
        whole = {"MESSAGE": text, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": self._identifier, **(fields or {})}
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one,
        ):
            one.sendto(b"".join(_field(name, value) for name, value in whole.items()), self._path)
            return
        sys.stderr.write(f"{self._identifier}: {text}\n")
        sys.stderr.flush()


def _field(name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "replace")
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n"
