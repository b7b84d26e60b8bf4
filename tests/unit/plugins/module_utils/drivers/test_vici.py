# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VICI protocol: bytes, and a session against a server that misbehaves. PyPI's vici is the oracle for the bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import vici.protocol
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers import vici as ours
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.vici import (
    DaemonRefused,
    DaemonUnavailable,
    ProtocolError,
    Session,
    decode_message,
    decode_packet,
    encode_message,
    encode_packet,
)
from hypothesis import given
from hypothesis import strategies as st

# The example of the protocol's own document.
EXAMPLE = {"key1": "value1", "section1": {"sub-section": {"key2": "value2"}, "list1": ["item1", "item2"]}}
EXAMPLE_BYTES = (
    b"\x03\x04key1\x00\x06value1"
    b"\x01\x08section1"
    b"\x01\x0bsub-section\x03\x04key2\x00\x06value2\x02"
    b"\x04\x05list1\x05\x00\x05item1\x05\x00\x05item2\x06"
    b"\x02"
)

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
texts = st.text(st.characters(codec="utf-8"), max_size=60)
trees = st.recursive(
    st.dictionaries(names, st.one_of(texts, st.lists(texts, max_size=4)), max_size=5),
    lambda inner: st.dictionaries(names, st.one_of(texts, st.lists(texts, max_size=3), inner), max_size=4),
    max_leaves=12,
)


def as_text(value: Any) -> Any:
    """Turn the oracle's bytes into text."""
    if isinstance(value, dict):
        return {key: as_text(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_text(each) for each in value]
    return value.decode()


def oracle_reads(data: bytes) -> Any:
    return as_text(vici.protocol.Message.deserialize(vici.protocol.FiniteStream(data)))


class TestMessages:
    @pytest.mark.parametrize(
        ("tree", "data"),
        [
            pytest.param({}, b"", id="nothing"),
            pytest.param({"a": ""}, b"\x03\x01a\x00\x00", id="an empty value"),
            pytest.param({"a": "b"}, b"\x03\x01a\x00\x01b", id="a value"),
            pytest.param({"a": []}, b"\x04\x01a\x06", id="an empty list"),
            pytest.param({"a": {}}, b"\x01\x01a\x02", id="an empty section"),
            pytest.param({"a": "x" * 0x1234}, b"\x03\x01a\x12\x34" + b"x" * 0x1234, id="a length of two bytes"),
            pytest.param({"a": "ä€"}, b"\x03\x01a\x00\x05\xc3\xa4\xe2\x82\xac", id="utf-8"),
            pytest.param({"a": "\udcff"}, b"\x03\x01a\x00\x01\xff", id="bytes that are no utf-8"),
            pytest.param(EXAMPLE, EXAMPLE_BYTES, id="the document's example"),
        ],
    )
    def test_a_tree_is_written_and_read_as_the_protocol_says(self, tree: ours.Tree, data: bytes) -> None:
        assert encode_message(tree) == data
        assert decode_message(data) == tree

    def test_bytes_and_tuples_are_written_like_text_and_lists(self) -> None:
        assert encode_message({"a": b"\x00\xff", "b": (b"x", "y")}) == b"\x03\x01a\x00\x02\x00\xff" + encode_message(
            {"b": ["x", "y"]}
        )

    @given(trees)
    def test_reading_gives_back_what_was_written(self, tree: dict[str, Any]) -> None:
        assert decode_message(encode_message(tree)) == tree

    @given(st.dictionaries(names, st.binary(max_size=40), max_size=4))
    def test_any_bytes_survive(self, tree: dict[str, bytes]) -> None:
        read = decode_message(encode_message(tree))
        assert {name: value.encode("utf-8", "surrogateescape") for name, value in read.items()} == tree

    @given(trees)
    def test_the_oracle_reads_and_writes_the_same(self, tree: dict[str, Any]) -> None:
        assert encode_message(tree) == vici.protocol.Message.serialize(tree)
        assert oracle_reads(encode_message(tree)) == tree
        assert decode_message(vici.protocol.Message.serialize(tree)) == tree

    @given(st.binary(max_size=60))
    def test_any_bytes_are_a_message_or_a_protocol_error(self, data: bytes) -> None:
        with contextlib.suppress(ProtocolError):
            assert encode_message(decode_message(data)) == data

    @given(st.integers(0, len(EXAMPLE_BYTES) - 1), st.integers(0, 255))
    def test_one_wrong_byte_is_a_message_or_a_protocol_error(self, place: int, value: int) -> None:
        data = EXAMPLE_BYTES[:place] + bytes([value]) + EXAMPLE_BYTES[place + 1 :]
        with contextlib.suppress(ProtocolError):
            assert encode_message(decode_message(data)) == data

    # Cut after a complete element of the root section a message is still one.
    @pytest.mark.parametrize("length", [n for n in range(1, len(EXAMPLE_BYTES)) if n != 14])
    def test_a_message_cut_short_is_a_protocol_error(self, length: int) -> None:
        with pytest.raises(ProtocolError, match="malformed"):
            decode_message(EXAMPLE_BYTES[:length])

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"\x07", id="unknown element"),
            pytest.param(b"\x00", id="element zero"),
            pytest.param(b"\x02", id="an end of no section"),
            pytest.param(b"\x06", id="an end of no list"),
            pytest.param(b"\x05\x00\x01a", id="an item outside a list"),
            pytest.param(b"\x04\x01a\x03\x01b\x00\x00\x06", id="a value in a list"),
            pytest.param(b"\x04\x01a\x05\x00\x01x\x02", id="a section ends in a list"),
            pytest.param(b"\x03\x01a\x00\x05bc", id="a value longer than the message"),
            pytest.param(b"\x03\x09a", id="a name longer than the message"),
            pytest.param(b"\x03\x01a\x00\x00\x03\x01a\x00\x00", id="a name twice"),
        ],
    )
    def test_malformed_messages_are_protocol_errors(self, data: bytes) -> None:
        with pytest.raises(ProtocolError, match="malformed VICI message"):
            decode_message(data)

    def test_a_long_name_is_refused_before_sending(self) -> None:
        assert decode_message(encode_message({"n" * 255: "x"})) == {"n" * 255: "x"}
        with pytest.raises(ProtocolError, match="at most 255 bytes, this one has 256"):
            encode_message({"n" * 256: "x"})

    def test_a_long_value_is_refused_before_sending(self) -> None:
        assert decode_message(encode_message({"a": "x" * 65535})) == {"a": "x" * 65535}
        with pytest.raises(ProtocolError, match="'a' has 65536"):
            encode_message({"a": "x" * 65536})

    @pytest.mark.parametrize("value", [1, True, None, 1.5])
    def test_other_types_are_a_bug_of_the_caller(self, value: Any) -> None:
        with pytest.raises(TypeError, match="'a' is a"):
            encode_message({"a": value})


