# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who manages the host: the other ends of what this process, or one above it, is connected by."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.management import ParentSockets, Session

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(remote: str, inode: int, state: str = "01") -> str:
    return f"   0: 0100000A:0016 {remote}:D431 {state} 00000000:00000000 02:0 00000000     0        0 {inode} 2 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc in which this process is the child of sudo, and that of an sshd whose name holds brackets."""
    if sys.byteorder == "big":
        pytest.fail("the addresses of this test are written as a little-endian kernel writes them")
    me = str(os.getpid())
    for pid, parent, sockets in ((me, "71", [1]), ("71", "72", []), ("72", "1", [5, 6, 7, 8]), ("1", "0", [9])):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "stat").write_text(f"{pid} (sshd) (x y) S {parent} 1 2 3")
        for number, inode in enumerate(sockets):
            (tmp_path / pid / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
    (tmp_path / "72" / "fd" / "9").symlink_to("/dev/null")
    net = tmp_path / "net"
    net.mkdir()
    # 203.0.113.9, one that listens, one of another process, one of the computer itself.
    net.joinpath("tcp").write_text(
        HEAD + line("097100CB", 5) + line("00000000", 6, "0A") + line("010200C0", 99) + line("0100007F", 1)
    )
    # 2001:db8::5, and 198.51.100.7 in the form of an IPv6 address, as sshd's own sockets have it; the last is init's.
    net.joinpath("tcp6").write_text(
        HEAD + line("B80D0120000000000000000005000000", 7) + line("0000000000000000FFFF0000076433C6", 8)
        + line("B80D0120000000000000000006000000", 9)
    )  # fmt: skip
    return tmp_path


def test_the_other_ends_of_the_sessions_above_are_found(proc: Path) -> None:
    assert ParentSockets(str(proc)).sessions() == tuple(
        Session(client, 0xD431, "10.0.0.1", 22) for client in ("198.51.100.7", "2001:db8::5", "203.0.113.9")
    )


def test_where_nothing_can_be_read_nobody_is_known(tmp_path: Path) -> None:
    assert ParentSockets(str(tmp_path)).sessions() == ()


def test_a_connection_of_this_computer_to_itself_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert all(not each.client.startswith("127.") for each in ParentSockets().sessions())
