# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single values of every kind of option, made from chance: what is right in all its forms, and what is hardly right."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import (
    authority,
    firewall,
    identities,
    key_kinds,
    kinds,
    pem,
    pool,
    proposals,
    selectors,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import Kind
from ansible_collections.swanfleet.ipsec.tests.generators import material

Chance = random.Random
Maker = Callable[[Chance], Any]

# What is hardly right, whatever is asked for.
WILD: Sequence[Any] = (
    "", " ", "a b", "a,b", "a;b", "a\nb", "a\tb", "a{b}", 'a"b', "a\\b", "a#b", "#a", "a=b", "=", "/", "-", "_", ".", "..",
    "%", "%any", "%any6", "%unique", "%dynamic", "100%", "include", "include x", "default", "all", "any", "dynamic", "none",
    "x" * 100, "x" * 101, "x" * 255, "x" * 256, "x" * 600, "ä", "Straße.example", "\u0000", "\u007f", "\u20ac", "\U0001f512",
    "0", "00", "007", "0x10", "1e3", "-1", "4294967293", "4294967294", "4294967295", "4294967296", "99999999d", "59", "60",
    # Addresses, networks, ranges, names.
    "0.0.0.0", "0.0.0.0/0", "0.0.0.0/32", "255.255.255.255", "224.0.0.1", "127.0.0.1", "10.0.0.1/8", "10.0.0.0/33", "10.0.0",  # noqa: S104  # values
    "::", "::/0", "::1", "::1:0", "::ffff:192.0.2.1", "::192.0.2.1", "::ffff:0:0/96", "fe80::1", "fe80::1%wan0", "ff02::1",
    "2001:db8::/129", "192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::1", "192.0.2.1-", "1-2", "a-b",
    # Protocols and ports.
    "10.0.0.0/8[tcp/443]", "10.0.0.0/8[443/tcp]", "10.0.0.0/8[tcp/", "10.0.0.0/8[tcp]]", "10.0.0.0/8[tcp,udp]", "dynamic[/53]",
    "dynamic[256]", "dynamic[tcp/65536]", "dynamic[tcp/9-1]", "dynamic[]", "dynamic[ tcp]", "dynamic[6/0x50]", "dynamic[06]",
    "10.0.0.1-10.0.0.9[udp/opaque]", "10.0.0.1-10.0.0.9/32", "10.0.0.0/8[icmp/255-256]", "[tcp/22]", "10.0.0.0[tcp]/8",
    # Identities.
    "my_address", "peer_address", "@gw.example.org", "@@a", "*", "*@", "*@example.org", "*.example.org", "a*b@example.org",
    "a@b@c", "rfc822:a@b", "ipv4:1.2.3.4", "asn1dn:CN=x", "{9}:x", "fqdn:", "email:#61", "keyid:#ff", "keyid:*", "dn:CN",
    "dn:CN=", "dn:XX=1", "dn:CN=a, b", "dn:/CN=a, b", "dn:O=Acme\\, Inc", "dn:CN==a", "dn:CN=ä", "address:::",
    "keyid:" + "k" * 249, "keyid:" + "k" * 250, "keyid:" + "k" * 600,
    # Proposals.
    "aes", "aes256", "aes256-sha256", "null-sha256-modp2048", "aes256gcm16-aes128", "aes256-sha256-modp2048-esn", "modp2048",
    "aes256 - sha256", "serpent256-sha256-modp2048", "aes256-sha256-" + "-".join(["modp2048"] * 55),
    "aes256-sha256-" + "-".join(["modp2048"] * 56),
    # Other types.
    0, 1, -1, 59, 60, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 1.5, True, False, None, [], ["x"], {}, {"x": 1}, [None],
)  # fmt: skip

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_-"
_MAIL = "abc019.+_%'/{}#!$=?^|~&`"
_PRINTABLE = "".join(map(chr, range(32, 127)))
_HOSTS = (
    "gw", "gw.example.org", "GW-1.Example.ORG.", "a_b.example", "1-2.example", "192-0-2-1.example.net", "x" * 63 + ".example",
    ".".join(["label" * 9] * 5), "any.example", "dynamic.example", "10.1.2.3-10.1.2.x",
)  # fmt: skip
_DN_TYPES = "C O OU CN L ST E emailAddress UID DC SN serialNumber dnQualifier cn TCGID".split()
_DN_FORMS = ("/C=DE/O=Acme, Inc./CN=gw", 'C=DE, O=a "b" # {c}, CN=gw', "CN=a=b", "CN = gw", "C=DE/ST=x, CN=y", "CN=*x")
_PATTERNS = ("*.example.org", "fqdn:*.a.example.org", "*@example.org", "email:*-7@x", "dn:C=DE, CN=*")


