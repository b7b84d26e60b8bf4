# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system's log in the sandbox: what programs inside say to /dev/log is kept, and the computer's own hears nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

# A /dev of its own, with the computer's devices in it.
_DEVICES = """
set -e
cd "$1"
for name in null zero full random urandom tty; do
    touch "$name"
    mount --bind "/dev/$name" "$name"
done
for name in pts shm; do
    mkdir -p "$name"
    mount --bind "/dev/$name" "$name"
done
ln -sfn pts/ptmx ptmx
ln -sfn /proc/self/fd fd
mount --rbind . /dev
"""


@contextmanager
def syslog(sandbox: Sandbox) -> Iterator[list[bytes]]:
    """Give the sandbox a /dev/log, and yield the list to which its messages are added."""
    dev = sandbox.directory / "dev"
    dev.mkdir()
    messages: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(dev / "log"))
        done = sandbox.run(["sh", "-c", _DEVICES, "sh", str(dev)])
        assert done.returncode == 0, done.stderr
        listener = threading.Thread(target=_listen, args=(log, messages))
        listener.start()
        try:
            yield messages
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"", str(dev / "log"))
            listener.join(10)


def _listen(log: socket.socket, messages: list[bytes]) -> None:
    while message := log.recv(1 << 20):
        messages.append(message)
