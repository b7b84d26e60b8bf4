# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered UDP packets through many tunnels at once, and the count of those that arrive; run as a program in a namespace.

FILE has lines "source destination". `traffic.py send RATE FILE` sends RATE packets a second to each destination, prints
a line after each round, and at the end of its standard input the JSON of how many went to each. `traffic.py receive FILE`
binds each destination and says "ready"; its input is what the sender printed last, and its answer how many of those
packets never came to each, at most 5 seconds later.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from pathlib import Path

PORT = 4711


def pairs(file: str) -> list[tuple[str, str]]:
    """Return (source, destination) of each line."""
    return [(line.split()[0], line.split()[1]) for line in Path(file).read_text("ascii").splitlines()]


def send(rate: float, file: str) -> dict[str, int]:
    """Send until standard input ends; one packet for each pair in turn, evenly over the time."""
    sockets = []
    for source, destination in pairs(file):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind((source, 0))
        sender.connect((destination, PORT))
        sockets.append((destination, sender))
    sent = dict.fromkeys((destination for destination, _sender in sockets), 0)
    waiting = selectors.DefaultSelector()
    waiting.register(sys.stdin, selectors.EVENT_READ)
    due, gap = time.monotonic(), 1 / (rate * len(sockets))
    while True:
        for destination, sender in sockets:
            sender.send(str(sent[destination]).encode())
            sent[destination] += 1
            due += gap
            if waiting.select(max(due - time.monotonic(), 0)):
                return sent
        print("round", flush=True)


def receive(file: str) -> dict[str, int]:
    """Receive what was sent; return how many different numbers have not come to each destination."""
    waiting = selectors.DefaultSelector()
    seen: dict[str, set[int]] = {}
    for _source, destination in pairs(file):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind((destination, PORT))
        waiting.register(receiver, selectors.EVENT_READ, destination)
        seen[destination] = set()
    waiting.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    sent: dict[str, int] = {}
    deadline = float("inf")
    while not sent or (_missing(sent, seen) and time.monotonic() < deadline):
        for key, _events in waiting.select(None if not sent else 0.1):
            if key.data is None:
                sent = json.loads(sys.stdin.readline())
                waiting.unregister(sys.stdin)
                deadline = time.monotonic() + 5
            else:
                assert isinstance(key.fileobj, socket.socket)
                seen[key.data].add(int(key.fileobj.recv(64)))
    return _missing(sent, seen)


def _missing(sent: dict[str, int], seen: dict[str, set[int]]) -> dict[str, int]:
    return {to: count - len(seen[to]) for to, count in sent.items() if count > len(seen[to])}


if __name__ == "__main__":
    print(json.dumps(receive(sys.argv[2]) if sys.argv[1] == "receive" else send(float(sys.argv[2]), sys.argv[3])))
