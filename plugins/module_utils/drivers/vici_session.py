# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with charon over its unix socket: requests, streams and events, each bounded in time.

Source: strongSwan, vici README.md; vici_socket.c: the requests of one connection are answered in order.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from ..errors import IpsecError
from .vici import (
    CMD_REQUEST,
    CMD_RESPONSE,
    CMD_UNKNOWN,
    EVENT,
    EVENT_CONFIRM,
    EVENT_REGISTER,
    EVENT_UNKNOWN,
    EVENT_UNREGISTER,
    MAX_SEGMENT,
    Packet,
    ProtocolError,
    Section,
    Tree,
    decode_message,
    decode_packet,
    encode_message,
    encode_packet,
)

DEFAULT_URI = "unix:///run/charon.vici"


class DaemonUnavailable(IpsecError):  # said as a state, not as an "error"
    """charon cannot be asked: not running, not reachable for this user, hung, or gone in the middle."""


class DaemonAbsent(DaemonUnavailable):  # as above
    """Nobody listens: charon does not run, or has lost its socket."""


class DaemonHung(DaemonUnavailable):  # as above
    """charon let the time for an answer pass; asked again it may take as long again."""


class DaemonRefused(IpsecError):  # as above
    """charon understood `command` about `subject` (a name, or empty) and declined; `errmsg` is its own reason."""

    def __init__(self, command: str, subject: str, errmsg: str) -> None:
        self.command = command
        self.subject = subject
        self.errmsg = errmsg
        about = f" '{subject}'" if subject else ""
        super().__init__(f"charon refused {command}{about}: {errmsg or 'it gives no reason'}")


