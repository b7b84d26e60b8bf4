# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service tells systemd, as whoever listens at the other end gets it, and what becomes of it where nobody does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.journal import NOTICE, SystemdJournal
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.notify import SystemdNotify


class Listener:
    """A manager: a datagram socket at a path, or with an abstract name."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self.socket.setblocking(False)
        self.address = address

    def heard(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.socket.recv(65536))
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(str(tmp_path / "notify") if request.param == "path" else f"@swanfleet-{os.getpid()}")
    yield listener
    listener.socket.close()


def test_each_state_is_said_as_systemd_reads_it(manager: Listener) -> None:
    notify = SystemdNotify({"NOTIFY_SOCKET": manager.address})
    notify.ready()
    notify.status("3 tunnels,\n1 fallback")
    notify.status("3 tunnels, 1 fallback")
    notify.stopping()
    assert manager.heard() == [b"READY=1", b"STATUS=3 tunnels, 1 fallback", b"STOPPING=1"]
    notify.reloading()
    [said] = manager.heard()
    assert said.startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_a_sign_of_life_is_given_where_it_is_wanted_and_not_more_often_than_that(manager: Listener) -> None:
    wanted = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
    notify = SystemdNotify(wanted)
    notify.alive()
    notify.alive()
    assert (notify.watchdog_s, manager.heard()) == (60.0, [b"WATCHDOG=1\nEXTEND_TIMEOUT_USEC=60000000"])
    started = SystemdNotify(wanted)
    started.ready()
    started.alive()
    # Later it would give the stop more time.
    assert manager.heard() == [b"READY=1", b"WATCHDOG=1"]
    for others in (
        {**wanted, "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": manager.address},
        {**wanted, "WATCHDOG_USEC": "x"},
    ):
        unwatched = SystemdNotify(others)
        unwatched.alive()
        assert (unwatched.watchdog_s, manager.heard()) == (None, [])


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_nobody_has_to_listen(environment: dict[str, str]) -> None:
    SystemdNotify(environment).ready()


def test_the_journal_gets_fields_that_can_be_asked_for(tmp_path: Path) -> None:
    listener = Listener(str(tmp_path / "journal"))
    SystemdJournal("swanfleet", listener.address).say("switch to b", NOTICE, {"SWANFLEET_TUNNEL": "b"})
    SystemdJournal("swanfleet", listener.address).say("one\ntwo")
    first, second = listener.heard()
    assert first == b"MESSAGE=switch to b\nPRIORITY=5\nSYSLOG_IDENTIFIER=swanfleet\nSWANFLEET_TUNNEL=b\n"
    assert second.startswith(b"MESSAGE\n\x07\0\0\0\0\0\0\0one\ntwo\nPRIORITY=6\n")
    listener.socket.close()


def test_without_a_journal_it_stands_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    SystemdJournal("swanfleet", "/nonexistent/journal").say("switch to b")
    assert capsys.readouterr().err == "swanfleet: switch to b\n"