def _text(chance: Chance, letters: str, most: int) -> str:
    return "".join(chance.choices(letters, k=chance.randint(1, most)))


def name(chance: Chance) -> str:
    """Return a name of a connection, now and then as long as it may be."""
    return "n" * 90 + _text(chance, "0123456789", 10) if chance.random() < 0.05 else _text(chance, _LETTERS, 20) + "x"


def link(chance: Chance) -> str:
    """Return a name of a link."""
    return "x" + _text(chance, "abcxyz0189.-_", 14)


def router(chance: Chance, version: int) -> str:
    """Return an address that a next hop may have, on the link alone too."""
    return chance.choice(("192.0.2.254", "203.0.113.254") if version == 4 else ("fe80::1", "2001:db8::ffff"))


def address(chance: Chance, version: int) -> str:
    """Return an address, now and then in an unusual spelling."""
    if version == 4:
        return f"198.51.{chance.randrange(256)}.{chance.randrange(256)}"
    if chance.random() < 0.2:
        return chance.choice(("2001:DB8:0:0::7", "fd00::1", "64:ff9b::102:304", "2001:db8:0:0:1:0:0:1"))
    return f"2001:db8::{chance.randrange(65536):x}:{chance.randrange(65536):x}"


def network(chance: Chance, version: int) -> str:
    """Return a network in one of its forms."""
    if chance.random() < 0.15:
        return chance.choice(
            ("10.7.0.0/255.255.0.0", "10.7.7.7", "0.0.0.0/0") if version == 4 else ("2001:DB8:7::/48", "::/0")
        )
    base = f"10.{chance.randrange(256)}.{chance.randrange(256)}.0" if version == 4 else address(chance, 6)
    length = chance.choice((8, 16, 24, 24, 29, 32) if version == 4 else (32, 48, 56, 64, 127, 128))
    return str(ipaddress.ip_network(f"{base}/{length}", strict=False))


def selector(chance: Chance, version: int) -> str:
    """Return one side of a traffic selector: often a network, else a range or what is dynamic, and some of its packets."""
    where = network(chance, version) if chance.random() < 0.8 else "dynamic"
    if chance.random() < 0.1:
        where = "-".join(
            map(str, sorted((ipaddress.ip_address(address(chance, version)) for _end in range(2)), key=int))
        )
    low = chance.randint(0, 65534)
    port = chance.choice(
        ("any", "opaque", "443", "https", str(low), f"{low}-{chance.randint(low + 1, 65535)}", "0-65535")
    )
    some = ("tcp", "udp", "TCP", "17", "any", "", "gre", "132", "icmp", "ipv6-icmp", "251")
    limits = chance.choice((f"[{chance.choice(some)}/{port}]", f"[{chance.choice(some)}]", "[icmp/8]", "[icmp/771]"))
    return where + (limits if chance.random() < 0.2 else "")


def shunt_selectors(chance: Chance, version: int) -> list[str]:
    """Return one side of a shunt: what the kernel can match, in not too many parts."""
    found = [selector(chance, version) for _number in range(chance.choice((1, 1, 2)))]
    kept = [each for each in found if not any(word in each for word in ("opaque", "icmp/"))]
    return list(dict.fromkeys(kept)) or [network(chance, version)]


def endpoint(chance: Chance, version: int, *, single: bool = False) -> str:
    """Return an address or host name, or unless a single peer is asked for, a subnet, a range or anyone."""
    kind = chance.choice(("address", "address", "host") if single else ("address", "host", "subnet", "range", "anyone"))
    if kind == "host":
        return chance.choice(_HOSTS)
    if kind == "subnet":
        return network(chance, version)
    if kind == "range":
        both = sorted((ipaddress.ip_address(address(chance, version)) for _end in range(2)), key=int)
        return "-".join(map(str, both))
    return address(chance, version) if kind == "address" else ("0.0.0.0" if version == 4 else "::")  # noqa: S104  # anyone


def _duration(chance: Chance) -> Any:
    edges = (60, "60", "61s", "1m", "8h", "24855d", 2**31 - 1, "2147483647", "99999m")
    return chance.choice(edges) if chance.random() < 0.5 else chance.randint(60, 100_000)


