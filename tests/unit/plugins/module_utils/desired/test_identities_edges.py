# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of identities: words that belong to the other end, values that charon would read as something else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.identities import (
    LOCAL_IDENTITY,
    REMOTE_IDENTITY,
    swanctl_identity,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import Kind

MINE = (
    "an identity is needed: 'my_address', an address, or a type and a value such as fqdn:gw.example.com, "
    "email:user@example.com, keyid:branch-7 or dn:C=DE, CN=gw"
)
HEXADECIMAL = "charon takes what comes after a leading '#' for hexadecimal; write another identity"
NO_PART = (
    "the part '#3003' of the distinguished name has no '='; a name whose values have commas is written with slashes, such as "
    "/C=DE/O=Acme, Inc./CN=gw"
)
THEIRS = MINE.replace("'my_address'", "'peer_address' or 'any'")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("email", "fqdn:email", id="the name of a type is a host name"),
        pytest.param("keyid: branch 7 ", "keyid:branch 7", id="white space around a value"),
        pytest.param("keyid:a#", "keyid:a#", id="a number sign that is not the first"),
        pytest.param("keyid:a:b", "keyid:a:b", id="a colon in the value"),
        pytest.param("CN=a:b", "dn:CN=a:b", id="a colon, and no type before it"),
    ],
)
def test_accepted(written: str, value: str) -> None:
    assert LOCAL_IDENTITY.parse(written) == REMOTE_IDENTITY.parse(written) == value


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        pytest.param(LOCAL_IDENTITY, "any", MINE, id="we are not anyone"),
        pytest.param(LOCAL_IDENTITY, "peer_address", MINE, id="we are not the peer"),
        pytest.param(REMOTE_IDENTITY, "my_address", THEIRS, id="the peer is not us"),
        pytest.param(LOCAL_IDENTITY, "keyid:#6162", HEXADECIMAL, id="charon would read hexadecimal in a key id"),
        pytest.param(LOCAL_IDENTITY, "email:#a@b", HEXADECIMAL, id="and in an e-mail address"),
        pytest.param(LOCAL_IDENTITY, "dn:#3003, CN=gw", NO_PART, id="and in a distinguished name"),
        pytest.param(LOCAL_IDENTITY, "keyid:a\x1fb", MINE, id="the last control character"),
        pytest.param(LOCAL_IDENTITY, 7, MINE, id="our identity is a text"),
        pytest.param(REMOTE_IDENTITY, 7, THEIRS, id="the peer's is one too"),
    ],
)
def test_refused(kind: Kind, written: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        kind.parse(written)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("identity", "written"),
    [
        ("address:2001:db8::1", "2001:db8::1"),
        ("dn:CN=a:b", "CN=a:b"),
        ("keyid:a:b", "keyid:a:b"),
        ("fqdn:gw.example.org", "fqdn:gw.example.org"),
    ],
)
def test_the_type_on_the_wire_is_explicit(identity: str, written: str) -> None:
    assert swanctl_identity(identity) == written
