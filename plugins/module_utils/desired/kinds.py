# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of values that options take: each parses what people write into one canonical form, or says what would be right."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence
from typing import Any, Callable

from .options import Kind
from .secret import Secret

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_USERNAME = re.compile(r"(?![#%@ ])(?:(?![*=:,\"])[ -~]){1,200}")
_DURATION = re.compile(r"([0-9]{1,10})(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
_MAX_SECONDS = 0x7FFFFFFF
# The length of a value in vici is a number of 16 bits.
_MAX_SECRET = 0xFFFF


class _Told(ValueError):
    """Say what would be right, where the general words for a kind of value would not help."""


def _text(value: Any, wanted: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(wanted)
    return str(value)


def parse_name(value: Any) -> str:
    """Accept a name of letters, digits, "_" and "-", at most 100 characters: what swanctl and vici both take unquoted."""
    wanted = "a name of letters, digits, '_' and '-' is needed, at most 100 characters"
    text = _text(value, wanted)
    if not _NAME.fullmatch(text):
        raise ValueError(wanted)
    if text == "include":
        raise ValueError("swanctl.conf keeps the word 'include' for other files; choose another name")
    return text


def parse_interface_name(value: Any) -> str:
    """Accept a network interface's name: 1 to 15 characters (IFNAMSIZ), no slash, colon or white space."""
    wanted = "an interface name of letters, digits, '_', '-' and '.' is needed, at most 15 characters"
    text = _text(value, wanted)
    if not _INTERFACE.fullmatch(text) or text in (".", ".."):
        raise ValueError(f"{wanted}; this has {len(text)}" if len(text) > 15 else wanted)
    if text in ("all", "default"):
        raise ValueError("the kernel keeps 'all' and 'default' for its settings of all interfaces; choose another name")
    return text


@functools.lru_cache(maxsize=65536)
def _address(text: str) -> str:
    _refuse_zone(text)
    address = ipaddress.ip_address(text)
    _refuse_disguise(address)
    return str(address)


def _refuse_zone(text: str) -> None:
    # ipaddress takes any text after the %, line breaks and commas included.
    if "%" in text:
        raise ValueError(text)


def _refuse_disguise(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Refuse an IPv4 address in the clothes of an IPv6 one (RFC 4291, section 2.5.5): none is ever on the wire.

    The kernel and releases of Python also write them in different ways, so that one would never be found as it was set.
    """
    if address.version == 6 and (int(address) >> 32 == 0xFFFF or 0xFFFF < int(address) <= 0xFFFFFFFF):
        inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        raise _Told(f"it is an IPv4 address in the form of an IPv6 one; did you mean {inside}?")


def parse_address(value: Any) -> str:
    """Accept one IPv4 or IPv6 address, without a prefix length or zone."""
    wanted = "an IPv4 or IPv6 address is needed, such as 192.0.2.1 or 2001:db8::1"
    try:
        return _address(_text(value, wanted))
    except _Told:
        raise
    except ValueError:
        raise ValueError(wanted) from None


@functools.lru_cache(maxsize=65536)
def _network(text: str) -> str:
    interface = ipaddress.ip_interface(text)
    _refuse_zone(text)
    _refuse_disguise(interface.ip)
    network = interface.network
    if interface.ip != network.network_address:
        raise _Told(f"it has host bits set; did you mean {network}?")
    return str(network)


def parse_network(value: Any) -> str:
    """Accept a network in prefix notation (an address alone is one host); host bits must be zero."""
    wanted = "a network is needed, such as 10.1.0.0/24 or 2001:db8::/64"
    text = _text(value, wanted)
    try:
        return _network(text)
    except _Told:
        raise
    except ValueError:
        raise ValueError(wanted) from None


def parse_interface_address(value: Any) -> str:
    """Accept an address with its prefix length, as it is put on an interface; kept with its host part."""
    wanted = "an address with its prefix length is needed, such as 10.255.0.1/30"
    text = _text(value, wanted)
    try:
        _refuse_zone(text)
        parsed = ipaddress.ip_interface(text)
        _refuse_disguise(parsed.ip)
    except _Told:
        raise
    except ValueError:
        raise ValueError(wanted) from None
    if "/" not in text:
        raise ValueError(f"{wanted}; did you mean {parsed}?")
    return str(parsed)


def is_host_name(text: str) -> bool:
    """Say whether a text is a host name with letters in its last label (so that a mistyped address is not one)."""
    labels = text.rstrip(".").split(".")
    return len(text) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()


@functools.lru_cache(maxsize=65536)
def _endpoint(text: str) -> str:
    first, dash, last = text.partition("-")
    if dash:
        try:
            low, high = (ipaddress.ip_address(_address(each.strip())) for each in (first, last))
        except ValueError:
            pass
        else:
            if low.version != high.version or int(low) > int(high):
                raise ValueError("a range goes from the lower to the higher address of one family")
            return f"{low}-{high}"
    try:
        return _network(text) if "/" in text else _address(text)
    except _Told:
        raise
    except ValueError:
        pass
    if not is_host_name(text):
        raise ValueError("an address, a subnet, a range (192.0.2.1-192.0.2.9) or a host name is needed")
    return text.rstrip(".").lower()


def parse_endpoint(value: Any) -> str:
    """Accept what may stand for a peer: an address, a subnet, a range "a-b", or a host name (the page's "Remote Endpoints")."""
    return _endpoint(_text(value, "an address, a subnet, a range (192.0.2.1-192.0.2.9) or a host name is needed"))


def parse_local_interface(value: Any) -> str:
    """Accept an interface's name, an address of this host, or "any" (the page's "Interfaces")."""
    wanted = "an interface name (at most 15 characters), an address of this host, or 'any' is needed"
    text = _text(value, wanted)
    try:
        address = _address(text)
    except ValueError:
        address = ""
    if address in ("0.0.0.0", "::"):  # noqa: S104  # refused, not bound to
        raise ValueError(f"{address} is no address of a host; write 'any' for whatever the routes say")
    if not address and (not _INTERFACE.fullmatch(text) or text in (".", "..")):
        raise ValueError(wanted)
    return address or text


def parse_duration(value: Any) -> int:
    """Accept seconds, or a number with s, m, h or d; returns seconds."""
    wanted = "a duration is needed: seconds, or a number with s, m, h or d, such as 8h"
    match = _DURATION.fullmatch(_text(value, wanted))
    if match is None:
        raise ValueError(wanted)
    seconds = int(match.group(1)) * _SECONDS[match.group(2)]
    if seconds > _MAX_SECONDS:
        raise ValueError(f"at most {_MAX_SECONDS} seconds are possible")
    return seconds


def parse_secret(value: Any) -> Secret:
    """Accept a secret text; never empty, no NUL, no line break (the usual trace of a file read with its last newline)."""
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        raise ValueError("a text is needed (quote it in YAML if it looks like a number)")
    if not text:
        raise ValueError("it must not be empty")
    if any(character in text for character in "\0\r\n"):
        raise ValueError("it must not contain a line break or NUL (a file's last newline? use the trim filter)")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise ValueError("it must be valid UTF-8") from None
    if size > _MAX_SECRET:
        raise ValueError(f"at most {_MAX_SECRET} bytes can be given to charon, this one has {size}")
    return Secret(text)


def parse_username(value: Any) -> str:
    """Accept the name of a user of EAP or XAuth, as charon compares it: no pattern, no type before a colon."""
    wanted = (
        "a user's name of printable ASCII characters is needed, at most 200, that does not begin with '#', '%', '@' or a "
        "blank, and has none of '*', '=', ':', ',' and '\"' in it"
    )
    text = _text(value, wanted)
    if not _USERNAME.fullmatch(text) or text.endswith(" "):
        raise ValueError(wanted)
    refuse_address(text)
    return text


def refuse_address(text: str) -> None:
    """Raise `ValueError` for a name that charon takes for an address, a network or a range; "0.0.0.0" means anyone to it.

    Source: identification.c, identification_create_from_string().
    """
    if _begins_with_address(text):
        raise ValueError("a name is needed, and charon takes one that begins as an IPv4 address does for an address")


def _begins_with_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(re.split("[/-]", text)[0])
    except ValueError:
        return False
    return True


def parse_eap_identity(value: Any) -> str:
    """Accept the name of a user, or "any" for whoever says who he is."""
    return "any" if value == "any" else parse_username(value)


def parse_bool(value: Any) -> bool:
    """Accept a YAML boolean."""
    if isinstance(value, bool):
        return value
    raise ValueError("true or false is needed")


def integer(low: int, high: int) -> Kind:
    """Return the kind of a whole number between `low` and `high`, both included."""
    wanted = f"a whole number from {low} to {high} is needed"

    def parse(value: Any) -> int:
        text = _text(value, wanted)
        try:
            number = int(text, 0)
        except ValueError:
            raise ValueError(wanted) from None
        if not low <= number <= high:
            raise ValueError(wanted)
        return number

    return Kind("int", parse)


def choice(values: Sequence[Any]) -> Kind:
    """Return the kind of a value that is one of a few."""
    wanted = "one of " + ", ".join(str(value) for value in values) + " is needed"

    def parse(value: Any) -> Any:
        for known in values:
            if value == known and type(value) is type(known):
                return known
        raise ValueError(wanted)

    return Kind("int" if isinstance(values[0], int) else "str", parse, choices=tuple(values))


def _kind(parse: Callable[[Any], Any], ansible: str = "str") -> Kind:
    return Kind(ansible, parse)


NAME = _kind(parse_name)
INTERFACE_NAME = _kind(parse_interface_name)
ADDRESS = _kind(parse_address)
NETWORK = _kind(parse_network)
INTERFACE_ADDRESS = _kind(parse_interface_address)
ENDPOINT = _kind(parse_endpoint)
LOCAL_INTERFACE = _kind(parse_local_interface)
DURATION = _kind(parse_duration)
USERNAME = _kind(parse_username)
EAP_IDENTITY = _kind(parse_eap_identity)
BOOL = _kind(parse_bool, "bool")
SECRET = Kind("str", parse_secret, secret=True)