def _secret(chance: Chance) -> str:
    edges = (
        "0x00",
        "0Sff",
        "0s",
        ' "',
        "#",
        "\\",
        "%any",
        "s" * 64,
        "ä" * 32767 + "s",
        "}",
        "include x",
        "ä€\U0001f512",
    )
    return chance.choice(edges) if chance.random() < 0.2 else _text(chance, _PRINTABLE + "äöüß", 40)


def _distinguished_name(chance: Chance) -> str:
    if chance.random() < 0.3:
        return chance.choice(_DN_FORMS)
    separator = chance.choice((",", ", ", " , ", "/"))
    letters = "abcxyzABC019 .-+'():?" + ("," if separator == "/" else "/")
    parts = (
        f"{chance.choice(_DN_TYPES)}=a{_text(chance, letters, 8)}b" for _part in range(chance.choice((1, 3, 4, 20)))
    )
    return ("/" if separator == "/" else "") + separator.join(parts)


def identity(chance: Chance) -> str:
    """Return an identity with or without its type."""
    kind = chance.choice(("address", "host", "email", "dn", "keyid", "edge"))
    if kind == "address":
        return address(chance, chance.choice((4, 6)))
    if kind == "host":
        return chance.choice(("", "fqdn:")) + chance.choice(_HOSTS)
    if kind == "email":
        return f"email:a{_text(chance, _MAIL, 20)}@{chance.choice(('b', 'example.org'))}"
    if kind == "dn":
        return f"dn:{_distinguished_name(chance)}"
    if kind == "keyid":
        return f"keyid:k{_text(chance, _PRINTABLE, 60)}"
    return chance.choice(
        ("user@example.org", "address:192.0.2.77", "keyid:" + "k" * 249, "keyid:ipv4:1.2.3.4", "keyid:%any")
    )


def pattern(chance: Chance) -> str:
    """Return an identity that stands for many."""
    return chance.choice(_PATTERNS)


def _tokens(chance: Chance, known: frozenset[str]) -> list[str]:
    return chance.sample(sorted(known), chance.randint(1, 3))


def _ike(chance: Chance) -> str:
    aead = chance.random() < 0.4
    ciphers = proposals.AEADS if aead else proposals.CIPHERS
    tokens = _tokens(chance, ciphers - {"null", "aes128gmac", "aes192gmac", "aes256gmac"})
    prf = chance.random() < 0.5
    if prf:
        tokens += _tokens(chance, proposals.PRFS)
    if not aead or not prf:
        tokens += _tokens(chance, proposals.INTEGRITIES)
    tokens += _tokens(chance, proposals.GROUPS)
    chance.shuffle(tokens)
    return "-".join(tokens)


def _ah(chance: Chance) -> str:
    tokens = [chance.choice(sorted(proposals.INTEGRITIES))]
    return "-".join(tokens + chance.choices(sorted(proposals.GROUPS), k=chance.randint(0, 2)))


def _esp(chance: Chance) -> str:
    aead = chance.random() < 0.5
    tokens = _tokens(chance, proposals.AEADS if aead else proposals.CIPHERS)
    tokens += [] if aead else _tokens(chance, proposals.INTEGRITIES)
    tokens += _tokens(chance, proposals.GROUPS) if chance.random() < 0.5 else []
    tokens += chance.choice((["esn"], ["noesn"], ["esn", "noesn"])) if chance.random() < 0.2 else []
    text = "-".join(tokens)
    return text.upper() if chance.random() < 0.1 else text


def _on_link(chance: Chance) -> str:
    version = chance.choice((4, 4, 6))
    return f"{address(chance, version)}/{chance.randint(8, 32) if version == 4 else chance.randint(32, 128)}"


def _bytes(chance: Chance) -> Any:
    return chance.choice((0, "0", "1000", "500m", "3G", "7K", 10**15 - 1, chance.randint(1, 10**12)))


def _between(low: int, high: int) -> Maker:
    return lambda chance: chance.choice((low, high, str(high), hex(high), chance.randint(low, high)))


def pool_addresses(chance: Chance, number: int) -> str:
    """Return what a pool takes its addresses from, which no pool of another number has."""
    return chance.choice(
        (f"10.{number}.0.0/24", f"10.{number}.0.7/32", f"10.{number}.0.9-10.{number}.0.10", f"2001:db8:{number}::/120",
         f"2001:db8:{number}::1 - 2001:db8:{number}::9")
    )  # fmt: skip


