# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of value: what is accepted and what it becomes, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import identities, kinds, proposals
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import Kind
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret

NAME = "a name of letters, digits, '_' and '-' is needed, at most 100 characters"
INTERFACE = "an interface name of letters, digits, '_', '-' and '.' is needed, at most 15 characters"
ADDRESS = "an IPv4 or IPv6 address is needed, such as 192.0.2.1 or 2001:db8::1"
NETWORK = "a network is needed, such as 10.1.0.0/24 or 2001:db8::/64"
ON_LINK = "an address with its prefix length is needed, such as 10.255.0.1/30"
ENDPOINT = "an address, a subnet, a range (192.0.2.1-192.0.2.9) or a host name is needed"
RANGE = "a range goes from the lower to the higher address of one family"
LOCAL = "an interface name (at most 15 characters), an address of this host, or 'any' is needed"
DYNAMIC = "; or 'dynamic' for the endpoint's own address"
DURATION = "a duration is needed: seconds, or a number with s, m, h or d, such as 8h"
BREAK = "it must not contain a line break or NUL (a file's last newline? use the trim filter)"
METRIC = kinds.integer(1, 0xFFFFFFFF)
WHOLE = "a whole number from 1 to 4294967295 is needed"
VERSION = kinds.choice((1, 2))
GROUP = "a Diffie-Hellman group is missing, such as modp4096 or curve25519"
ESP, IKE = proposals.ESP_PROPOSAL, proposals.IKE_PROPOSAL
MINE, THEIRS = identities.LOCAL_IDENTITY, identities.REMOTE_IDENTITY


def _id(words: str) -> str:
    return (
        f"an identity is needed: {words}, an address, or a type and a value such as fqdn:gw.example.com, "
        "email:user@example.com, keyid:branch-7 or dn:C=DE, CN=gw"
    )


ID_MINE, ID_THEIRS = _id("'my_address'"), _id("'peer_address' or 'any'")


def refusal(kind: Kind, written: Any) -> str:
    """Return the words of a refusal; empty when the value is taken."""
    try:
        kind.parse(written)
    except ValueError as error:
        return str(error)
    return ""


def each(kind: Kind, message: str, /, *written: Any) -> list[tuple[Kind, Any, str]]:
    """Return rows of values that are refused with the same message."""
    return [(kind, value, message) for value in written]


