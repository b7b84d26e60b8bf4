# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of VICI, with PyPI's vici as the oracle in both directions."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import vici.protocol
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers import vici as ours
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.vici import (
    ProtocolError,
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
