# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of values that single keys of swanctl.conf take, within the bounds of charon and of the kernel.

Source of bounds: strongSwan, src/libcharon/plugins/vici/vici_config.c. It reads numbers from the first 15 characters of a
value, and takes numbers of 32 bits for what is beyond them modulo 2^32.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from . import kinds
from .options import Kind

_BYTES = re.compile(r"([0-9]{1,15})([kKmMgG]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# What fits into 15 digits.
_MOST = 10**15 - 1


def words(values: Sequence[str]) -> Kind:
    """Return the kind of one of a few words; YAML reads a bare yes or no as a truth value, which is understood."""
    known = kinds.choice(tuple(values))

    def parse(value: Any) -> str:
        text = ("yes" if value else "no") if isinstance(value, bool) else value
        return str(known.parse(text))

    return Kind("str", parse, choices=known.choices)


def parse_bytes(value: Any) -> int:
    """Accept a number of bytes, or one with k, m or g (1024, 1024², 1024³); returns bytes, at most 15 digits of them."""
    wanted = "a number of bytes is needed, or one with k, m or g, such as 500m"
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(wanted)
    found = _BYTES.fullmatch(str(value))
    if found is None:
        raise ValueError(wanted)
    size = int(found[1]) * _UNITS[found[2].lower()]
    if size > _MOST:
        raise ValueError(f"at most {_MOST} bytes are possible")
    return size


def parse_padding(value: Any) -> str:
    """Accept a length of packets in bytes, or "mtu"; returns its text."""
    wanted = "a number of bytes from 0 to 65535, or 'mtu', is needed"
    if value == "mtu":
        return "mtu"
    try:
        return str(kinds.integer(0, 65535).parse(value))
    except ValueError:
        raise ValueError(wanted) from None


BYTES = Kind("str", parse_bytes)
PADDING = Kind("str", parse_padding)
PACKETS = kinds.integer(0, _MOST)
PORT = kinds.integer(1, 65535)
# Six bits of an IP header (RFC 2474, section 3).
DSCP = kinds.integer(0, 63)
TRIES = kinds.integer(0, 0x7FFFFFFF)
# The kernel keeps a bit for each packet, at most 4096 of them (linux/xfrm.h, XFRMA_REPLAY_ESN_MAX).
REPLAY_WINDOW = kinds.integer(0, 4096)
PRIORITY = kinds.integer(1, 0xFFFFFFFF)
# charon counts its own from 1 on, and refuses none; 16 bits are what people give by hand.
REQID = kinds.integer(1, 0xFFFFFFFF)
CHILDLESS = words(("allow", "prefer", "force", "never"))
FRAGMENTATION = words(("yes", "accept", "force", "no"))
UNIQUE = words(("no", "never", "keep", "replace"))
SEND_CERT = words(("ifasked", "always", "never"))
COPY_DSCP = words(("out", "in", "yes", "no"))
OFFLOAD = words(("no", "auto", "crypto", "packet"))