# One maker for each kind that options have, but for those that are made of others.
MAKERS: dict[Kind, Maker] = {
    kinds.NAME: name,
    kinds.INTERFACE_NAME: link,
    kinds.ADDRESS: lambda chance: address(chance, chance.choice((4, 6))),
    kinds.NETWORK: lambda chance: network(chance, chance.choice((4, 6))),
    kinds.INTERFACE_ADDRESS: _on_link,
    kinds.ENDPOINT: lambda chance: endpoint(chance, 4, single=True),
    kinds.LOCAL_INTERFACE: lambda chance: chance.choice(("wan0", "wan1", "any")),
    selectors.SELECTOR: lambda chance: selector(chance, 4),
    firewall.PROTOCOL: lambda chance: chance.choice(
        ("any", "tcp", "UDP", "icmp", "icmpv6", "gre", "ospf", 132, 47, "255")
    ),
    firewall.PORTS: lambda chance: chance.choice((22, "443", "8000-8099", "0-65535", "7-7", 65535)),
    firewall.IDENTIFIER: lambda chance: chance.choice(("filter", "INPUT", "from-wan", "a.b/c_d", "_x")),
    kinds.DURATION: _duration,
    kinds.BOOL: lambda chance: chance.random() < 0.5,
    kinds.SECRET: _secret,
    key_kinds.BYTES: _bytes,
    key_kinds.MARK: lambda chance: chance.choice((0, "1", "0x2a/0xff", "%unique", "%unique-dir/0xFFFF", 2**32 - 3)),
    key_kinds.FIXED_MARK: lambda chance: chance.choice((0, "1", "0x2a/0xff", 2**32 - 3)),
    key_kinds.SET_MARK: lambda chance: chance.choice((0, "1/255", "0x2A", 2**32 - 3)),
    key_kinds.IF_ID: lambda chance: chance.choice((1, "0x7", "%unique", "%unique-dir", 2**32 - 3)),
    key_kinds.COMMAND: lambda chance: chance.choice(
        ("/bin/true", "/usr/lib/ipsec/_updown iptables", "/a/b-c.d_e a=b %x")
    ),
    key_kinds.LABEL: lambda chance: chance.choice(("x", "system_u:object_r:ipsec_spd_t:s0", "a 'b' \"c\" #")),
    key_kinds.IDENTITY: identity,
    pool.ATTRIBUTE: lambda chance: chance.choice((address(chance, 4), address(chance, 6), network(chance, 4))),
    pool.ADDRESSES: lambda chance: pool_addresses(chance, chance.randrange(256)),
    pool.TEXT: lambda chance: chance.choice(("text", "10.1.2.3", "a b", 'a "b"', "#{x}", 7)),
    pool.NUMBER: _between(1, 32767),
    authority.LIST_URI: lambda chance: chance.choice(
        ("http://crl.example.org/ca.crl", "file:///etc/ca.crl", "ldap://[2001:db8::1]/cn=a%2Cc=b?c", 'http://a/"#{x}\\')
    ),
    authority.SERVICE_URI: lambda chance: chance.choice(("http://ocsp.example.org:8888", "https://a/b?c=d&e={f}")),
    pem.CERTIFICATE: lambda chance: chance.choice((material.AUTHORITY, material.OTHER_AUTHORITY)),
    key_kinds.PADDING: lambda chance: chance.choice(("mtu", 0, "65535", chance.randint(1, 2000))),
    key_kinds.PACKETS: _between(0, 10**15 - 1),
    key_kinds.PORT: _between(1, 65535),
    key_kinds.DSCP: _between(0, 63),
    key_kinds.TRIES: _between(0, 2**31 - 1),
    key_kinds.REPLAY_WINDOW: _between(0, 4096),
    key_kinds.PRIORITY: _between(1, 2**32 - 1),
    key_kinds.REQID: _between(1, 2**32 - 1),
    identities.LOCAL_IDENTITY: lambda chance: "my_address" if chance.random() < 0.3 else identity(chance),
    identities.REMOTE_IDENTITY: lambda chance: (
        chance.choice(("peer_address", "any")) if chance.random() < 0.3 else identity(chance)
    ),
    proposals.IKE_PROPOSAL: _ike,
    proposals.ESP_PROPOSAL: _esp,
    proposals.AH_PROPOSAL: _ah,
}