class _Deadline:
    """A point in time that all waiting for one answer shares, so that a trickle of bytes cannot extend it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        return self._at - time.monotonic()


class Session:
    """One connection to charon: opened at the first request, again after an error, used by one thread.

    `timeout` is the bound in seconds for connecting and for each complete answer. Every error that can leave half an
    answer behind closes the connection, so that the next request never reads the answer of an earlier one.
    """

    def __init__(self, uri: str = DEFAULT_URI, *, timeout: float = 10.0) -> None:
        self.uri = uri
        self.timeout = timeout
        self.commands: Counter[str] = Counter()  # commands sent, by name
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._events: deque[tuple[str, bytes]] = deque()
        self._registered: set[str] = set()

    @property
    def path(self) -> str:
        """Return the socket's path; raise DaemonUnavailable for a URI that is no unix:// one."""
        scheme, separator, path = self.uri.partition("://")
        if scheme != "unix" or not separator or not path.startswith("/"):
            raise DaemonUnavailable(f"'{self.uri}' is no address of charon: write unix:// and an absolute path")
        return path

    def request(self, command: str, message: Tree | None = None, *, timeout: float | None = None) -> Section:
        """Send one command and return its whole answer, `success = no` included.

        Events that arrive in between are kept for `listen`. Raises DaemonUnavailable, DaemonRefused for a command
        that this charon does not know, ProtocolError.
        """
        packet = encode_packet(CMD_REQUEST, command, encode_message(message or {}))
        deadline = _Deadline(self.timeout if timeout is None else timeout)
        self._send(packet, what=command, deadline=deadline)
        self.commands[command] += 1
        return self._response(command, deadline=deadline, series=[])

    def stream(self, command: str, event: str, message: Tree | None = None) -> Iterator[Section]:
        """Send a command that answers with a series of `event`s and yield their messages in the daemon's order.

        The whole series is read before the first is yielded: a caller that stops early leaves nothing in the
        connection, and one that takes its time does not hold up the daemon. Errors as `request`, and DaemonRefused
        if the closing answer says `success = no`.
        """
        packet = encode_packet(CMD_REQUEST, command, encode_message(message or {}))
        deadline = _Deadline(self.timeout)
        listening = event in self._registered
        if not listening:
            self._register(EVENT_REGISTER, event, deadline)
        self._send(packet, what=command, deadline=deadline)
        self.commands[command] += 1
        series: list[bytes] = []
        answer = self._response(command, deadline=deadline, event=event, series=series)
        if not listening:
            self._register(EVENT_UNREGISTER, event, deadline)
        if answer.get("success", "yes") != "yes":
            raise DaemonRefused(command, "", answer.get("errmsg", ""))
        return map(decode_message, series)

    def listen(self, events: Iterable[str], *, timeout: float) -> Iterator[tuple[str, Section]]:
        """Yield (event, message) as they come, queued ones first, until `timeout` seconds after this call.

        Registers at the call, once for each name, and stays registered until the connection ends, so that nothing is
        lost between two calls. Raises DaemonRefused for an event that this charon does not have.
        """
        for event in events:
            if event not in self._registered:
                self._registered.add(event)  # before asking: the first one may come before the confirmation
                self._register(EVENT_REGISTER, event, _Deadline(self.timeout))
        return self._arriving(_Deadline(timeout))

    def _arriving(self, deadline: _Deadline) -> Iterator[tuple[str, Section]]:
        while True:
            while self._events:
                name, payload = self._events.popleft()
                yield name, decode_message(payload)
            packet = self._buffered()
            if packet is None:
                if not self._fill("an event", deadline):
                    return
            elif packet.kind != EVENT:
                raise self._broken(f"charon sent packet type {packet.kind} without being asked")
            else:
                self._events.append((packet.name, packet.payload))

    def fileno(self) -> int:
        """Return the socket for a selector; connects if need be. Call `listen` with timeout 0 when it is readable."""
        return self._connected(_Deadline(self.timeout)).fileno()

    def daemon_pid(self) -> int:
        """Return the process id of the daemon at the other end; 0 if it lives outside our pid namespace."""
        connection = self._connected(_Deadline(self.timeout))
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("@iII"))
        pid: int = struct.unpack("@iII", credentials)[0]
        return pid

    def close(self) -> None:
        """End the connection; registrations and queued events end with it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._buffer.clear()
        self._events.clear()
        self._registered.clear()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _response(self, command: str, *, deadline: _Deadline, event: str = "", series: list[bytes]) -> Section:
        packet = self._answer(command, deadline=deadline, event=event, series=series)
        if packet.kind == CMD_UNKNOWN:
            raise DaemonRefused(command, "", "this charon does not know the command")
        if packet.kind != CMD_RESPONSE:
            raise self._broken(f"charon answered {command} with packet type {packet.kind}")
        return decode_message(packet.payload)

    def _register(self, kind: int, event: str, deadline: _Deadline) -> None:
        what = f"event {event}"
        self._send(encode_packet(kind, event), what=what, deadline=deadline)
        packet = self._answer(what, deadline=deadline, series=[])
        if packet.kind == EVENT_UNKNOWN:
            self._registered.discard(event)
            raise DaemonRefused("event", event, "this charon does not know the event")
        if packet.kind != EVENT_CONFIRM:
            raise self._broken(f"charon answered a registration for {event} with packet type {packet.kind}")

    def _answer(self, what: str, *, deadline: _Deadline, event: str = "", series: list[bytes]) -> Packet:
        """Wait for a packet that is no event; messages of `event` go to `series`, registered ones to the queue."""
        while True:
            packet = self._receive(what, deadline)
            if packet.kind != EVENT:
                return packet
            if packet.name == event:
                series.append(packet.payload)
            if packet.name in self._registered:
                self._events.append((packet.name, packet.payload))

    def _broken(self, reason: str) -> ProtocolError:
        self.close()
        return ProtocolError(reason)

    def _hung(self, what: str, deadline: _Deadline) -> DaemonHung:
        self.close()
        return DaemonHung(
            f"charon did not answer '{what}' on {self.path} within {deadline.seconds:g} s: it hangs, is stopped, or its"
            " answer is over 512 KiB, which it drops; see 'journalctl -u strongswan', or restart it with"
            " 'systemctl restart strongswan'"
        )

    def _gone(self, what: str, error: OSError | None = None) -> DaemonUnavailable:
        reason = f" ({error.strerror})" if error is not None and error.strerror else ""
        self.close()
        return DaemonUnavailable(
            f"charon closed {self.path} before it had answered '{what}'{reason}: it was stopped or has crashed;"
            " see 'journalctl -u strongswan'"
        )

    def _connected(self, deadline: _Deadline) -> socket.socket:
        if self._socket is None:
            path = self.path
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                # While a hung daemon's queue of connections is full, only a blocking connect() waits for a place, and
                # SO_SNDTIMEO bounds it; with Python's own timeout it would fail at once.
                seconds = max(deadline.left(), 0.001)
                timeval = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
                connection.connect(path)
            except OSError as error:
                connection.close()
                raise self._unreachable(error, path, deadline) from error
            self._socket = connection
        return self._socket

    def _unreachable(self, error: OSError, path: str, deadline: _Deadline) -> DaemonUnavailable:
        if error.errno in (errno.EAGAIN, errno.ETIMEDOUT):
            return self._hung("connect", deadline)
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return DaemonAbsent(f"charon does not listen on {path}: start it with 'systemctl start strongswan'")
        if error.errno == errno.ECONNREFUSED:
            return DaemonAbsent(
                f"charon left {path} behind and does not run: start it with 'systemctl start strongswan'"
            )
        if error.errno in (errno.EACCES, errno.EPERM):
            return DaemonUnavailable(f"this user may not talk to charon on {path}: run as root (become: true)")
        return DaemonUnavailable(f"cannot talk to charon on {path}: {error.strerror or error}")

    def _send(self, packet: bytes, *, what: str, deadline: _Deadline) -> None:
        connection = self._connected(deadline)
        try:
            connection.settimeout(max(deadline.left(), 0.001))
            connection.sendall(packet)
        except socket.timeout:
            raise self._hung(what, deadline) from None
        except OSError as error:
            raise self._gone(what, error) from error

    def _receive(self, what: str, deadline: _Deadline) -> Packet:
        """Return the next packet; raise DaemonUnavailable at the deadline or at the end of the connection."""
        while True:
            packet = self._buffered()
            if packet is not None:
                return packet
            if not self._fill(what, deadline):
                raise self._hung(what, deadline)

    def _buffered(self) -> Packet | None:
        """Take one packet off the bytes already read, if a whole one is there."""
        if len(self._buffer) < 4:
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if size > MAX_SEGMENT:
            raise self._broken(f"malformed VICI packet: {size} bytes, the limit is {MAX_SEGMENT}")
        if len(self._buffer) < 4 + size:
            return None
        segment = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]  # cheap: a bytearray only moves its start
        try:
            return decode_packet(segment)
        except ProtocolError:
            self.close()
            raise

    def _fill(self, what: str, deadline: _Deadline) -> bool:
        """Read once into the buffer; return False if nothing came before the deadline."""
        connection = self._connected(deadline)
        left = deadline.left()
        try:
            # Zero, not a negative number: what is there already may be read at a deadline that has just passed.
            connection.settimeout(max(left, 0.0))
            data = connection.recv(256 * 1024)
        except (socket.timeout, BlockingIOError):
            return False
        except OSError as error:
            raise self._gone(what, error) from error
        if not data:
            raise self._gone(what)
        self._buffer += data
        return True
