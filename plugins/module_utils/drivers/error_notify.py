# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon's plugin error-notify tells whoever listens just then: why an IKE_SA or a CHILD_SA did not come up.

Source: strongSwan, src/libcharon/plugins/error_notify/error_notify_msg.h and error_notify_listener.c; the numbers and
the size of a message were compared with what the plugins of 5.9.8 and 6.0.1 send.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from typing import Protocol

from ..errors import IpsecError

# struct error_notify_msg_t: int type in network order; then text, connection, identity and address, each ended by NUL.
_MESSAGE = struct.Struct("!i384s64s256s60s")
# The longest name that a message can carry; charon cuts a longer one.
LONGEST_NAME = 63
_LAST_TYPE = 1000


class AlertsUnavailable(IpsecError):
    """Nobody can listen to charon's alerts; the message says why, and how that is mended."""


@dataclass(frozen=True)
class Alert:
    """One alert: its type (an `ERROR_NOTIFY_` number), charon's text, and what it knows of the peer, or empty texts.

    `connection` is cut at `LONGEST_NAME` characters. `address` is the peer's, without the port.
    """

    kind: int
    text: str
    connection: str = ""
    identity: str = ""
    address: str = ""


class Alerts(Protocol):
    """The alerts of charon, from `start` until `stop`."""

    def start(self) -> None:
        """Begin to listen; raises `AlertsUnavailable`."""

    def heard(self) -> list[Alert]:
        """Return what has come since the last call, without waiting; raises `AlertsUnavailable`.

        charon waits for a listener that does not read once some two hundred alerts are unread, and all of its threads
        that have another one to tell wait with it. So whoever listens calls this often, or stops.
        """

    def stop(self) -> None:
        """Listen no more."""


class ErrorNotify:
    """Alerts by the socket of the plugin error-notify."""

    def __init__(self, path: str, *, timeout: float = 2.0) -> None:
        self.path = path
        self.timeout = timeout
        self._socket: socket.socket | None = None
        self._buffer = bytearray()

    def start(self) -> None:
        if self._socket is not None:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.timeout)
            connection.connect(self.path)
        except OSError as error:
            connection.close()
            raise AlertsUnavailable(self._why(error)) from error
        connection.setblocking(False)
        self._socket = connection

    def heard(self) -> list[Alert]:
        if self._socket is not None:
            self._read(self._socket)
        whole = len(self._buffer) // _MESSAGE.size * _MESSAGE.size
        messages, self._buffer = bytes(self._buffer[:whole]), self._buffer[whole:]
        return [self._alert(fields) for fields in _MESSAGE.iter_unpack(messages)]

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer.clear()

    def _read(self, connection: socket.socket) -> None:
        while True:
            try:
                data = connection.recv(256 * _MESSAGE.size)
            except BlockingIOError:
                return
            except OSError as error:
                self.stop()
                raise AlertsUnavailable(f"charon's alerts end: {error.strerror or error}") from error
            if not data:
                # charon is gone; the session over vici says so, and what was heard stays true.
                connection.close()
                self._socket = None
                return
            self._buffer += data

    def _alert(self, fields: tuple[int, bytes, bytes, bytes, bytes]) -> Alert:
        kind, *texts = fields
        if not 0 < kind < _LAST_TYPE or any(b"\0" not in text for text in texts):
            self.stop()
            raise AlertsUnavailable(
                f"{self.path} speaks another language than the plugin error-notify of strongSwan does"
            )
        text, connection, identity, address = (raw.partition(b"\0")[0].decode("utf-8", "replace") for raw in texts)
        return Alert(kind, text, connection, identity, address.partition("[")[0])

    def _why(self, error: OSError) -> str:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED):
            return (
                f"charon's plugin error-notify does not listen on {self.path}: install libcharon-extra-plugins, have it "
                "loaded (charon.plugins.error-notify.load), and restart strongswan; the role swanfleet.ipsec.gateway "
                "installs it"
            )
        if error.errno in (errno.EACCES, errno.EPERM):
            return f"this user may not listen on {self.path}: run as root (become: true)"
        return f"cannot listen on {self.path}: {error.strerror or error}"
