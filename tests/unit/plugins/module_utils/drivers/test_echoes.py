# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What echo requests look like on the wire, and which answers are believed; the rest is in tests/contract/test_echoes.py."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers import echoes
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.echoes import (
    EchoReply,
    EchoRequest,
    EchoUnavailable,
    RawEchoes,
)

ADDRESS = {socket.AF_INET: "192.0.2.9", socket.AF_INET6: "2001:db8::9"}
IPV4_HEADER = b"\x45" + bytes(19)


def reply(asking: RawEchoes, family: socket.AddressFamily, *, kind: int | None = None) -> bytes:
    """Return what a peer sends back: the request with another type, behind a header of IPv4."""
    request = EchoRequest(ADDRESS[family], 5)
    message = asking._message(echoes._ECHO[family][1] if kind is None else kind, request)
    return (IPV4_HEADER if family == socket.AF_INET else b"") + message


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_answer_of_whom_was_asked_is_believed(family: socket.AddressFamily) -> None:
    asking = RawEchoes()
    assert asking._understood(family, reply(asking, family), ADDRESS[family]) == EchoReply(ADDRESS[family], 5)


def test_options_in_the_header_of_ipv4_are_passed_over() -> None:
    asking = RawEchoes()
    data = b"\x46" + bytes(23) + reply(asking, socket.AF_INET)[20:]
    assert asking._understood(socket.AF_INET, data, "192.0.2.9") == EchoReply("192.0.2.9", 5)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_what_was_changed_made_up_or_cut_is_not_believed(family: socket.AddressFamily) -> None:
    asking, address = RawEchoes(), ADDRESS[family]
    good = reply(asking, family)
    start = len(good) - 32
    # Type, code, identifier, token and digest count; the checksum is the kernel's, and the sequence says what the token says.
    for index in (*range(2), *range(4, 6), *range(8, 32)):
        changed = bytearray(good)
        changed[start + index] ^= 1
        assert asking._understood(family, bytes(changed), address) is None, index
    for data in (b"", good[:1], good[:-1], good + b"\0", IPV4_HEADER):
        assert asking._understood(family, data, address) is None


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_answer_of_another_host_or_to_another_process_is_not_believed(family: socket.AddressFamily) -> None:
    asking, other = RawEchoes(), RawEchoes()
    other._identifier = asking._identifier
    elsewhere = {socket.AF_INET: "192.0.2.8", socket.AF_INET6: "2001:db8::8"}[family]
    assert asking._understood(family, reply(asking, family), elsewhere) is None
    assert asking._understood(family, reply(other, family), ADDRESS[family]) is None
    assert asking._understood(family, reply(asking, family, kind=echoes._ECHO[family][0]), ADDRESS[family]) is None


def test_the_checksum_is_that_of_rfc_1071() -> None:
    # The example of its section 3.
    assert echoes._checksum(bytes((0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7))) == ~0xDDF2 & 0xFFFF
    assert echoes._checksum(b"\xff\xff" * 40) == 0
    message = RawEchoes()._message(8, EchoRequest("192.0.2.9", 7))
    whole = message[:2] + struct.pack("!H", echoes._checksum(message)) + message[4:]
    assert echoes._checksum(whole) == 0


def test_who_may_open_no_raw_socket_is_told_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    for address in ADDRESS.values():
        with pytest.raises(EchoUnavailable, match=r"^this process may open no raw socket: it needs CAP_NET_RAW$"):
            RawEchoes().ask([EchoRequest(address, 1)])


def test_a_family_that_this_host_does_not_have_is_silence_and_no_reason_to_ask_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_arguments: int) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", missing)
    asking = RawEchoes()
    requests = [EchoRequest(ADDRESS[socket.AF_INET6], 1)]
    assert asking.ask(requests) == requests
    assert asking.heard() == []