class TestPackets:
    def test_named_and_unnamed_packets(self) -> None:
        assert encode_packet(ours.CMD_REQUEST, "version", b"xy") == b"\x00\x00\x00\x0b\x00\x07versionxy"
        assert encode_packet(ours.CMD_RESPONSE, message=b"xy") == b"\x00\x00\x00\x03\x01xy"
        assert decode_packet(b"\x07\x03logxy") == (ours.EVENT, "log", b"xy")
        assert decode_packet(b"\x01xy") == (ours.CMD_RESPONSE, "", b"xy")

    @given(st.text(st.characters(codec="ascii"), max_size=255), st.binary(max_size=50))
    def test_the_oracle_writes_the_same_requests(self, name: str, message: bytes) -> None:
        assert encode_packet(ours.CMD_REQUEST, name, message)[4:] == vici.protocol.Packet.request(name, message)
        assert encode_packet(ours.EVENT_REGISTER, name)[4:] == vici.protocol.Packet.register_event(name)
        assert encode_packet(ours.EVENT_UNREGISTER, name)[4:] == vici.protocol.Packet.unregister_event(name)

    def test_a_segment_over_the_limit_of_charon_is_refused_before_sending(self) -> None:
        room = ours.MAX_SEGMENT - len(encode_packet(ours.CMD_REQUEST, "load-conn")[4:])
        encode_packet(ours.CMD_REQUEST, "load-conn", b"x" * room)
        with pytest.raises(ProtocolError, match="load-conn needs 524289 bytes: charon takes at most 524288"):
            encode_packet(ours.CMD_REQUEST, "load-conn", b"x" * (room + 1))

    @given(st.binary(max_size=30))
    def test_any_bytes_are_a_packet_or_a_protocol_error(self, data: bytes) -> None:
        with contextlib.suppress(ProtocolError):
            packet = decode_packet(data)
            assert encode_packet(packet.kind, packet.name, packet.payload)[4:] == data

    @pytest.mark.parametrize("data", [b"", b"\x08", b"\xff", b"\x07", b"\x07\x05log"])
    def test_malformed_packets_are_protocol_errors(self, data: bytes) -> None:
        with pytest.raises(ProtocolError, match="malformed VICI packet"):
            decode_packet(data)


