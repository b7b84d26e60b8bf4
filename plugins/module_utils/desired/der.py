# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict reader of DER (X.690): as much as certificates, keys and revocation lists need."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

INTEGER, BIT_STRING, OCTET_STRING, OBJECT = 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31
_TIMES = (UTC_TIME, GENERALIZED_TIME)


class Element(NamedTuple):
    """One element: its tag, its content, and its whole encoding."""

    tag: int
    content: bytes
    encoded: bytes

    @property
    def inner(self) -> list[Element]:
        """Return the elements that its content consists of."""
        return list(elements(self.content))


def elements(data: bytes) -> Iterator[Element]:
    """Yield the elements that data consists of; raises `ValueError` where it does not."""
    position = 0
    while position < len(data):
        found = _element(data, position)
        yield found
        position += len(found.encoded)


def one(data: bytes, tag: int) -> Element:
    """Return the single element that data is; raises `ValueError` for anything else."""
    found = _element(data, 0)
    if found.tag != tag or len(found.encoded) != len(data):
        raise ValueError("this is no single DER element of the wanted type")
    return found


def _element(data: bytes, position: int) -> Element:
    if len(data) < position + 2 or data[position] & 0x1F == 0x1F:
        raise ValueError("a DER element is cut off, or has a tag of many bytes")
    length, start = data[position + 1], position + 2
    if length > 0x80:
        size = length - 0x80
        length = int.from_bytes(data[start : start + size], "big")
        start += size
        if size > 4 or length < 0x80:
            raise ValueError("a DER length is not in its shortest form")
    end = start + length
    if data[position + 1] == 0x80 or end > len(data):
        raise ValueError("a DER element is cut off")
    return Element(data[position], data[start:end], data[position:end])


def integer(element: Element) -> int:
    """Return a whole number."""
    if element.tag != INTEGER or not element.content:
        raise ValueError("an INTEGER is needed")
    return int.from_bytes(element.content, "big", signed=True)


def bits(element: Element) -> bytes:
    """Return the bytes of a BIT STRING without unused bits."""
    if element.tag != BIT_STRING or element.content[:1] != b"\0":
        raise ValueError("a BIT STRING of whole bytes is needed")
    return element.content[1:]


def time(element: Element) -> dt.datetime:
    """Return a time in UTC; two digits of a year mean 1950 to 2049 (RFC 5280, section 4.1.2.5.1)."""
    if element.tag not in _TIMES:
        raise ValueError("a time is needed")
    text = element.content.decode("ascii")
    if element.tag == UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.timezone.utc)
