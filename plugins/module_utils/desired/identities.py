# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities of IKE peers (RFC 7296 section 3.5; the page's "Identifier"): what people write, and the type on the wire."""

from __future__ import annotations

import functools
from typing import Any

from .kinds import is_host_name, parse_address
from .options import Kind

MY_ADDRESS = "my_address"
PEER_ADDRESS = "peer_address"
ANY = "any"

_TYPES = ("address", "fqdn", "email", "dn", "keyid")
_WANTED = (
    "an identity is needed: {words}, an address, or a type and a value such as fqdn:gw.example.com, "
    "email:user@example.com, keyid:branch-7 or dn:C=DE, CN=gw"
)


@functools.lru_cache(maxsize=65536)
def parse_identity(text: str, *, word: str) -> str:
    """Return `word`, "any" or "type:value"; the type of a bare value follows from its form.

    An address is an address, a text with "@" an e-mail address, one with "=" a distinguished name, a host name an FQDN.
    Raises `ValueError` that says what would be right.
    """
    wanted = _WANTED.format(words=f"'{word}'" if word == MY_ADDRESS else f"'{word}' or '{ANY}'")
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
    if kind == "address":
        try:
            return "address:" + parse_address(value)
        except ValueError:
            raise ValueError(wanted) from None
    if (
        (kind == "fqdn" and not is_host_name(value))
        or (kind == "email" and "@" not in value)
        or (kind == "dn" and "=" not in value)
        or (kind in ("keyid", "dn") and value.startswith("#"))  # charon would read the rest as hexadecimal
    ):
        raise ValueError(wanted)
    return f"{kind}:{value}"


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


def swanctl_identity(identity: str) -> str:
    """Return "type:value" as swanctl writes it, so that the type on the wire is explicit (swanctl.conf, local<suffix>.id)."""
    kind, _colon, value = identity.partition(":")
    return value if kind in ("address", "dn") else f"{kind}:{value}"


def _kind(word: str) -> Kind:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(_WANTED.format(words=f"'{word}'"))
        return parse_identity(value, word=word)

    return Kind("str", parse)


LOCAL_IDENTITY = _kind(MY_ADDRESS)
REMOTE_IDENTITY = _kind(PEER_ADDRESS)