Script = Callable[[socket.socket], None]


class Server:
    """A unix socket on which each connection is served by the next of some scripts, in a thread."""

    def __init__(self, path: Path) -> None:
        self.uri = f"unix://{path}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.threads: list[threading.Thread] = []
        self.done = threading.Event()  # set at the end of a test, for scripts that hang until then

    def serve(self, *scripts: Script) -> None:
        def run() -> None:
            for script in scripts:
                connection, _address = self.listener.accept()
                with connection, contextlib.suppress(ConnectionError):
                    script(connection)

        thread = threading.Thread(target=run)
        thread.start()
        self.threads.append(thread)

    def close(self) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(10)
        self.listener.close()
        assert not any(thread.is_alive() for thread in self.threads)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path / "vici")
    yield served
    served.close()


def heard(connection: socket.socket) -> tuple[int, str]:
    """Read one packet of the client, whole."""
    header = connection.recv(4, socket.MSG_WAITALL)
    if not header:
        raise ConnectionResetError
    packet = decode_packet(connection.recv(int.from_bytes(header, "big"), socket.MSG_WAITALL))
    return packet.kind, packet.name


def response(**tree: Any) -> bytes:
    return encode_packet(ours.CMD_RESPONSE, message=encode_message(tree))


def event(name: str, **tree: Any) -> bytes:
    return encode_packet(ours.EVENT, name, encode_message(tree))


CONFIRM = encode_packet(ours.EVENT_CONFIRM)


def answering(*answers: bytes) -> Script:
    """Return a script that answers each packet of the client with the next of `answers`."""

    def script(connection: socket.socket) -> None:
        for answer in answers:
            heard(connection)
            connection.sendall(answer)
        while connection.recv(4096):
            pass

    return script


def hanging(server: Server) -> Script:
    """Return a script that reads nothing and says nothing until the test is over."""

    def script(_connection: socket.socket) -> None:
        server.done.wait(10)

    return script


