# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VICI protocol as pure functions: messages and packets to bytes and back; `vici_session` carries them.

Source: strongSwan, src/libcharon/plugins/vici/README.md (layout) and vici_socket.h (size limit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Union

from ..errors import IpsecError

Value = Union[str, bytes, Sequence[Union[str, bytes]], "Tree"]
Tree = Mapping[str, Value]
Section = dict[str, Any]  # what is decoded: str, list of str, or again a Section

MAX_SEGMENT = 512 * 1024

CMD_REQUEST, CMD_RESPONSE, CMD_UNKNOWN = 0, 1, 2
EVENT_REGISTER, EVENT_UNREGISTER, EVENT_CONFIRM, EVENT_UNKNOWN, EVENT = 3, 4, 5, 6, 7
_NAMED = frozenset((CMD_REQUEST, EVENT_REGISTER, EVENT_UNREGISTER, EVENT))

SECTION_START, SECTION_END, KEY_VALUE, LIST_START, LIST_ITEM, LIST_END = 1, 2, 3, 4, 5, 6


class ProtocolError(IpsecError):
    """The bytes are no VICI, or cannot become VICI: too long a name, value or message."""


class Packet(NamedTuple):
    """One segment taken apart: `name` is empty for types without one, `payload` is an encoded message."""

    kind: int
    name: str
    payload: bytes


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=512)  # the same few dozen keys stand in every connection
def _named(marker: int, name: str) -> bytes:
    raw = _raw(name)
    if len(raw) > 255:
        raise ProtocolError(f"a VICI name has at most 255 bytes, this one has {len(raw)}: {name[:40]}…")
    return bytes((marker, len(raw))) + raw


def _blob(value: str | bytes, *, name: str) -> bytes:
    raw = _raw(value)
    if len(raw) > 0xFFFF:
        raise ProtocolError(f"a VICI value has at most 65535 bytes, the one of '{name}' has {len(raw)}")
    return len(raw).to_bytes(2, "big") + raw


def _encode_section(tree: Tree, parts: list[bytes]) -> None:
    for name, value in tree.items():
        if isinstance(value, (str, bytes)):
            parts += (_named(KEY_VALUE, name), _blob(value, name=name))
        elif isinstance(value, Mapping):
            parts.append(_named(SECTION_START, name))
            _encode_section(value, parts)
            parts.append(b"\x02")
        elif isinstance(value, (list, tuple)):
            parts.append(_named(LIST_START, name))
            parts.extend(b"\x05" + _blob(item, name=name) for item in value)
            parts.append(b"\x06")
        else:
            raise TypeError(f"'{name}' is a {type(value).__name__}: VICI has text, bytes, lists and sections")


def encode_message(tree: Tree) -> bytes:
    """Write a tree as a VICI message.

    Text is written as UTF-8 (surrogateescape), in the order of the mapping. Raises ProtocolError for a name over 255
    or a value over 65,535 bytes.
    """
    parts: list[bytes] = []
    _encode_section(tree, parts)
    return b"".join(parts)


def decode_message(data: bytes) -> Section:  # noqa: C901  # one flat loop, see below
    """Read a VICI message as nested dicts, lists stay lists, values become text (UTF-8, surrogateescape).

    Raises ProtocolError for whatever is no well-formed message, and for a name given twice in one section, which the
    protocol forbids and which would otherwise hide a value.
    """
    # One flat loop over an index, without a function call or a copy of the rest for each element: `list-conns` of a
    # thousand connections has fifty thousand elements.
    root: Section = {}
    section = root
    enclosing: list[Section] = []
    position, end = 0, len(data)
    try:
        while position < end:
            kind = data[position]
            if kind == SECTION_END:
                section = enclosing.pop()
                position += 1
                continue
            if kind not in (KEY_VALUE, SECTION_START, LIST_START):
                raise ProtocolError(f"malformed VICI message: element type {kind} at byte {position}")
            start = position + 2
            position = start + data[position + 1]
            name = str(data[start:position], "utf-8", "surrogateescape")
            if name in section:
                raise ProtocolError(f"malformed VICI message: '{name}' twice in one section, at byte {start}")
            if kind == KEY_VALUE:
                start = position + 2
                position = start + (data[position] << 8 | data[position + 1])
                section[name] = str(data[start:position], "utf-8", "surrogateescape")
            elif kind == SECTION_START:
                enclosing.append(section)
                section[name] = section = {}
            else:
                items: list[str] = []
                section[name] = items
                while data[position] == LIST_ITEM:
                    start = position + 3
                    position = start + (data[position + 1] << 8 | data[position + 2])
                    items.append(str(data[start:position], "utf-8", "surrogateescape"))
                if data[position] != LIST_END:
                    raise ProtocolError(f"malformed VICI message: type {data[position]} in a list, at byte {position}")
                position += 1
    except IndexError:
        raise ProtocolError("malformed VICI message: it ends in the middle, or a section ends unopened") from None
    if position != end or enclosing:
        raise ProtocolError("malformed VICI message: it ends in the middle of a value, or a section stays open")
    return root


def encode_packet(kind: int, name: str = "", message: bytes = b"") -> bytes:
    """Write one segment with its length in front; raise ProtocolError over charon's limit of 512 KiB.

    charon drops the connection at a longer one, and says so in its own log only.
    """
    body = (_named(kind, name) if kind in _NAMED else bytes((kind,))) + message
    if len(body) > MAX_SEGMENT:
        raise ProtocolError(f"{name} needs {len(body)} bytes: charon takes at most {MAX_SEGMENT} in one message")
    return len(body).to_bytes(4, "big") + body


def decode_packet(segment: bytes) -> Packet:
    """Take a segment (without its length) apart; raise ProtocolError for an unknown type or a broken name."""
    if not segment:
        raise ProtocolError("malformed VICI packet: it is empty")
    kind = segment[0]
    if kind > EVENT:
        raise ProtocolError(f"malformed VICI packet: unknown type {kind}")
    if kind not in _NAMED:
        return Packet(kind, "", segment[1:])
    if len(segment) < 2 or len(segment) < 2 + segment[1]:
        raise ProtocolError("malformed VICI packet: it ends in the middle of its name")
    end = 2 + segment[1]
    return Packet(kind, str(segment[2:end], "utf-8", "surrogateescape"), segment[end:])
