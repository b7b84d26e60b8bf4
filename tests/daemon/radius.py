# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A RADIUS server for tests, which asks everybody for the password by EAP-MD5 and then tells a group (RFC 2865, 3579).

Run as a program it serves until it is ended: radius.py PORT SECRET PASSWORD CLASS, once it has said that it is ready.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import sys
from collections.abc import Iterator

REQUEST, ACCEPT, REJECT, CHALLENGE = 1, 2, 3, 11
STATE, CLASS, EAP_MESSAGE, AUTHENTICATOR = 24, 25, 79, 80
_IDENTITY, _MD5 = 1, 4


def attributes(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of the attributes of a packet."""
    at = 20
    while at < len(packet):
        yield packet[at], packet[at + 2 : at + packet[at + 1]]
        at += packet[at + 1]


class Server:
    """What answers requests; `challenges` are those that it has given, by the state that comes back."""

    def __init__(self, secret: bytes, password: bytes, group: bytes) -> None:
        self.secret, self.password, self.group = secret, password, group
        self.challenges: dict[bytes, bytes] = {}

    def answer(self, packet: bytes) -> bytes:
        """Return the answer to a request."""
        told = list(attributes(packet))
        eap = b"".join(value for kind, value in told if kind == EAP_MESSAGE)
        identifier = eap[1]
        if eap[4] == _IDENTITY:
            state, challenge = secrets.token_bytes(16), secrets.token_bytes(16)
            self.challenges[state] = challenge
            asked = bytes((1, identifier + 1, 0, 22, _MD5, 16)) + challenge
            return self._packet(CHALLENGE, packet, [(EAP_MESSAGE, asked), (STATE, state)])
        challenge = self.challenges.pop(dict(told)[STATE])
        expected = hashlib.md5(bytes((identifier,)) + self.password + challenge).digest()  # noqa: S324  # the method's own
        if eap[4] == _MD5 and eap[6:22] == expected:
            return self._packet(ACCEPT, packet, [(EAP_MESSAGE, bytes((3, identifier, 0, 4))), (CLASS, self.group)])
        return self._packet(REJECT, packet, [(EAP_MESSAGE, bytes((4, identifier, 0, 4)))])

    def _packet(self, code: int, request: bytes, told: list[tuple[int, bytes]]) -> bytes:
        body = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in [*told, (AUTHENTICATOR, bytes(16))])
        head = bytes((code, request[1])) + (20 + len(body)).to_bytes(2, "big")
        proof = hmac.new(self.secret, head + request[4:20] + body, "md5").digest()
        body = body[:-16] + proof
        return head + hashlib.md5(head + request[4:20] + body + self.secret).digest() + body  # noqa: S324  # RADIUS' own


def main(port: str, *words: str) -> None:
    """Serve on the loopback."""
    server = Server(*(word.encode() for word in words))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", int(port)))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            packet, whence = door.recvfrom(4096)
            door.sendto(server.answer(packet), whence)


if __name__ == "__main__":
    main(*sys.argv[1:])