class TestSession:
    def test_a_request_is_answered(self, server: Server) -> None:
        server.serve(answering(response(version="5.9.8"), response(success="no", errmsg="why")))
        with Session(server.uri) as session:
            assert session.request("version") == {"version": "5.9.8"}
            assert session.request("load-conn", {"a": {}}) == {"success": "no", "errmsg": "why"}
            assert session.commands == {"version": 1, "load-conn": 1}

    def test_nothing_is_connected_before_the_first_request(self, tmp_path: Path) -> None:
        with Session(f"unix://{tmp_path}/none") as session:
            assert not session.commands

    def test_an_answer_in_single_bytes_is_read(self, server: Server) -> None:
        def script(connection: socket.socket) -> None:
            heard(connection)
            for byte in response(key="value"):
                connection.sendall(bytes([byte]))

        server.serve(script)
        with Session(server.uri) as session:
            assert session.request("x") == {"key": "value"}

    def test_a_stream_yields_its_events_in_order_and_unregisters(self, server: Server) -> None:
        packets: list[tuple[int, str]] = []

        def script(connection: socket.socket) -> None:
            for answer in (
                CONFIRM,
                event("list-sa", a="1") + event("list-sa", b="2") + response(),
                CONFIRM,
                response(),
            ):
                packets.append(heard(connection))
                connection.sendall(answer)

        server.serve(script)
        with Session(server.uri) as session:
            assert list(session.stream("list-sas", "list-sa")) == [{"a": "1"}, {"b": "2"}]
            session.request("version")
        assert packets == [
            (ours.EVENT_REGISTER, "list-sa"),
            (ours.CMD_REQUEST, "list-sas"),
            (ours.EVENT_UNREGISTER, "list-sa"),
            (ours.CMD_REQUEST, "version"),
        ]

    def test_a_stream_left_early_leaves_the_session_usable(self, server: Server) -> None:
        series = b"".join(event("e", n=str(n)) for n in range(5)) + response()
        server.serve(answering(CONFIRM, series, CONFIRM, response(ok="yes")))
        with Session(server.uri) as session:
            assert next(session.stream("list", "e")) == {"n": "0"}
            assert session.request("x") == {"ok": "yes"}

    def test_a_stream_that_ends_in_a_refusal_is_one(self, server: Server) -> None:
        server.serve(answering(CONFIRM, response(success="no", errmsg="why"), CONFIRM))
        with Session(server.uri) as session, pytest.raises(DaemonRefused, match="charon refused list: why"):
            session.stream("list", "e")

    def test_events_between_request_and_answer_are_kept_for_the_listener(self, server: Server) -> None:
        early, between, later = event("log", n="1"), event("log", n="2"), event("log", n="3")
        server.serve(answering(early + CONFIRM, between + response(ok="yes"), response(ok="no") + later))
        with Session(server.uri) as session:
            listening = session.listen(["log"], timeout=5)
            assert next(listening) == ("log", {"n": "1"})
            assert session.request("x") == {"ok": "yes"}
            assert next(listening) == ("log", {"n": "2"})
            assert session.request("x") == {"ok": "no"}
            assert next(listening) == ("log", {"n": "3"})

    def test_events_during_a_stream_of_another_kind_are_kept(self, server: Server) -> None:
        server.serve(answering(CONFIRM, CONFIRM, event("e", n="1") + event("log", n="2") + response(), CONFIRM))
        with Session(server.uri) as session:
            session.listen(["log"], timeout=0)
            assert list(session.stream("list", "e")) == [{"n": "1"}]
            assert next(session.listen(["log"], timeout=0)) == ("log", {"n": "2"})

    def test_listening_ends_with_its_time(self, server: Server) -> None:
        server.serve(answering(CONFIRM))
        with Session(server.uri) as session:
            started = time.monotonic()
            assert list(session.listen(["log"], timeout=0.1)) == []
            assert 0.1 <= time.monotonic() - started < 2

    def test_unknown_commands_and_events_are_refused_and_the_session_goes_on(self, server: Server) -> None:
        unknown = encode_packet(ours.EVENT_UNKNOWN)
        server.serve(answering(encode_packet(ours.CMD_UNKNOWN), unknown, unknown, unknown, response(ok="yes")))
        with Session(server.uri) as session:
            with pytest.raises(DaemonRefused, match="does not know the command"):
                session.request("nope")
            with pytest.raises(DaemonRefused, match="does not know the event"):
                session.stream("list", "nope")
            for _attempt in range(2):
                with pytest.raises(DaemonRefused, match="does not know the event"):
                    session.listen(["nope"], timeout=1)
            assert session.request("x") == {"ok": "yes"}


