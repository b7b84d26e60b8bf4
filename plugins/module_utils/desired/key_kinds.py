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
from .identities import MY_ADDRESS, parse_identity
from .options import Kind

_BYTES = re.compile(r"([0-9]{1,15})([kKmMgG]?)")
_MARK = re.compile(r"(%unique|%unique-dir|%same|[0-9]{1,10}|0x[0-9a-f]{1,8})(?:/([0-9]{1,10}|0x[0-9a-f]{1,8}))?")
# Words that mean themselves to a shell, however they are put together: nothing of them is ever expanded or split.
_COMMAND = re.compile(r"/[A-Za-z0-9_./+:@%,-]*[A-Za-z0-9_+](?: [A-Za-z0-9_./+:@%,=-]+)*")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# What fits into 15 digits.
_MOST = 10**15 - 1
_FULL = 0xFFFFFFFF
# The two above are charon's words for a number of its own for each SA (ipsec_types.h).
_HIGHEST = 0xFFFFFFFD
_LONGEST = 255


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


def _mark(*words: str) -> Kind:
    """Return the kind of a mark with an optional mask; charon keeps the highest numbers for its words."""
    wanted = "a mark is needed, a number up to 4294967293 with or without a mask as in 0x2a/0xff"
    wanted += f", or {' or '.join(words)}" if words else ""

    def parse(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(wanted)
        found = _MARK.fullmatch(str(value).strip().lower())
        if found is None or (found[1][0] == "%" and found[1] not in words):
            raise ValueError(wanted)
        mask = _FULL if found[2] is None else int(found[2], 0 if "x" in found[2] else 10)
        if mask > _FULL:
            raise ValueError(wanted)
        return f"{found[1] if found[1][0] == '%' else _marked(found[1], mask, wanted)}/{mask:#010x}"

    return Kind("str", parse)


def _marked(text: str, mask: int, wanted: str) -> str:
    number = int(text, 0 if "x" in text else 10)
    if number > _HIGHEST:
        raise ValueError(wanted)
    if number & ~mask:
        raise ValueError(
            f"the mask {mask:#x} leaves {number & mask:#x} of it, and nothing with the rest would ever match"
        )
    return f"{number:#x}"


def parse_if_id(value: Any) -> str:
    """Accept the number of an XFRM interface, %unique or %unique-dir; returns its text, numbers in decimal."""
    wanted = f"a number from 1 to {_HIGHEST}, %unique or %unique-dir is needed"
    if value in ("%unique", "%unique-dir"):
        return str(value)
    try:
        return str(kinds.integer(1, _HIGHEST).parse(value))
    except ValueError:
        raise ValueError(wanted) from None


def parse_command(value: Any) -> str:
    """Accept the path of a program, and words for it, each after one blank.

    charon gives them to a shell (src/libcharon/plugins/updown/updown_listener.c), so they may only have letters, digits and
    signs that mean nothing to it.
    """
    if not isinstance(value, str) or len(value) > _LONGEST or not _COMMAND.fullmatch(value):
        raise ValueError(
            "the whole path of a program is needed, with or without words for it, each after one blank: letters, digits and "
            "any of / . _ + : @ % , - (and = in words), as nothing else is safe from the shell that charon starts it by"
        )
    return value


def parse_label(value: Any) -> str:
    """Accept a security label: printable ASCII, without blanks at its ends."""
    if not isinstance(value, str) or not _is_label(value):
        raise ValueError(f"a label of 1 to {_LONGEST} printable ASCII characters is needed, without blanks at its ends")
    return value


def _is_label(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and text.isascii() and text.isprintable() and text == text.strip()


def parse_named(value: Any) -> str:
    """Accept the identity of somebody else than a peer of ours, in full: "type:value", or what its type follows from."""
    if not isinstance(value, str) or value == MY_ADDRESS:
        raise ValueError("an identity is needed, such as fqdn:gw.example.com or keyid:branch-7")
    return parse_identity(value, word=MY_ADDRESS)


IDENTITY = Kind("str", parse_named)
MARK = _mark("%unique", "%unique-dir")
SET_MARK = _mark("%same")
FIXED_MARK = _mark()
IF_ID = Kind("str", parse_if_id)
COMMAND = Kind("str", parse_command)
LABEL = Kind("str", parse_label)
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
LABEL_MODE = words(("system", "simple", "selinux"))
PER_CPU = words(("no", "yes", "encap"))
OCSP = words(("reply", "request", "both", "never"))
OFFLOAD = words(("no", "auto", "crypto", "packet"))
