# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities of IKE peers (RFC 7296 section 3.5; the page's "Identifier"): what people write, and the type on the wire."""

from __future__ import annotations

import functools
import re
from typing import Any

from .distinguished_names import is_pattern as is_name_pattern
from .distinguished_names import parse_distinguished_name
from .kinds import is_host_name, parse_address
from .options import Kind

MY_ADDRESS = "my_address"
PEER_ADDRESS = "peer_address"
ANY = "any"

_TYPES = ("address", "fqdn", "email", "dn", "keyid")
# What stands before the colon in charon's texts, in any case, and our word for it.
_PREFIXES = {
    **dict.fromkeys(("fqdn", "dns"), "fqdn"),
    **dict.fromkeys(("email", "rfc822", "userfqdn"), "email"),
    "keyid": "keyid",
}
# These take what follows as the bytes on the wire: "ipv4:10.0.0.1" is no address to charon.
_BINARY = frozenset("ipv4 ipv6 ipv4net ipv6net ipv4range ipv6range asn1dn asn1gn xmppaddr".split())
_ANYBODY = ("", "%any", "%any6", "0.0.0.0", "*", "::", "0::0")  # noqa: S104  # charon's words for any identity
_WANTED = (
    "an identity is needed: {words}, an address, or a type and a value such as fqdn:gw.example.com, "
    "email:user@example.com, keyid:branch-7 or dn:C=DE, CN=gw"
)
# "*" may stand for what comes before a fixed end, as charon matches them (identification.c, matches_string).
_EMAIL = re.compile(r"[^@:\s]+@[^@:\s]+")
_PATTERN_OF = {"fqdn": re.compile(r"\*\.([^*]+)"), "email": re.compile(r"\*([^*@]*@[^*]+)")}
# charon cuts what it is given as the owner of a secret (vici_cred.c, shared_owners) and would look for another one then.
_LONGEST = 255


def _wanted(word: str) -> str:
    return _WANTED.format(words=f"'{word}'" if word == MY_ADDRESS else f"'{word}' or '{ANY}'")


@functools.lru_cache(maxsize=65536)
def parse_identity(text: str, *, word: str) -> str:
    """Return `word`, "any" or "type:value"; the type of a bare value follows from its form.

    An address is an address, a text with "=" a distinguished name, one with "@" an e-mail address, a host name an FQDN.
    A peer's identity may be a pattern: "fqdn:*.example.org", "email:*@example.org", "dn:C=DE, CN=*".
    Raises `ValueError` that says what would be right.
    """
    wanted = _wanted(word)
    if text == word or (text == ANY and word == PEER_ADDRESS):
        return text
    if text in (ANY, MY_ADDRESS, PEER_ADDRESS):
        raise ValueError(wanted)
    kind, colon, value = text.partition(":")
    if not colon or kind not in _TYPES:
        kind, value = _guessed_type(text), text
    value = value.strip()
    if not value or any(ord(character) < 32 for character in value):
        raise ValueError(wanted)
    if not (value.isascii() and value.isprintable()):
        raise ValueError("charon takes identities of printable ASCII characters only")
    identity = f"{kind}:{_value(kind, value, wanted)}"
    if is_pattern(identity) and word == MY_ADDRESS:
        raise ValueError("'*' has no meaning in our own identity, which is sent to the peer as it is")
    length = len(swanctl_identity(identity))
    if length > _LONGEST:
        raise ValueError(f"an identity has at most {_LONGEST} characters with its type, this one has {length}")
    return identity


def _value(kind: str, value: str, wanted: str) -> str:
    if kind == "dn":
        return parse_distinguished_name(value)
    if value.startswith("#"):
        raise ValueError("charon takes what comes after a leading '#' for hexadecimal; write another identity")
    if kind == "address":
        return _address(value, wanted)
    if "*" in value and kind in _PATTERN_OF:
        return _pattern(kind, value)
    if (kind == "fqdn" and not is_host_name(value)) or (kind == "email" and not _EMAIL.fullmatch(value)):
        raise ValueError(wanted)
    return value


def _address(value: str, wanted: str) -> str:
    try:
        address = parse_address(value)
    except ValueError:
        raise ValueError(wanted) from None
    if address in ("0.0.0.0", "::"):  # noqa: S104  # an identity that is refused, not an address to bind to
        raise ValueError(
            f"{address} stands for anyone and is no identity; a peer that may be anyone has remote_id: any"
        )
    return address


def _pattern(kind: str, value: str) -> str:
    fixed = _PATTERN_OF[kind].fullmatch(value)
    if fixed is None or (kind == "fqdn" and not is_host_name(fixed[1])):
        raise ValueError("'*' may only stand at the beginning, as in fqdn:*.example.org or email:*@example.org")
    return value


def _guessed_type(text: str) -> str:
    try:
        parse_address(text)
    except ValueError:
        pass
    else:
        return "address"
    if "=" in text:
        return "dn"
    return "email" if "@" in text else "fqdn"


def is_pattern(identity: str) -> bool:
    """Say whether an identity ("type:value") stands for many, since a part of it is "*"."""
    kind, _colon, value = identity.partition(":")
    return is_name_pattern(value) if kind == "dn" else "*" in value and kind in _PATTERN_OF


def swanctl_identity(identity: str) -> str:
    """Return "type:value" as swanctl writes it, so that the type on the wire is explicit (swanctl.conf, local<suffix>.id)."""
    kind, _colon, value = identity.partition(":")
    return value if kind in ("address", "dn") else f"{kind}:{value}"


def parse_swanctl_identity(text: str) -> str:
    """Return the "type:value" that charon understands by a text, or "any": the inverse of `swanctl_identity`.

    Source: strongSwan, src/libstrongswan/utils/identification.c. Raises `ValueError` for identities that no option can
    say, such as those in hexadecimal or with wildcards.
    """
    if text in _ANYBODY:
        return ANY
    prefix, colon, value = text.partition(":")
    prefix = prefix.lower() if colon else ""
    kind = _PREFIXES.get(prefix)
    if kind is None:
        kind, value = _charons_guess(text)
    sayable = (
        prefix not in _BINARY and not text.startswith("{") and not value.startswith("#") and value == value.strip()
    )
    try:
        if sayable:
            return parse_identity(f"{kind}:{value}", word=PEER_ADDRESS)
    except ValueError:
        pass
    raise ValueError(
        "an address, a host name, an e-mail address, a distinguished name, or fqdn:, email: or keyid: with its text is "
        "needed, without wildcards and not in hexadecimal"
    )


def _charons_guess(text: str) -> tuple[str, str]:
    if "=" in text:
        return "dn", text
    if text.startswith("@"):
        return (
            ("keyid", text[1:]) if text[1:2] == "#" else ("email", text[2:]) if text[1:2] == "@" else ("fqdn", text[1:])
        )
    guessed = _guessed_type(text)
    return ("keyid" if guessed == "fqdn" and ":" in text else guessed), text


def _kind(word: str) -> Kind:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(_wanted(word))
        return parse_identity(value, word=word)

    return Kind("str", parse)


LOCAL_IDENTITY = _kind(MY_ADDRESS)
REMOTE_IDENTITY = _kind(PEER_ADDRESS)
