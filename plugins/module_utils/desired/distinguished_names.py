# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinguished names as charon reads them; what it cannot read it takes, without a word, for a key id."""

from __future__ import annotations

# Source: strongSwan, src/libstrongswan/utils/identification.c, x501rdns and atodn(). Its spelling is what list-conns shows.
_SPELLINGS = (
    "ND UID DC CN SN serialNumber C L ST STREET O OU T D postalAddress postalCode N G I dnQualifier dmdName pseudonym ID "
    "employeeNumber E unstructuredName unstructuredAddress TCGID"
).split()
_TYPES = {
    **{each.lower(): each for each in _SPELLINGS},
    "en": "employeeNumber",
    "email": "E",
    "emailaddress": "E",
    "un": "unstructuredName",
    "ua": "unstructuredAddress",
}
_MOST_PARTS = 20


def parse_distinguished_name(text: str) -> str:
    """Return a name in one spelling: "C=DE, CN=gw", or "/C=DE/O=Acme, Inc./CN=gw" where a value has a comma.

    charon splits at every comma, or at every slash where the name begins with one; it knows neither quotes nor escapes.
    Raises `ValueError` that says what would be right.
    """
    separator, body = ("/", text[1:]) if text.startswith("/") else (",", text)
    parts = [_part(each) for each in body.split(separator)]
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"a distinguished name has at most {_MOST_PARTS} parts, this one has {len(parts)}")
    if any("," in value for _kind, value in parts):
        return "".join(f"/{kind}={value}" for kind, value in parts)
    return ", ".join(f"{kind}={value}" for kind, value in parts)


def is_pattern(name: str) -> bool:
    """Say whether a value of a name (as `parse_distinguished_name` returned it) is "*", which stands for any value."""
    separator = "/" if name.startswith("/") else ","
    return any(part.partition("=")[2].strip() == "*" for part in name.split(separator))


def _part(text: str) -> tuple[str, str]:
    kind, equals, value = (each.strip(" ") for each in text.partition("="))
    if not equals:
        raise ValueError(
            f"the part '{text.strip()}' of the distinguished name has no '='; a name whose values have commas is written "
            "with slashes, such as /C=DE/O=Acme, Inc./CN=gw"
        )
    if kind.lower() not in _TYPES:
        raise ValueError(f"charon knows no '{kind}' in distinguished names; it knows {', '.join(_SPELLINGS)}")
    if not value or value.startswith("="):
        raise ValueError(
            f"the part '{text.strip()}' of the distinguished name has no value, or one that begins with '='"
        )
    if "\\" in value:
        raise ValueError(
            "charon knows no escapes in distinguished names; a name whose values have commas is written with slashes, "
            "such as /C=DE/O=Acme, Inc./CN=gw"
        )
    return _TYPES[kind.lower()], value