def unknown(name: str) -> str:
    return f"there is no algorithm '{name}'; write them joined by '-', such as aes256-sha256-modp4096"


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (kinds.NAME, "gw-1_B", "gw-1_B"),
        (kinds.NAME, 42, "42"),
        (kinds.NAME, "n" * 100, "n" * 100),
        (kinds.INTERFACE_NAME, "ipsec-paris.100", "ipsec-paris.100"),
        (kinds.INTERFACE_NAME, 7, "7"),
        (kinds.ADDRESS, "192.0.2.1", "192.0.2.1"),
        (kinds.ADDRESS, "2001:DB8:0::1", "2001:db8::1"),
        (kinds.NETWORK, "10.1.0.0/24", "10.1.0.0/24"),
        (kinds.NETWORK, "10.1.0.0/255.255.255.0", "10.1.0.0/24"),
        (kinds.NETWORK, "10.1.0.7", "10.1.0.7/32"),
        (kinds.NETWORK, "2001:db8:0::/48", "2001:db8::/48"),
        (kinds.NETWORK, "::/0", "::/0"),
        (kinds.INTERFACE_ADDRESS, "10.255.0.1/30", "10.255.0.1/30"),
        (kinds.INTERFACE_ADDRESS, "2001:DB8::1/64", "2001:db8::1/64"),
        (kinds.ENDPOINT, "192.0.2.1", "192.0.2.1"),
        (kinds.ENDPOINT, "192.0.2.0/24", "192.0.2.0/24"),
        (kinds.ENDPOINT, "192.0.2.1 - 192.0.2.9", "192.0.2.1-192.0.2.9"),
        (kinds.ENDPOINT, "::", "::"),
        (kinds.ENDPOINT, "GW-1.Example.ORG.", "gw-1.example.org"),
        (kinds.ENDPOINT, "gw", "gw"),
        (kinds.LOCAL_INTERFACE, "wan0", "wan0"),
        (kinds.LOCAL_INTERFACE, "any", "any"),
        (kinds.LOCAL_INTERFACE, "2001:DB8::1", "2001:db8::1"),
        (kinds.SELECTOR, "dynamic", "dynamic"),
        (kinds.SELECTOR, "10.1.0.0/24", "10.1.0.0/24"),
        (kinds.DURATION, 90, 90),
        (kinds.DURATION, "90", 90),
        (kinds.DURATION, "90s", 90),
        (kinds.DURATION, "5m", 300),
        (kinds.DURATION, "8h", 28800),
        (kinds.DURATION, "2d", 172800),
        (kinds.SECRET, "0xdeadbeef", Secret("0xdeadbeef")),
        (kinds.SECRET, 'ä " \\ \t', Secret('ä " \\ \t')),
        (kinds.BOOL, True, True),
        (kinds.BOOL, False, False),
        (METRIC, "0x10", 16),
        (METRIC, 1, 1),
        (METRIC, "4294967295", 4294967295),
        (VERSION, 2, 2),
        (kinds.choice(("ipv4", "ipv6")), "ipv6", "ipv6"),
        (MINE, "my_address", "my_address"),
        (MINE, "192.0.2.1", "address:192.0.2.1"),
        (MINE, "2001:DB8::1", "address:2001:db8::1"),
        (MINE, "address:2001:db8::1", "address:2001:db8::1"),
        (MINE, "gw.example.org", "fqdn:gw.example.org"),
        (MINE, "fqdn:gw.example.org", "fqdn:gw.example.org"),
        (MINE, "a@example.org", "email:a@example.org"),
        (MINE, "keyid:branch 7", "keyid:branch 7"),
        (MINE, "C=DE, CN=gw", "dn:C=DE, CN=gw"),
        (MINE, "dn:C=DE, CN=a@b", "dn:C=DE, CN=a@b"),
        (THEIRS, "peer_address", "peer_address"),
        (THEIRS, "any", "any"),
        (THEIRS, "gw", "fqdn:gw"),
        (IKE, "aes256-sha256-modp4096", "aes256-sha256-modp4096"),
        (IKE, " AES256-SHA256-X25519 ", "aes256-sha256-x25519"),
        (IKE, "aes256gcm16-prfsha256-ecp256", "aes256gcm16-prfsha256-ecp256"),
        (IKE, "aes128-aes256-sha256-sha512-modp2048-curve25519", "aes128-aes256-sha256-sha512-modp2048-curve25519"),
        (ESP, "aes256gcm16", "aes256gcm16"),
        (ESP, "aes256-sha256-modp2048-esn-noesn", "aes256-sha256-modp2048-esn-noesn"),
        (ESP, "chacha20poly1305-curve25519", "chacha20poly1305-curve25519"),
    ],
)
def test_accepted(kind: Kind, written: Any, value: Any) -> None:
    assert kind.parse(written) == value
    assert kind.parse(value) == value


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        *each(kinds.NAME, NAME, "", "a b", "a.b", "a:b", 'a"b', "a\n", "a{", "ä", "n" * 101, None, True, []),
        *each(kinds.INTERFACE_NAME, INTERFACE, "", "a/b", "a b", "a:b", ".", "..", "wan0\n", False),
        (kinds.INTERFACE_NAME, "ipsec-frankfurt0", INTERFACE + "; this has 16"),
        *each(kinds.ADDRESS, ADDRESS, "192.0.2.256", "192.0.2.1/24", "fe80::1%eth0", "gw", "", "1\n", 1.5),
        *each(kinds.NETWORK, NETWORK, "10.1.0.0/33", "lan", "fe80::%x y/64", "fe80::%a,0/64", "", "::/129"),
        (kinds.NETWORK, "10.1.0.1/24", "it has host bits set; did you mean 10.1.0.0/24?"),
        *each(kinds.INTERFACE_ADDRESS, ON_LINK, "10.0.0.1/33", "fe80::1%x\nlink delete dev eth0\n/64", "a/24"),
        (kinds.INTERFACE_ADDRESS, "10.255.0.1", ON_LINK + "; did you mean 10.255.0.1/32?"),
        *each(
            kinds.ENDPOINT,
            ENDPOINT,
            "192.0.2.256",
            "1.2.3",
            "-gw",
            "gw-",
            "a b",
            "a,b",
            "gw;x",
            "10.0.0.0/33",
            "fe80::1%x-fe80::2%x",
            "fe80::1%x",
            "a..b",
            "x" * 254,
            "gw\n",
            "%any",
            None,
        ),
        (kinds.ENDPOINT, "192.0.2.0/24".replace(".0/", ".9/"), "it has host bits set; did you mean 192.0.2.0/24?"),
        (kinds.ENDPOINT, "192.0.2.9-192.0.2.1", RANGE),
        (kinds.ENDPOINT, "192.0.2.9-2001:db8::1", RANGE),
        *each(kinds.LOCAL_INTERFACE, LOCAL, "a-name-of-16-chr", "a b", "192.0.2.1/24", "", "eth0,eth1", 1.5),
        (kinds.SELECTOR, "dynamics", NETWORK + DYNAMIC),
        (kinds.SELECTOR, "10.1.0.1/24", "it has host bits set; did you mean 10.1.0.0/24?" + DYNAMIC),
        *each(kinds.DURATION, DURATION, "", "8 h", "-1", "1w", "1h30m", "٣", 1.5, True, None),
        (kinds.DURATION, "24856d", "at most 2147483647 seconds are possible"),
        *each(kinds.SECRET, BREAK, "s\n", "s\r", "s\0t"),
        (kinds.SECRET, "", "it must not be empty"),
        (kinds.SECRET, "\udcff", "it must be valid UTF-8"),
        (kinds.SECRET, 1234, "a text is needed (quote it in YAML if it looks like a number)"),
        *each(kinds.BOOL, "true or false is needed", "yes", 1, 0, "", None),
        *each(METRIC, WHOLE, 0, -1, 4294967296, "1.0", "x", 1.0, True, ""),
        *each(VERSION, "one of 1, 2 is needed", 3, "2", True),
        *each(MINE, ID_MINE, "", "a b", "address:gw", "fqdn:", "fqdn:a b", "email:x", "dn:x", "keyid:", "gw\nid = x"),
        *each(THEIRS, ID_THEIRS, "", "fqdn:-", "address:1"),
        (IKE, "aes256-sha256", GROUP),
        (IKE, "aes256gcm16-prfsha256", GROUP),
        (IKE, "sha256-modp2048", "an encryption algorithm is missing, such as aes256"),
        (IKE, "aes256-modp2048", "an integrity algorithm is missing, such as sha256"),
        (IKE, "aes256gcm16-modp2048", "a PRF is missing beside 'aes256gcm16', such as prfsha256"),
        (
            IKE,
            "aes256-aes256gcm16-sha256-modp2048",
            ("'aes256gcm16' carries its own integrity and cannot be in one proposal with 'aes256': make two proposals"),
        ),
        (IKE, "aes256-sha256-modp2048-esn", "'esn' belongs to phase 2"),
        (IKE, "aes257-sha256-modp2048", unknown("aes257")),
        (IKE, "aes256,sha256", unknown("aes256,sha256")),
        (IKE, "", unknown("")),
        (IKE, "aes256--sha256", unknown("")),
        (IKE, 1, "a text is needed, such as aes256-sha256-modp4096"),
        (ESP, "aes256", "'aes256' needs an integrity algorithm beside it, such as sha256"),
        (ESP, "sha256", "an encryption algorithm is missing, such as aes256gcm16"),
        (ESP, "aes256-sha256-prfsha256", "'prfsha256' belongs to phase 1"),
    ],
)
def test_refused(kind: Kind, written: Any, message: str) -> None:
    assert refusal(kind, written) == message


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("s3cret")
    assert [repr(secret), str(secret), f"{[secret]}"] == ["***", "***", "[***]"]
    assert secret == Secret("s3cret")
    assert secret != Secret("other")
    assert secret != "s3cret"


def test_a_keyed_hash_depends_on_key_value_and_context() -> None:
    hashes = [
        Secret(value).keyed_hash(key, *context)
        for value, key, context in (
            ("a", b"k", ("x",)),
            ("b", b"k", ("x",)),
            ("a", b"l", ("x",)),
            ("a", b"k", ("x", "")),
        )
    ]
    assert len(set(hashes)) == 4
    assert hashes[0] == Secret("a").keyed_hash(b"k", "x")
