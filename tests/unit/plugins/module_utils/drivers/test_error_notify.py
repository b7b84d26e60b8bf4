# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of charon's plugin error-notify, as bytes on a socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.error_notify import (
    Alert,
    AlertsUnavailable,
    ErrorNotify,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(tmp_path / "enfy"))
        listening.listen(1)
        yield listening


@pytest.fixture
def alerts(tmp_path: Path) -> Iterator[ErrorNotify]:
    made = ErrorNotify(str(tmp_path / "enfy"))
    yield made
    made.stop()


def message(kind: int, text: bytes = b"", name: bytes = b"", identity: bytes = b"", address: bytes = b"") -> bytes:
    return struct.pack("!i384s64s256s60s", kind, text, name, identity, address)


def test_messages_are_read_as_they_come_however_they_are_cut(server: socket.socket, alerts: ErrorNotify) -> None:
    alerts.start()
    peer, _address = server.accept()
    with peer:
        two = message(3, b"peer authentication failed", b"paris", b"C=DE, CN=\xc3\xa4", b"192.0.2.2[4500]") + message(
            23
        )
        peer.sendall(two[:1000])
        assert alerts.heard() == [Alert(3, "peer authentication failed", "paris", "C=DE, CN=ä", "192.0.2.2")]
        assert alerts.heard() == []
        peer.sendall(two[1000:])
        assert alerts.heard() == [Alert(23, "", "", "", "")]


def test_what_was_said_before_the_end_is_heard(server: socket.socket, alerts: ErrorNotify) -> None:
    alerts.start()
    peer, _address = server.accept()
    peer.sendall(message(2))
    peer.close()
    assert [each.kind for each in alerts.heard()] == [2]
    assert alerts.heard() == []


@pytest.mark.parametrize(
    "garbage", [b"\0" * 768, b"\xff" * 768, message(3, b"x" * 384)], ids=["zero", "ones", "no-end"]
)
def test_another_language_is_told_and_nothing_made_of_it(
    server: socket.socket, alerts: ErrorNotify, garbage: bytes
) -> None:
    alerts.start()
    peer, _address = server.accept()
    with peer:
        peer.sendall(garbage)
        with pytest.raises(AlertsUnavailable, match="another language"):
            alerts.heard()
    assert alerts.heard() == []


def test_without_the_plugin_the_package_is_named(alerts: ErrorNotify) -> None:
    with pytest.raises(AlertsUnavailable, match="libcharon-extra-plugins"):
        alerts.start()
    assert alerts.heard() == []
