# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with charon, against servers that misbehave in every way a socket can."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers import vici as ours
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.vici import (
    ProtocolError,
    decode_packet,
    encode_message,
    encode_packet,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.vici_session import (
    DaemonAbsent,
    DaemonRefused,
    DaemonUnavailable,
    Session,
)
from hypothesis import given
from hypothesis import strategies as st

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

    def test_each_order_is_a_sign_of_life_also_one_that_is_refused_and_a_question_is_none(self, server: Server) -> None:
        signs: list[str] = []
        server.serve(answering(response(success="yes"), response(success="no", errmsg="why"), response(keys=["a"])))
        with ViciCharon(server.uri, obeyed=lambda: signs.append("alive")) as charon:
            charon.load_connection("a", {})
            with pytest.raises(DaemonRefused):
                charon.load_connection("b", {})
            assert charon.shared_ids() == ["a"]
        assert len(signs) == 2

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
        with pytest.raises(DaemonAbsent) as error:
            Session(f"unix://{path}").request("version")
        assert str(error.value) == said

    def test_a_socket_left_behind_says_so(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / "vici"))
        with pytest.raises(DaemonAbsent, match=r"left .* behind and does not run: start it with"):
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