class TestUnavailable:
    def test_no_socket_says_how_to_start_the_daemon(self, tmp_path: Path) -> None:
        path = tmp_path / "vici"
        said = f"charon does not listen on {path}: start it with 'systemctl start strongswan'"
        with pytest.raises(DaemonUnavailable) as error:
            Session(f"unix://{path}").request("version")
        assert str(error.value) == said

    def test_a_socket_left_behind_says_so(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / "vici"))
        with pytest.raises(DaemonUnavailable, match=r"left .* behind and does not run: start it with"):
            Session(f"unix://{tmp_path}/vici").request("version")

    def test_no_permission_says_run_as_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_socket: object, _path: str) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        with pytest.raises(DaemonUnavailable, match="run as root"):
            Session(f"unix://{tmp_path}/vici").request("version")

    @pytest.mark.parametrize("uri", ["/run/charon.vici", "tcp://127.0.0.1:4502", "unix://relative", ""])
    def test_another_address_is_refused_with_what_is_meant(self, uri: str) -> None:
        with pytest.raises(DaemonUnavailable, match="write unix:// and an absolute path"):
            Session(uri).request("version")

    def test_a_path_too_long_for_a_socket_is_no_crash(self, tmp_path: Path) -> None:
        with pytest.raises(DaemonUnavailable, match="cannot talk to charon on"):
            Session(f"unix://{tmp_path}/{'x' * 120}").request("version")

    def test_a_daemon_that_never_answers_ends_in_an_error_in_time(self, server: Server) -> None:
        server.serve(hanging(server))
        started = time.monotonic()
        with Session(server.uri, timeout=0.2) as session, pytest.raises(DaemonUnavailable, match=r"'version'.*0.2 s"):
            session.request("version")
        assert time.monotonic() - started < 2

    def test_a_trickle_of_bytes_does_not_extend_the_bound(self, server: Server) -> None:
        def script(connection: socket.socket) -> None:
            heard(connection)
            for byte in response(key="x" * 200):
                connection.sendall(bytes([byte]))
                if server.done.wait(0.02):
                    return

        server.serve(script)
        started = time.monotonic()
        with Session(server.uri, timeout=0.3) as session, pytest.raises(DaemonUnavailable, match="did not answer"):
            session.request("version")
        assert time.monotonic() - started < 2

    def test_endless_events_do_not_extend_the_bound(self, server: Server) -> None:
        def script(connection: socket.socket) -> None:
            heard(connection)
            while not server.done.wait(0.02):
                connection.sendall(event("log", n="1"))

        server.serve(script)
        with Session(server.uri, timeout=0.3) as session, pytest.raises(DaemonUnavailable, match="did not answer"):
            session.request("version")

    def test_a_full_queue_of_connections_ends_in_an_error_in_time(self, server: Server) -> None:
        path = server.uri.removeprefix("unix://")
        with contextlib.ExitStack() as stack:
            for _place in range(2):  # listen(1) holds two
                waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
                waiting.connect(path)
            started = time.monotonic()
            with pytest.raises(DaemonUnavailable, match="did not answer 'connect'"):
                Session(server.uri, timeout=0.3).request("version")
            assert 0.25 < time.monotonic() - started < 2

    def test_an_end_in_the_middle_of_an_answer_says_so_and_the_next_request_connects_again(
        self, server: Server
    ) -> None:
        def dies(connection: socket.socket) -> None:
            heard(connection)
            connection.sendall(response(key="value")[:-3])

        server.serve(dies, answering(response(ok="yes")))
        with Session(server.uri) as session:
            with pytest.raises(DaemonUnavailable, match="before it had answered 'version'"):
                session.request("version")
            assert session.request("version") == {"ok": "yes"}

    def test_a_late_answer_is_never_taken_for_the_next_one(self, server: Server) -> None:
        def late(connection: socket.socket) -> None:
            heard(connection)
            connection.recv(1)  # ends when the client gives up
            connection.sendall(response(answer="first"))

        server.serve(late, answering(response(answer="second")))
        with Session(server.uri, timeout=0.1) as session:
            with pytest.raises(DaemonUnavailable):
                session.request("one")
            session.timeout = 5
            assert session.request("two") == {"answer": "second"}


class TestMalformedStreams:
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"\xff\xff\xff\xff", id="a segment of 4 GiB"),
            pytest.param(b"\x00\x08\x00\x01", id="one byte over the limit"),
            pytest.param(b"\x00\x00\x00\x00", id="an empty segment"),
            pytest.param(b"\x00\x00\x00\x01\x09", id="an unknown packet"),
            pytest.param(b"\x00\x00\x00\x02\x07\x05", id="an event without its name"),
            pytest.param(b"\x00\x00\x00\x02\x01\x09", id="an answer that is no message"),
            pytest.param(CONFIRM, id="a confirmation of nothing"),
            pytest.param(encode_packet(ours.CMD_REQUEST, "x"), id="a request"),
        ],
    )
    def test_they_are_protocol_errors_and_the_next_request_is_answered(self, server: Server, answer: bytes) -> None:
        server.serve(answering(answer), answering(response(ok="yes")))
        with Session(server.uri) as session:
            with pytest.raises(ProtocolError):
                session.request("version")
            session.close()
            assert session.request("version") == {"ok": "yes"}

    def test_random_bytes_are_protocol_errors_or_a_lost_daemon(self, tmp_path: Path) -> None:
        server = Server(tmp_path / "fuzz")

        @given(st.binary(max_size=40))
        def check(data: bytes) -> None:
            def script(connection: socket.socket) -> None:
                heard(connection)
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)

            server.serve(script)
            with Session(server.uri, timeout=5) as session, contextlib.suppress(ProtocolError, DaemonUnavailable):
                session.request("version")

        check()
        server.close()
