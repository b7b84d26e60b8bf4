# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon understands by the text of an identity, in our words."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.identities import (
    parse_identity,
    parse_swanctl_identity,
    swanctl_identity,
)


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("192.0.2.1", "address:192.0.2.1"),
        ("2001:DB8::01", "address:2001:db8::1"),
        ("gw.example.com", "fqdn:gw.example.com"),
        ("@gw.example.com", "fqdn:gw.example.com"),
        ("DNS:gw.example.com", "fqdn:gw.example.com"),
        ("me@example.com", "email:me@example.com"),
        ("@@me@example.com", "email:me@example.com"),
        ("rfc822:me@example.com", "email:me@example.com"),
        ("C=CH, O=a: b @ c", "dn:C=CH, O=a: b @ c"),
        ("keyid:x y: z", "keyid:x y: z"),
        ("*.example.com", "fqdn:*.example.com"),
        ("branch:7", "keyid:branch:7"),
        ("%any", "any"),
        ("", "any"),
        ("%any6", "any"),
        ("0.0.0.0", "any"),  # noqa: S104  # a text of charon's, not an address to bind to
        ("*", "any"),
        ("::", "any"),
        ("0::0", "any"),
        ("keyid:a#", "keyid:a#"),
    ],
)
def test_a_text_is_understood(text: str, identity: str) -> None:
    assert parse_swanctl_identity(text) == identity


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.0/8", "192.0.2.1-192.0.2.9", "ipv4:192.0.2.1", "asn1dn:C=CH", "xmppaddr:a@b", "keyid:#0102",
        "@#0102", "{11}:x", "keyid: x", "a b", "fqdn:", "email:me", "300.0.0.1",
    ],
)  # fmt: skip
def test_what_no_option_can_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an address, a host name, an e-mail address, a distinguished name, or fqdn:"):
        parse_swanctl_identity(text)


@pytest.mark.parametrize(
    "identity",
    ["address:192.0.2.1", "address:::1", "fqdn:gw", "email:a@b", "keyid:a=b@c", "dn:C=DE, CN=gw", "keyid:1.2.3.4"],
)
def test_what_we_write_is_understood_as_it_was_meant(identity: str) -> None:
    assert parse_identity(identity, word="my_address") == identity
    assert parse_swanctl_identity(swanctl_identity(identity)) == identity
