# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of value: what is accepted and what it becomes, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import (
    identities,
    kinds,
    proposals,
    rounds,
    selectors,
)
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
DISGUISE = "it is an IPv4 address in the form of an IPv6 one; did you mean "
KEPT = "the kernel keeps 'all' and 'default' for its settings of all interfaces; choose another name"
NO_HOST = "{} is no address of a host; write 'any' for whatever the routes say"
DYNAMIC = "; or 'dynamic' for the endpoint's own address"
DURATION = "a duration is needed: seconds, or a number with s, m, h or d, such as 8h"
BREAK = "it must not contain a line break or NUL (a file's last newline? use the trim filter)"
TOO_LONG = "at most 65535 bytes can be given to charon, this one has 65536"
NO_USER = (
    "a user's name of printable ASCII characters is needed, at most 200, that does not begin with '#', '%', '@' or a "
    "blank, and has none of '*', '=', ':', ',' and '\"' in it"
)
AS_ADDRESS = "a name is needed, and charon takes one that begins as an IPv4 address does for an address"
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


ANYONE = "0.0.0.0"  # noqa: S104  # the page's word for any peer
ASCII = "charon takes identities of printable ASCII characters only"
HEXADECIMAL = "charon takes what comes after a leading '#' for hexadecimal; write another identity"
NO_IDENTITY = "{} stands for anyone and is no identity; a peer that may be anyone has remote_id: any"
OUR_PATTERN = "'*' has no meaning in our own identity, which is sent to the peer as it is"
PATTERN = "'*' may only stand at the beginning, as in fqdn:*.example.org or email:*@example.org"
SLASHES = "a name whose values have commas is written with slashes, such as /C=DE/O=Acme, Inc./CN=gw"
NO_EQUALS = "the part '{}' of the distinguished name has no '='; " + SLASHES
NO_TYPE = (
    "charon knows no '{}' in distinguished names; it knows ND, UID, DC, CN, SN, serialNumber, C, L, ST, STREET, O, OU, T, D, "
    "postalAddress, postalCode, N, G, I, dnQualifier, dmdName, pseudonym, ID, employeeNumber, E, unstructuredName, "
    "unstructuredAddress, TCGID"
)
NO_VALUE = "the part '{}' of the distinguished name has no value, or one that begins with '='"
ESCAPE = "charon knows no escapes in distinguished names; " + SLASHES
LONG = "a proposal has at most 511 characters, this one has 517: make two"
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
        (kinds.ENDPOINT, "192.0.2.1-a.example", "192.0.2.1-a.example"),
        (kinds.ENDPOINT, "64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
        (kinds.NETWORK, "::/96", "::/96"),
        (kinds.ADDRESS, "::1", "::1"),
        (kinds.LOCAL_INTERFACE, "wan0", "wan0"),
        (kinds.LOCAL_INTERFACE, "any", "any"),
        (kinds.LOCAL_INTERFACE, "2001:DB8::1", "2001:db8::1"),
        (selectors.SELECTOR, "dynamic", "dynamic"),
        (selectors.SELECTOR, "10.1.0.0/24", "10.1.0.0/24"),
        (kinds.DURATION, 90, 90),
        (kinds.DURATION, "90", 90),
        (kinds.DURATION, "90s", 90),
        (kinds.DURATION, "5m", 300),
        (kinds.DURATION, "8h", 28800),
        (kinds.DURATION, "2d", 172800),
        (kinds.DURATION, 2147483647, 2147483647),
        (kinds.USERNAME, "any", "any"),
        (kinds.USERNAME, "CORP\\carol", "CORP\\carol"),
        (kinds.USERNAME, "192.0.2.256", "192.0.2.256"),
        (kinds.EAP_IDENTITY, "any", "any"),
        (rounds.GROUP, "staff/192.0.2.1", "staff/192.0.2.1"),
        (kinds.SECRET, "0xdeadbeef", Secret("0xdeadbeef")),
        pytest.param(kinds.SECRET, "ä" * 32767 + "s", Secret("ä" * 32767 + "s"), id="the longest secret"),
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
        (MINE, "dn:c=DE,emailAddress=a@b , CN = x=y z", "dn:C=DE, E=a@b, CN=x=y z"),
        (MINE, "dn:/C=DE/CN=gw", "dn:C=DE, CN=gw"),
        (MINE, "/C=DE/O=Acme, Inc./CN=gw", "dn:/C=DE/O=Acme, Inc./CN=gw"),
        (MINE, "dn:CN=a/b, O=" + "x" * 230, "dn:CN=a/b, O=" + "x" * 230),
        (MINE, "keyid:*", "keyid:*"),
        (MINE, "keyid:" + "k" * 249, "keyid:" + "k" * 249),
        (THEIRS, "*.example.org", "fqdn:*.example.org"),
        (THEIRS, "email:*-7@x", "email:*-7@x"),
        (THEIRS, "C=DE, CN=*", "dn:C=DE, CN=*"),
        (THEIRS, "peer_address", "peer_address"),
        (THEIRS, "any", "any"),
        (THEIRS, "gw", "fqdn:gw"),
        (IKE, "aes256-sha256-modp4096", "aes256-sha256-modp4096"),
        (IKE, " AES256-SHA256-X25519 ", "aes256-sha256-x25519"),
        (IKE, "aes256gcm16-prfsha256-ecp256", "aes256gcm16-prfsha256-ecp256"),
        (IKE, "aes128-aes256-sha256-sha512-modp2048-curve25519", "aes128-aes256-sha256-sha512-modp2048-curve25519"),
        (IKE, "aes256gcm-sha256-modp2048", "aes256gcm-sha256-modp2048"),
        (IKE, "aes256-sha256_96-prfsha1-modp2048", "aes256-sha256_96-prfsha1-modp2048"),
        (ESP, "null-sha256", "null-sha256"),
        (ESP, "aes256-sha256_96", "aes256-sha256_96"),
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
        (kinds.NAME, "include", "swanctl.conf keeps the word 'include' for other files; choose another name"),
        (kinds.INTERFACE_NAME, "ipsec-frankfurt0", INTERFACE + "; this has 16"),
        *each(kinds.INTERFACE_NAME, KEPT, "all", "default"),
        *each(kinds.ADDRESS, ADDRESS, "192.0.2.256", "192.0.2.1/24", "fe80::1%eth0", "gw", "", "1\n", 1.5),
        (kinds.ADDRESS, "::ffff:192.0.2.1", DISGUISE + "192.0.2.1?"),
        (kinds.ADDRESS, "::192.0.2.1", DISGUISE + "192.0.2.1?"),
        (kinds.NETWORK, "::ffff:192.0.2.0/120", DISGUISE + "192.0.2.0?"),
        (kinds.INTERFACE_ADDRESS, "::ffff:192.0.2.1/128", DISGUISE + "192.0.2.1?"),
        (kinds.ENDPOINT, "::ffff:192.0.2.1", DISGUISE + "192.0.2.1?"),
        (selectors.SELECTOR, "::ffff:0:0/96", DISGUISE + "0.0.0.0?" + DYNAMIC),
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
        (kinds.LOCAL_INTERFACE, ANYONE, NO_HOST.format(ANYONE)),
        (kinds.LOCAL_INTERFACE, "0::0", NO_HOST.format("::")),
        (selectors.SELECTOR, "dynamics", NETWORK + DYNAMIC),
        (selectors.SELECTOR, "10.1.0.1/24", "it has host bits set; did you mean 10.1.0.0/24?" + DYNAMIC),
        *each(kinds.DURATION, DURATION, "", "8 h", "-1", "1w", "1h30m", "٣", 1.5, True, None),
        (kinds.DURATION, "24856d", "at most 2147483647 seconds are possible"),
        *each(kinds.USERNAME, NO_USER, "", " a", "a ", "#a", "%any", "@a", "a*", "a:b", "ä", "u" * 201),
        *each(kinds.EAP_IDENTITY, AS_ADDRESS, ANYONE, "192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9"),
        *each(rounds.GROUP, AS_ADDRESS, ANYONE, "192.0.2.0/24"),
        *each(kinds.SECRET, BREAK, "s\n", "s\r", "s\0t"),
        (kinds.SECRET, "", "it must not be empty"),
        (kinds.SECRET, "\udcff", "it must be valid UTF-8"),
        pytest.param(kinds.SECRET, "ä" * 32768, TOO_LONG, id="too long a secret"),
        (kinds.SECRET, 1234, "a text is needed (quote it in YAML if it looks like a number)"),
        *each(kinds.BOOL, "true or false is needed", "yes", 1, 0, "", None),
        *each(METRIC, WHOLE, 0, -1, 4294967296, "1.0", "x", 1.0, True, ""),
        *each(VERSION, "one of 1, 2 is needed", 3, "2", True),
        *each(MINE, ID_MINE, "", "a b", "address:gw", "fqdn:", "fqdn:a b", "email:x", "keyid:", "gw\nid = x"),
        *each(MINE, ID_MINE, "@gw", "a@b@c", "rfc822:a@b"),
        *each(MINE, ASCII, "keyid:ä", "dn:CN=Müller", "keyid:\x7f"),
        *each(MINE, HEXADECIMAL, "keyid:#ff", "email:#61@b"),
        (MINE, "keyid:" + "k" * 250, "an identity has at most 255 characters with its type, this one has 256"),
        (MINE, ANYONE, NO_IDENTITY.format(ANYONE)),
        (THEIRS, "address:0::0", NO_IDENTITY.format("::")),
        *each(MINE, OUR_PATTERN, "*.example.org", "email:*@b", "dn:CN=*"),
        *each(THEIRS, PATTERN, "fqdn:*", "fqdn:a*.example.org", "fqdn:*.-", "email:a*@b", "email:**@b", "*@"),
        (MINE, "dn:x", NO_EQUALS.format("x")),
        (MINE, "dn:C=DE, O=Acme, Inc.", NO_EQUALS.format("Inc.")),
        (MINE, "dn:C=DE,,CN=x", NO_EQUALS.format("")),
        (MINE, "asn1dn:CN=x", NO_TYPE.format("asn1dn:CN")),
        (MINE, "dn:XX=1", NO_TYPE.format("XX")),
        *each(MINE, NO_VALUE.format("CN="), "dn:CN=", "dn:CN=, O=x"),
        (MINE, "dn:CN==x", NO_VALUE.format("CN==x")),
        (MINE, "dn:O=Acme\\2C Inc", ESCAPE),
        (MINE, "dn:" + ", ".join(["OU=x"] * 21), "a distinguished name has at most 20 parts, this one has 21"),
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
        (IKE, "aes256-sha256_96-modp2048", "a PRF is missing beside 'sha256_96', such as prfsha256"),
        (IKE, "aes256gcm16-sha2_256_96-modp2048", "a PRF is missing beside 'sha2_256_96', such as prfsha256"),
        (IKE, "null-sha256-modp2048", "'null' does not encrypt, which IKE must"),
        (IKE, "aes128-null-sha256-modp2048", "'null' does not encrypt, which IKE must"),
        (IKE, "aes256gmac-prfsha256-modp2048", "'aes256gmac' does not encrypt, which IKE must"),
        *each(IKE, LONG, "aes256-sha256" + "-modp2048" * 56),
        *each(ESP, LONG, "aes256-sha256" + "-modp2048" * 56),
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
